"""The demo's figures: every frame once, the ledger, the rates, the area under the curve."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from andon.ids import frame_id
from andon.records import (
    Cause,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Unscorable,
    Verdict,
)
from andon.stage import Record
from andon_demo.report import auroc, report
from andon_demo.tally import Tally
from andon_demo.truth import is_defective
from andon_demo.view import score_bar

AT = datetime(2026, 1, 2, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)
SPACE = UUID(int=1)


def score(seq: int, value: float | None, subject: str, station: str = "press-1") -> Score:
    verdict = Verdict.UNSCORABLE if value is None else (Verdict.ANOMALOUS if value > 1 else Verdict.OK)
    return Score(
        frame_id=frame_id(station, 1, seq),
        station=station,
        epoch=1,
        seq=seq,
        subject=subject,
        captured_at=AT,
        scored_at=AT,
        verdict=verdict,
        unscorable=Unscorable.NO_BUNDLE if value is None else None,
        score=value,
        threshold=None if value is None else 1.0,
        width=1,
        height=1,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
    )


def event(incident: int, kind: IncidentKind, **more: object) -> IncidentEvent:
    fields: dict[str, object] = {
        "event_id": uuid5(SPACE, f"{incident}/{kind}/{more}"),
        "incident_id": uuid5(SPACE, str(incident)),
        "kind": kind,
        "station": "press-1",
        "cause": Cause.DEFECT_SURGE,
        "severity": Severity.CRITICAL,
        "reason": "k_of_n_reached",
        "at": AT,
        "opened_at": AT,
    }
    return IncidentEvent.model_validate(fields | more)


def letter(offset: int, station: bytes = b"press-1") -> Record:
    headers = (("andon-topic", b"camera.frames"), ("andon-partition", b"0"), ("andon-offset", str(offset).encode()))
    return Record("dead-letters", 0, offset, station, b"", (*headers, ("andon-reason", b"empty")))


def test_the_folder_a_frame_came_from_tells_the_truth_about_it():
    assert is_defective("test/good/001.png") is False
    assert is_defective("test/scratch/001.png") is True
    assert is_defective("good/12") is False
    assert is_defective("stain/3") is True
    assert is_defective("lonely.png") is None
    assert is_defective(None) is None


def test_a_balanced_line_is_told_with_its_rates_latency_and_pages():
    tally = Tally()
    good, bad = [0.5, 0.7, 1.2, 0.9], [1.5, 0.8]
    for seq, value in enumerate(good):
        tally.score(score(seq, value, f"test/good/{seq}.png"), AT_MS + 10)
    for seq, value in enumerate(bad, len(good)):
        tally.score(score(seq, value, f"test/scratch/{seq}.png"), AT_MS + 110)
    tally.dead_letter(letter(99))
    tally.incident(event(1, IncidentKind.OPENED))
    tally.incident(event(1, IncidentKind.PAGED, about=IncidentKind.OPENED, sink="alertmanager"))
    tally.incident(event(1, IncidentKind.PAGED, about=IncidentKind.RESOLVED, sink="alertmanager"))

    figures = report(tally, captured=9, skipped=2, wall_s=2.0, first_page_s=1.25)

    assert figures["balanced"] is True
    assert (figures["captured"], figures["scored"], figures["dead_lettered"], figures["skipped"]) == (9, 6, 1, 2)
    assert (figures["incidents"], figures["pages"]) == (1, 1)
    assert figures["false_call_rate"] == {"press-1": 0.25}
    assert figures["escape_rate"] == {"press-1": 0.5}
    assert figures["auroc"] == {"press-1": 0.75}
    assert figures["latency_ms"]["p50"] == 10.0
    assert figures["frames_per_s"] == 3.0


def test_a_frame_that_vanished_unbalances_the_ledger():
    tally = Tally()
    tally.score(score(0, 0.5, "test/good/0.png"), AT_MS)
    assert report(tally, captured=2, skipped=0, wall_s=1, first_page_s=None)["balanced"] is False


def test_a_line_that_captured_nothing_is_not_balanced_and_has_no_figures_made_up():
    figures = report(Tally(), captured=0, skipped=0, wall_s=0, first_page_s=None)
    assert figures["balanced"] is False
    assert figures["latency_ms"] == {"p50": None, "p99": None}
    assert figures["auroc"] == {}


def test_what_is_delivered_twice_is_counted_once():
    tally = Tally()
    for _ in range(2):
        tally.score(score(0, 2.0, "test/good/0.png"), AT_MS)
        tally.dead_letter(letter(5))
        tally.incident(event(1, IncidentKind.OPENED))
    assert (tally.scored, tally.dead_lettered, len(tally.opened)) == (1, 1, 1)
    assert tally.stations["press-1"].verdicts.total() == 1


def test_two_stations_whose_first_image_was_refused_are_two_dead_letters():
    tally = Tally()
    tally.dead_letter(letter(0, b"press-1"))
    tally.dead_letter(letter(0, b"press-2"))
    assert tally.dead_lettered == 2


def test_an_unscorable_frame_has_its_end_but_no_part_in_the_rates():
    tally = Tally()
    tally.score(score(0, None, "test/good/0.png"), AT_MS)
    figures = report(tally, captured=1, skipped=0, wall_s=1, first_page_s=None)
    assert figures["balanced"] is True
    assert figures["false_call_rate"] == {"press-1": None}


@pytest.mark.parametrize(
    ("good", "bad", "area"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1, 2], [1, 2], 0.5), ([1], [1], 0.5), ([1, 3], [2], 0.5)],
)
def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order(
    good: list[float], bad: list[float], area: float
):
    assert auroc(good, bad) == area


def test_without_good_or_without_defective_frames_there_is_no_area():
    assert auroc([], [1.0]) is None
    assert auroc([1.0], []) is None


def test_the_bar_shows_the_score_against_its_threshold_in_the_middle():
    tally = Tally()
    tally.score(score(0, 0.5, "test/good/0.png"), AT_MS)
    assert score_bar(tally.stations["press-1"]).plain == "██████······│··········· 0.5 / 1"
    tally.score(score(1, 9.0, "test/good/1.png"), AT_MS + int(timedelta(seconds=1).total_seconds()))
    assert score_bar(tally.stations["press-1"]).plain == "████████████│███████████ 9 / 1"
