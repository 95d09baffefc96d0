"""`andon incidents`: what is open, what was, and the whole story of one with its frames."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from incident_turns import acknowledged, ago, evidence, opened, over, paged, short, turn
from people_desk import MemoryDesk

from andon.errors import Broken, Invalid, Mistake
from andon.evidence import Dossier, KeptFrame, Lost, LostFrame
from andon.ids import frame_id, sha256_hex
from andon.reasons import Reason
from andon.records import (
    Cause,
    Change,
    ChangeKind,
    Chart,
    Drift,
    DriftCause,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Measure,
    Moved,
    Severity,
    write_event,
)
from andon.stage import Message, Record
from andon.topics import INCIDENTS
from andon_alerting.commands import desk as desks
from andon_alerting.commands import show as showing
from andon_alerting.commands.frames import Frames, Saved
from andon_alerting.evidence.fetch import Found, Gone

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
JPEG = b"\xff\xd8\xff an image"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk()
    monkeypatch.setattr(desks, "open_desk", desk.open)
    return desk


def rows(desk: MemoryDesk, *words: str) -> list[dict[str, Any]]:
    told = desk.run("incidents", *words, "--json")
    assert told.exit_code == 0
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


def stations(desk: MemoryDesk, *words: str) -> list[str]:
    return [row["station"] for row in rows(desk, *words)]


def test_one_row_tells_since_when_where_what_who_was_told_and_who_has_it(desk: MemoryDesk):
    event = opened()
    desk.say(event, paged(event, "alertmanager"), paged(event, "webhook"), acknowledged(event, "Mira", ago(minutes=3)))
    shown = desk.run("incidents")
    assert shown.exit_code == 0
    for word in (
        short(event),
        "open for 12 min",
        "weld-07 (body)",
        "defect_surge",
        "3 of the last 5 frames look defective",
    ):
        assert word in shown.stdout
    assert f"told: alertmanager, webhook; Mira at {ago(minutes=3):%H:%M} took it on" in shown.stdout
    assert "1 open, 0 over" in shown.stderr


def test_on_a_narrow_screen_no_word_is_cut(desk: MemoryDesk):
    desk.say(opened("weld-07", severity=Severity.WARNING, drill=True))
    narrow = desk.run("incidents", columns=100).stdout
    assert max(map(len, narrow.splitlines())) <= 100
    for word in ("defective.", "nobody", "warning", "drill", "(body)"):
        assert word in narrow.split()


def test_json_tells_the_same_in_full(desk: MemoryDesk):
    event = opened(severity=Severity.WARNING, drill=True)
    desk.say(event, paged(event, "webhook"), acknowledged(event, "Mira", ago(minutes=3), "on my way"))
    (row,) = rows(desk)
    assert row["incident"] == str(event.incident_id)
    assert (row["open"], row["until"], row["severity"], row["drill"]) == (True, None, "warning", True)
    assert row["told"] == {"webhook": ["opened"]}
    assert (row["acknowledged_by"], row["note"]) == ("Mira", "on my way")
    assert 700 < row["lasted_s"] < 800


def test_what_is_open_comes_first_then_the_newest(desk: MemoryDesk):
    ended = opened("weld-01", ago(minutes=5))
    desk.say(opened("weld-02", ago(hours=3)), ended, over(ended, ago(minutes=1)), opened("weld-03", ago(hours=1)))
    assert stations(desk) == ["weld-03", "weld-02", "weld-01"]


def test_what_is_open_is_shown_however_long_ago_it_began(desk: MemoryDesk):
    old = opened("weld-02", ago(days=9))
    desk.say(opened("weld-01", ago(days=9)), old, over(old, ago(days=8)))
    assert stations(desk) == ["weld-01"]
    assert stations(desk, "--since", "10d") == ["weld-01", "weld-02"]


def test_what_was_over_before_is_left_out(desk: MemoryDesk):
    event = opened(at=ago(hours=12))
    desk.say(event, over(event, ago(hours=7)))
    assert stations(desk, "--since", "8h") == ["weld-07"]
    assert stations(desk, "--since", "6h") == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--open",), ["weld-09", "weld-07"]),
        (("--station", "weld-08"), ["weld-08"]),
        (("--line", "paint"), ["weld-09"]),
        (("--cause", "station dark"), ["weld-09"]),
        (("--limit", "1"), ["weld-09"]),
    ],
)
def test_asking_for_some_shows_no_others(desk: MemoryDesk, words: tuple[str, ...], found: list[str]):
    gone = opened("weld-08")
    desk.say(opened("weld-07"), gone, over(gone, ago(minutes=1)))
    desk.say(opened("weld-09", ago(minutes=2), line="paint", cause=Cause.STATION_DARK))
    assert stations(desk, *words) == found


def test_an_incident_of_a_line_is_found_by_each_of_its_stations(desk: MemoryDesk):
    desk.say(opened("*", stations=("weld-07", "weld-08", "weld-09", "weld-10"), cause=Cause.STATION_DARK))
    assert stations(desk, "--station", "weld-10") == ["*"]
    assert "body: weld-07, weld-08, weld-09 and 1 more" in desk.run("incidents").stdout


def test_an_incident_of_stations_that_belong_to_no_line_names_them(desk: MemoryDesk):
    desk.say(opened("*", stations=("weld-07", "weld-08"), line="", cause=Cause.DRIFT))
    assert "some stations: weld-07, weld-08" in desk.run("incidents", "show", "weld-08").stdout


def test_none_is_no_failure_and_says_since_when_and_what_else_is_open(desk: MemoryDesk):
    told = desk.run("incidents")
    assert told.exit_code == 0
    assert "no incident since 20" in told.stderr
    assert "no incident is open" in desk.run("incidents", "--open").stderr
    desk.say(opened())
    assert (
        "no incident is open; 1 open that you did not ask for" in desk.run("incidents", "--open", "--line", "x").stderr
    )
    assert rows(desk, "--line", "x") == []


def test_a_cause_that_is_none_is_told_with_those_there_are(desk: MemoryDesk):
    told = desk.run("incidents", "--cause", "dirt")
    assert isinstance(told.exception, Mistake)
    assert "defect_surge, severe_defect" in str(told.exception)


def test_kafka_away_is_told_in_a_line(desk: MemoryDesk):
    desk.down = True
    assert isinstance(desk.run("incidents").exception, Broken)


def test_a_repeat_and_what_cannot_be_read_change_nothing(desk: MemoryDesk):
    event = opened()
    desk.say(event, event, paged(event, "webhook"), paged(event, "webhook"))
    desk.kafka.append(Message(INCIDENTS, b"weld-07", b"{"))
    assert rows(desk)[0]["told"] == {"webhook": ["opened"]}


def test_an_update_tells_how_it_stands_now(desk: MemoryDesk):
    event = opened()
    later = turn(event, IncidentKind.UPDATED, ago(minutes=2), count=8, summary="weld-07: it is worse.")
    desk.say(event, later, paged(event, "webhook"))
    (row,) = rows(desk)
    assert (row["count"], row["what"]) == (8, "weld-07: it is worse.")


def test_a_page_that_nobody_was_told_is_not_told_of(desk: MemoryDesk):
    event = opened()
    ended = over(event, ago(minutes=1))
    desk.say(event, ended, paged(ended, "webhook", reason="over_quietly"))
    assert rows(desk)[0]["told"] == {}
    assert "webhook was not told that it is over: over quietly" in desk.run("incidents", "show", short(event)).stdout


def test_following_prints_each_turn_as_it_comes_and_ends_with_ctrl_c(desk: MemoryDesk):
    event, other = opened(), opened("weld-09")
    desk.say(event)
    desk.coming = [acknowledged(event, "Mira", ago(minutes=1)), other, over(event, ago(minutes=0))]
    told = desk.run("incidents", "--follow", "--open", "--station", "weld-07")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()[-2:]
    assert [line.split("  ")[3] for line in lines] == ["Mira has taken it on.", "resolved: weld-07 looks good again."]
    assert "weld-09" not in told.stdout


def test_following_as_json_is_one_object_a_line(desk: MemoryDesk):
    event = opened()
    desk.say(event)
    desk.coming = [over(event, ago(minutes=0))]
    first, second = map(json.loads, desk.run("incidents", "--follow", "--json").stdout.splitlines())
    assert (first["incident"], first["open"]) == (str(event.incident_id), True)
    assert second["kind"] == "resolved"


def test_show_tells_turn_by_turn_what_changed_and_where_each_frame_lies(desk: MemoryDesk):
    at = ago(minutes=12)
    change = Change(kind=ChangeKind.SWAP, at=at - timedelta(minutes=12), before="a" * 64, after="b" * 64)
    measure = Measure(name="sharpness", value=2.1, limit=3.4)
    event = opened(at=at, changed=change, measure=measure, product="cup")
    desk.say(event, paged(event, "webhook"), acknowledged(event, "Mira", ago(minutes=3)))
    told = desk.run("incidents", "show", short(event))
    assert told.exit_code == 0
    for words in (
        str(event.incident_id),
        "defect_surge at weld-07 (body), critical, open for 12 min",
        "changed before: bundle bbbbbbbbbbbb took over from aaaaaaaaaaaa, 12 min before",
        "sharpness 2.1 against 3.4",
        "product cup",
        "first: Look at the last parts of this station.",
        "webhook was told that it began",
        "Mira has taken it on.",
        "evidence: 1 frame of 3 bad ones",
        "score 0.2 against 0.1  camera.frames/2/1007",
    ):
        assert words in told.stdout


def test_show_tells_what_drifted_number_by_number(desk: MemoryDesk):
    at = ago(hours=2)
    softer = Moved(name="sharpness", before=4.61, after=4.12, sigmas=-3.2, chart=Chart.CUSUM, statistic=11.4, limit=8.2)
    hotter = Moved(name="spindle_temperature", unit="K", before=341, after=347.2, sigmas=5)
    called = Moved(name="rejects", before=0.004, after=0.019, sigmas=4)
    drift = Drift(
        named=DriftCause.FOCUS, since=at, moved=(softer,), sensors=(hotter,), rejects=called, false_alarm_days=30
    )
    event = opened(at=at, cause=Cause.DRIFT, drift=drift)
    desk.say(event)
    told = desk.run("incidents", "show", short(event)).stdout
    for words in (
        "drifted: focus, since",
        "  sharpness 4.12, usually 4.61 (-3.2 standard deviations; cusum 11.4 against 8.2)",
        "  beside it: spindle temperature 347.2 K, usually 341 K",
        "  called: 1.90% of the parts, usually 0.40%",
        "where nothing changes, this station gives such a ticket once in about 30 days",
    ):
        assert words in told
    found = json.loads(desk.run("incidents", "show", short(event), "--json").stdout)
    assert (found["drift"]["named"], "drift" in found["turns"][0]) == ("focus", False)


def test_show_as_json_has_every_turn_and_every_frame(desk: MemoryDesk):
    event = opened()
    desk.say(event, over(event, ago(minutes=1)))
    told = json.loads(desk.run("incidents", "show", "weld-07".replace("weld-07", short(event)), "--json").stdout)
    assert [each["kind"] for each in told["turns"]] == ["opened", "resolved"]
    assert told["evidence"][0]["frame"] == {"topic": "camera.frames", "partition": 2, "offset": 1007}
    assert told["open"] is False


def test_show_of_a_station_is_of_its_open_incident_or_of_its_last(desk: MemoryDesk):
    first, last = opened(at=ago(hours=3)), opened(at=ago(hours=2))
    desk.say(first, over(first, ago(hours=2.5)), last, over(last, ago(hours=1)))
    assert str(last.incident_id) in desk.run("incidents", "show", "weld-07").stdout
    now = opened(at=ago(minutes=1))
    desk.say(now)
    assert str(now.incident_id) in desk.run("incidents", "show", "weld-07").stdout


def test_show_of_what_is_not_there_is_told(desk: MemoryDesk):
    desk.say(opened())
    assert "is no incident" in str(desk.run("incidents", "show", "ffffff00").exception)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ChangeKind.CHANGEOVER, "product cup instead of plate, 5 min before"),
        (ChangeKind.DEPLOY, "scored by cup instead of plate, 5 min before"),
    ],
)
def test_each_change_in_words(kind: ChangeKind, words: str):
    change = Change(kind=kind, at=NOW, before="plate", after="cup")
    assert showing.change_words(change, NOW + timedelta(minutes=5)) == words


def test_what_drifted_before_is_told_in_its_own_words():
    change = Change(kind=ChangeKind.DRIFT, at=NOW, sentence="the picture gets softer")
    assert showing.change_words(change, NOW + timedelta(minutes=5)) == "the picture gets softer, 5 min before"


@dataclass
class Lies:
    """What lies where: `kept` by name in the evidence store, `there` in Kafka, `blobs` by dataref."""

    kept: dict[str, bytes] = field(default_factory=dict)
    there: dict[FramePlace, Found] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    store_down: bool = False

    def read(self, name: str, limit: int) -> bytes:
        if self.store_down:
            raise Broken("store s3://kept: it is away")
        if name not in self.kept:
            raise FileNotFoundError(name)
        return self.kept[name][:limit]

    def get(self, dataref: str) -> bytes:
        if dataref not in self.blobs:
            raise Invalid(Reason.MISSING_DATA, "the store does not hold it")
        return self.blobs[dataref]

    def fetch(self, places: Collection[FramePlace]) -> Iterator[tuple[FramePlace, Found]]:
        return iter([(place, self.there.get(place, Gone(NOW))) for place in places])

    @property
    def frames(self) -> Frames:
        return Frames(self, self, self.fetch)

    def keep(self, event: IncidentEvent, image: bytes, lost: Lost | None = None, sha256: str | None = None) -> None:
        frame = event.evidence[0]
        kept = KeptFrame(
            frame_id=frame.frame_id,
            name=f"{frame.frame_id}.jpg",
            size=len(image),
            sha256=sha256 or sha256_hex(image),
            heat=4,
            score=2,
        )
        gone = LostFrame(frame_id=frame.frame_id, frame=frame.frame, why=lost or Lost.EXPIRED)
        frames, missing = ((), (gone,)) if lost else ((kept,), ())
        dossier = Dossier(sentence="", turn=event, frames=frames, lost=missing)
        folder = str(event.incident_id)
        self.kept[f"{folder}/incident.json"] = write_event(dossier)
        self.kept[f"{folder}/{frame.frame_id}.jpg"] = image
        self.kept[f"{folder}/{frame.frame_id}.heat.png"] = b"heat"
        self.kept[f"{folder}/{frame.frame_id}.score.json"] = b"{}"


def lies_in_kafka(seq: int, station: str = "weld-07", **headers: bytes) -> Record:
    """A frame's record, as ingest writes it."""
    told: dict[str, bytes] = {
        "ce_specversion": b"1.0",
        "ce_id": str(frame_id(station, 1, seq)).encode(),
        "ce_type": b"andon.frame.captured.v1",
        "ce_source": f"/andon/{station}".encode(),
        "ce_time": b"2026-03-02T14:00:00Z",
        "ce_station": station.encode(),
        "ce_epoch": b"1",
        "ce_seq": str(seq).encode(),
        "ce_sha256": sha256_hex(JPEG).encode(),
        "content-type": b"image/jpeg",
    } | headers
    return Record("camera.frames", 2, 1000 + seq, station.encode(), JPEG, tuple(told.items()), 0)


def saved(lies: Lies, event: IncidentEvent, folder: Path) -> Saved:
    (found,) = lies.frames.save(event.incident_id, event.evidence, folder)
    return found


def test_a_frame_is_saved_from_kafka_while_it_holds_it(tmp_path: Path):
    event = opened(at=NOW)
    lies = Lies(there={event.evidence[0].frame: lies_in_kafka(7)})
    found = saved(lies, event, tmp_path / "deep" / "frames")
    assert found.path == tmp_path / "deep" / "frames" / f"{event.evidence[0].frame_id}.jpg"
    assert found.path.read_bytes() == JPEG
    assert found.words.endswith("(from Kafka)")


def test_a_frame_that_was_kept_comes_with_its_heat_map_and_score_and_kafka_is_not_asked(tmp_path: Path):
    event = opened(at=NOW)
    lies = Lies()
    lies.keep(event, JPEG)
    found = saved(lies, event, tmp_path)
    assert found.source == "from the evidence store"
    name = event.evidence[0].frame_id
    assert {each.name for each in tmp_path.iterdir()} == {f"{name}.jpg", f"{name}.heat.png", f"{name}.score.json"}


def test_a_frame_that_is_gone_everywhere_says_since_when_kafka_holds_and_what_the_store_says(tmp_path: Path):
    event, lies = opened(at=NOW), Lies()
    assert "expired: Kafka holds camera.frames since 2026-03-02 14:00 UTC" in saved(lies, event, tmp_path).words
    assert "the evidence store has none of this incident" in saved(lies, event, tmp_path).words
    lies.keep(event, JPEG, lost=Lost.EXPIRED)
    assert "the evidence store could not keep it either (expired)" in saved(lies, event, tmp_path).words
    lies.store_down = True
    assert "s3://kept: it is away" in saved(lies, event, tmp_path).words
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        (Gone(topic=False), "there is no topic camera.frames"),
        (Gone(), "expired: Kafka holds nothing there"),
        (lies_in_kafka(8), "another frame lies in its place"),
        (lies_in_kafka(7, ce_sha256=b"0" * 64), "not those its maker counted"),
        (lies_in_kafka(7, ce_epoch=b"x"), "is no frame"),
    ],
)
def test_a_frame_that_cannot_be_had_is_told_why(there: Found, problem: str, tmp_path: Path):
    event = opened(at=NOW)
    found = saved(Lies(there={event.evidence[0].frame: there}), event, tmp_path)
    assert found.path is None
    assert problem in found.problem


def test_a_large_frame_comes_from_its_own_store(tmp_path: Path):
    event = opened(at=NOW, evidence=(evidence("weld-07", NOW, dataref="file:///big/1"),))
    assert saved(Lies(blobs={"file:///big/1": JPEG}), event, tmp_path).source == "from the store of large frames"
    assert "does not hold it" in saved(Lies(), event, tmp_path).problem


def test_a_kept_frame_that_was_changed_is_not_passed_off_as_evidence(tmp_path: Path):
    event, lies = opened(at=NOW), Lies()
    lies.keep(event, JPEG, sha256="0" * 64)
    assert "holds other bytes than it was given" in saved(lies, event, tmp_path).problem


def test_one_frame_that_fails_keeps_no_other_from_being_saved(tmp_path: Path):
    event = opened(at=NOW, evidence=(evidence("weld-07", NOW, 7), evidence("weld-07", NOW, 8)))
    lies = Lies(there={event.evidence[1].frame: lies_in_kafka(8)})
    first, second = lies.frames.save(event.incident_id, event.evidence, tmp_path)
    assert (first.path is None, second.path is None) == (True, False)


def test_a_folder_that_cannot_be_written_is_a_mistake(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match="name a folder that can be written"):
        list(Lies().frames.save(opened().incident_id, (), tmp_path / "file"))


def test_show_saves_and_says_where(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    event = opened()
    desk.say(event)

    @contextmanager
    def of(_kafka: object) -> Iterator[Frames]:
        yield Lies(there={event.evidence[0].frame: lies_in_kafka(7)}).frames

    monkeypatch.setattr(showing, "open_frames", of)
    told = desk.run("incidents", "show", short(event), "--evidence", str(tmp_path))
    assert f"{tmp_path / str(event.evidence[0].frame_id)}.jpg (from Kafka)" in told.stdout
    told = desk.run("incidents", "show", short(event), "--evidence", str(tmp_path), "--json")
    assert json.loads(told.stdout)["evidence"][0]["file"].endswith(".jpg")
