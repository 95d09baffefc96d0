"""What scoring counts: whether frames are judged in time, who the newest frame is of, and which frame it was."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from andon.exposition import OPENMETRICS, Exposition
from andon.kafka.source import Place
from andon.metrics import Metrics
from andon.records import PreparedFrame, Unscorable
from andon.records.frame import First
from andon.stage import Record
from andon_scoring.observe import TIDY_EVERY_S, Newest, counted, counted_shadows
from andon_scoring.score import Loaded, Scoring

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
MakePrepared = Callable[..., PreparedFrame]
MakeRecord = Callable[..., Record]
MakeLoaded = Callable[..., Loaded]


class Rig:
    """A scoring that is watched: frames of `AT`, judged so long after."""

    def __init__(self, bundle: Loaded, deadline_s: float = 2.5) -> None:
        self.registry = CollectorRegistry()
        self.ours: list[Place] = []
        choose = lambda prepared: Unscorable.NO_BUNDLE if prepared.frame.station == "new" else (bundle,)  # noqa: E731
        self.handle = counted(Scoring(choose), Metrics(self.registry), deadline_s)

    def after(self, seconds: float, *records: Record) -> None:
        self.handle(list(records), AT + timedelta(seconds=seconds))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"andon_{name}", labels)

    def judged(self) -> list[float | None]:
        """In time, late, unscorable."""
        return [self.value("frames_judged_total", outcome=each) for each in ("in_time", "late", "unscorable")]


@pytest.fixture
def rig(loaded: MakeLoaded) -> Rig:
    return Rig(loaded())


@pytest.fixture
def frame(prepared: MakePrepared, record: MakeRecord) -> Callable[..., Record]:
    """A record of frames.prepared; `given` as of the frame."""
    return lambda seq=0, **given: record(prepared(seq, **given))


def test_before_the_first_frame_every_outcome_stands_at_nought(rig: Rig):
    assert rig.judged() == [0, 0, 0]


def test_a_verdict_is_in_time_until_the_deadline_and_late_after_it(rig: Rig, frame: Callable[..., Record]):
    rig.after(2.5, frame(0))
    assert rig.judged() == [1, 0, 0]
    assert rig.value("frames_late_total", station="weld-07") == 0
    rig.after(2.6, frame(1))
    assert rig.judged() == [1, 1, 0]
    assert rig.value("frames_late_total", station="weld-07") == 1


def test_the_deadline_is_the_operator_s(loaded: MakeLoaded, frame: Callable[..., Record]):
    rig = Rig(loaded(), deadline_s=10)
    rig.after(9, frame())
    assert rig.judged() == [1, 0, 0]


def test_a_camera_whose_clock_is_ahead_is_in_time(rig: Rig, frame: Callable[..., Record]):
    rig.after(-30, frame())
    assert rig.judged() == [1, 0, 0]
    assert rig.value("frame_age_seconds_sum") == 0


def test_what_cannot_be_scored_is_neither_in_time_nor_late(rig: Rig, frame: Callable[..., Record]):
    """A station that has no bundle yet pages as what it is, not as a line that is slow."""
    rig.after(0.1, frame(station="new"))
    rig.after(99, frame(1, station="new"))
    assert rig.judged() == [0, 0, 2]
    assert rig.value("frames_late_total", station="new") == 0


def test_golden_frames_are_not_judged_and_show_no_station(rig: Rig, frame: Callable[..., Record]):
    rig.after(99, frame(golden="a" * 64 + "/good.png"))
    assert rig.judged() == [0, 0, 0]
    assert rig.value("golden_frames_total", verdict="ok") == 1
    assert rig.value("station_last_frame_timestamp_seconds", station="weld-07") is None


def test_a_dead_letter_that_is_sent_again_days_later_is_scored_and_not_late(rig: Rig, frame: Callable[..., Record]):
    rig.after(200_000, frame(replayed=First("camera.frames", 2, 40, 1_772_460_000_000)))
    assert rig.judged() == [0, 0, 0]
    assert rig.value("frames_scored_total", station="weld-07", verdict="ok") == 1
    assert rig.value("frame_age_seconds_count") == 0


def test_every_verdict_of_a_station_stands_at_nought_from_its_first_frame_on(rig: Rig, frame: Callable[..., Record]):
    rig.after(0, frame())
    seen = {each: rig.value("frames_scored_total", station="weld-07", verdict=each) for each in ("ok", "unscorable")}
    assert seen == {"ok": 1, "unscorable": 0}


def test_a_bucket_says_which_frame_fell_into_it_last_and_in_which_trace(
    loaded: MakeLoaded, frame: Callable[..., Record]
):
    rig, trace = Rig(loaded()), "4bf92f3577b34da6a3ce929d0e0e4736"
    rig.after(0.2, frame(traceparent=f"00-{trace}-00f067aa0ba902b7-01"))
    lines = [line for line in Exposition(rig.registry)(OPENMETRICS).decode().splitlines() if trace in line]
    assert [line.split("{")[0] for line in lines] == [
        "andon_frame_age_seconds_bucket",
        "andon_anomaly_score_ratio_bucket",
    ]
    assert all('frame_id="' in line for line in lines)


def test_a_frame_without_a_trace_has_its_id_and_no_empty_trace(rig: Rig, frame: Callable[..., Record]):
    rig.after(0.2, frame(traceparent=None))
    text = Exposition(rig.registry)(OPENMETRICS).decode()
    assert "frame_id" in text
    assert "trace_id" not in text


def test_the_newest_frame_of_a_station_is_the_one_that_was_taken_last(rig: Rig, frame: Callable[..., Record]):
    name = "station_last_frame_timestamp_seconds"
    rig.after(1, frame(0), frame(1, captured_at=AT - timedelta(seconds=60)))
    assert rig.value(name, station="weld-07") == AT.timestamp()


def test_a_clock_that_is_ahead_does_not_keep_a_station_awake(rig: Rig, frame: Callable[..., Record]):
    rig.after(1, frame(0, captured_at=AT + timedelta(days=3650)))
    assert rig.value("station_last_frame_timestamp_seconds", station="weld-07") == AT.timestamp() + 1


class Shown:
    """The newest frames, with a clock and an assignment."""

    def __init__(self) -> None:
        self.registry, self.now = CollectorRegistry(), 0.0
        self.newest = Newest(Metrics(self.registry).last_frame, lambda: self.now)

    def later(self, *ours: Place) -> None:
        self.now += TIDY_EVERY_S
        self.newest.tidy(lambda: ours)

    def stations(self) -> Sequence[str]:
        families = self.registry.collect()
        samples = [one for each in families if each.name.startswith("andon_station_last") for one in each.samples]
        return sorted(one.labels["station"] for one in samples)


def test_a_station_s_newest_frame_goes_with_its_partition_and_comes_back_with_it(
    loaded: MakeLoaded, frame: Callable[..., Record]
):
    shown, scoring = Shown(), Scoring(lambda _: (loaded(),))
    records = [frame(0), replace(frame(0, station="weld-08"), partition=3)]
    scores = [each.score for each in scoring(records, AT)]
    shown.newest.note(records, scores)
    place, other = ("frames.prepared", 0), ("frames.prepared", 3)
    shown.later(place, other)
    assert shown.stations() == ["weld-07", "weld-08"]
    shown.later(other)
    assert shown.stations() == ["weld-08"]
    shown.newest.note(records, scores)
    assert shown.stations() == ["weld-07", "weld-08"]


def test_verdicts_of_shadows_are_counted_apart_and_golden_frames_not_at_all(
    loaded: MakeLoaded, frame: Callable[..., Record]
):
    registry = CollectorRegistry()
    handle = counted_shadows(Scoring(lambda _: (loaded("a"), loaded("b"))), Metrics(registry))
    handle([frame(0), frame(1, golden="a" * 64 + "/good.png")], AT)
    labels = {"station": "weld-07", "verdict": "ok"}
    assert registry.get_sample_value("andon_shadow_frames_scored_total", labels) == 2
    assert registry.get_sample_value("andon_frames_scored_total", labels) is None
    assert registry.get_sample_value("andon_frames_judged_total", {"outcome": "in_time"}) is None
