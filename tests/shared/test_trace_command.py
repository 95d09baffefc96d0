"""`andon trace`: where a frame's time went, what is missing of it and why, from a log that a test wrote."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from incident_turns import opened, paged
from typer.testing import CliRunner, Result

from andon.cli import build
from andon.commands.trace import archive as archives
from andon.commands.trace import shown
from andon.dead_letters import dead_letter
from andon.errors import Broken
from andon.health import ImageHealth
from andon.ids import foreign_frame_id, frame_id
from andon.memory import MemoryKafka
from andon.reasons import Reason
from andon.records import (
    Answer,
    Evidence,
    Frame,
    FramePlace,
    IncidentEvent,
    LetterTurn,
    LetterTurnKind,
    PreparedFrame,
    Score,
    Told,
    Verdict,
    frame_headers,
    identity_headers,
    prepared_headers,
    read_frame,
    write_event,
)
from andon.stage import Headers, Message, Record, Rejected
from andon.topics import DEAD_LETTERS, FRAMES, INCIDENTS, LETTERS, PREPARED, SCORES, VERDICTS

NOW = datetime.now(UTC).replace(microsecond=0)
AT = NOW - timedelta(minutes=10)
EPOCH = int((AT - timedelta(hours=1)).timestamp() * 1000)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STATION = "weld-07"
HEALTH = ImageHealth(
    luminance=0.5, contrast=0, clipped_low=0, clipped_high=0, sharpness=0, noise=0, red_green=1, blue_green=1
)


class MemoryArchive:
    """The archive over Kafka's twin. `read` is which topics were read, and for which station."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka
        self.read: list[tuple[str, datetime | None, str | None]] = []
        self.gone: set[tuple[str, int]] = set()
        self.handed: list[Record] = []

    def topics(self) -> list[str]:
        return self._kafka.topics("^.*$")

    def newest_first(self, topic: str, since: datetime | None, station: str | None) -> Iterator[Record]:
        return iter(list(self.since(topic, since, station))[::-1])

    def since(self, topic: str, since: datetime | None, station: str | None = None) -> Iterator[Record]:
        self.read.append((topic, since, station))
        least = since.timestamp() * 1000 if since else 0
        for each in self._kafka.records(topic):
            mine = station is None or each.key == station.encode()
            if mine and each.timestamp_ms >= least and (topic, each.offset) not in self.gone:
                self.handed.append(each)
                yield each

    def at(self, place: FramePlace) -> Record | None:
        found = [each for each in self._kafka.records(place.topic) if each.offset == place.offset]
        return next((each for each in found if (place.topic, each.offset) not in self.gone), None)

    def close(self) -> None: ...


@dataclass
class World:
    """A log, and the command over it. Every step writes one record some milliseconds after the frame was captured."""

    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=1))
    archive: MemoryArchive = field(init=False)

    def __post_init__(self) -> None:
        self.archive = MemoryArchive(self.kafka)

    def write(self, topic: str, value: bytes, headers: Headers = (), ms: float = 0, key: str = STATION) -> Record:
        self.kafka.time_ms = int((AT + timedelta(milliseconds=ms)).timestamp() * 1000)
        return self.kafka.append(Message(topic, key.encode(), value, headers))

    def frame(self, seq: int = 12, ms: float = 8, **other: Any) -> Frame:
        given = {"captured_at": AT, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"} | other
        made = Frame(STATION, EPOCH, seq, frame_id(STATION, EPOCH, seq), **given)
        return read_frame(self.write(FRAMES, b"image", frame_headers(made), ms))

    def prepare(self, frame: Frame, ms: float = 30) -> Record:
        made = PreparedFrame(frame, (1, 1, 1), "p", 1, 1, (0, 0, 1, 1), HEALTH)
        return self.write(PREPARED, b"\0", prepared_headers(made), ms)

    def score(self, frame: Frame, ms: float = 50, **other: Any) -> Record:
        place = FramePlace(topic=frame.topic, partition=frame.partition, offset=frame.offset)
        said: dict[str, Any] = {
            "verdict": Verdict.ANOMALOUS,
            "score": 0.2,
            "threshold": 0.1,
            "bundle": "4be1a3" + "0" * 58,
            "scored_at": AT + timedelta(milliseconds=ms - 10),
        }
        given = said | other
        score = Score(
            frame_id=frame.frame_id,
            station=frame.station,
            epoch=frame.epoch,
            seq=frame.seq,
            captured_at=frame.captured_at,
            width=1,
            height=1,
            frame=place,
            **given,
        )
        return self.write(SCORES, write_event(score), identity_headers(frame), ms)

    def whole(self, seq: int = 12) -> Frame:
        frame = self.frame(seq)
        self.prepare(frame)
        self.score(frame)
        return frame

    def tell(self, *events: IncidentEvent, ms: float = 60) -> None:
        for event in events:
            self.write(INCIDENTS, write_event(event), ms=ms)

    def run(self, *words: str) -> Result:
        return CliRunner(env={"COLUMNS": "200"}).invoke(build("trace"), ["trace", *words])

    def told(self, *words: str) -> dict[str, Any]:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(archives, "open_archive", lambda *_: made.archive)
    return made


def hops(told: dict[str, Any]) -> list[tuple[str, float]]:
    return [(each["hop"], each["took_ms"]) for each in told["hops"]]


def why(told: dict[str, Any]) -> dict[str, str]:
    return {each["what"]: each["why"] for each in told["missing"]}


def test_every_hop_is_told_with_the_time_since_the_one_before(world: World):
    frame = world.whole()
    told = world.told(str(frame.frame_id))
    assert hops(told) == [
        ("captured", 0),
        (f"in {FRAMES}", 8),
        (f"in {PREPARED}", 22),
        ("taken up by scoring", 10),
        (f"in {SCORES}", 10),
    ]
    assert [each["place"] for each in told["hops"]] == [
        None,
        f"{FRAMES}/0/0",
        f"{PREPARED}/0/0",
        None,
        f"{SCORES}/0/0",
    ]
    assert (told["missing"], told["clocks"]) == ([], [])
    assert (told["trace_id"], told["station"]) == (TRACE, STATION)
    assert (told["score"]["score"], told["score"]["bundle"][:6]) == (0.2, "4be1a3")


def test_people_get_a_line_for_each_hop_with_a_bar_and_what_was_said_of_the_frame(world: World):
    frame = world.whole()
    shown = world.run(str(frame.frame_id)).output
    for said in (TRACE, STATION, "anomalous, score 0.2 against 0.1, 2.00 times the limit", "4be1a3", "22 ms"):
        assert said in shown
    bars = {name: line for line in shown.splitlines() for name in (FRAMES, PREPARED) if line.startswith(f"in {name}")}
    assert bars[PREPARED].count("█") > bars[FRAMES].count("█") > 0


@pytest.mark.parametrize("how", ["id", "digits", "trace", "numbers", "place"])
def test_a_frame_is_found_by_whatever_people_have_of_it(world: World, how: str):
    world.whole(11)
    other = world.kafka.records(SCORES)[0]
    frame = world.frame(12, traceparent=f"00-{TRACE[::-1]}-00f067aa0ba902b7-01")
    world.prepare(frame)
    world.score(frame)
    asked = {
        "id": str(frame.frame_id),
        "digits": frame.frame_id.hex,
        "trace": TRACE[::-1],
        "numbers": f"{STATION}/{EPOCH}/12",
        "place": f"{FRAMES}/0/1",
    }[how]
    told = world.told(asked)
    assert told["frame_id"] == str(frame.frame_id) != other.headers[0][1].decode()
    assert [each["hop"] for each in told["hops"]][-1] == f"in {SCORES}"
    assert len(told["hops"]) == 5


def test_a_bare_image_is_found_by_its_place_and_by_its_id(world: World):
    record = world.write("camera.frames.press", b"image", ms=5)
    frame = read_frame(record)
    world.prepare(frame)
    world.score(frame)
    by_place, by_id = world.told("camera.frames.press/0/0"), world.told(str(frame.frame_id))
    assert by_place["hops"] == by_id["hops"]
    assert by_place["trace_id"] == frame.frame_id.hex == foreign_frame_id("camera.frames.press", 0, 0).hex
    assert hops(by_place)[:2] == [("captured", 0), ("in camera.frames.press", 0)]


def test_a_score_of_an_older_andon_has_no_headers_and_is_found(world: World):
    frame = world.frame()
    score = world.score(frame)
    world.kafka.log(SCORES, 0)[0] = replace(score, headers=())
    assert hops(world.told(str(frame.frame_id)))[-1][0] == f"in {SCORES}"


def test_only_what_may_hold_it_is_read(world: World):
    frame = world.whole()
    world.told(str(frame.frame_id))
    read = {topic: (since, station) for topic, since, station in world.archive.read}
    assert read[SCORES] == (None, None)
    assert read[PREPARED] == (AT - timedelta(seconds=60), STATION)
    assert FRAMES not in read  # its place is known, and is asked for alone


def test_what_was_prepared_long_after_the_verdict_is_not_read(world: World):
    frame = world.frame()
    world.score(frame)
    for seq in range(100, 200):
        world.prepare(world.frame(seq), ms=100_000 + seq)
    world.told(str(frame.frame_id))
    assert len([each for each in world.archive.handed if each.topic == PREPARED]) == 1


def test_what_comes_after_the_inspection_does_not_hide_it(world: World):
    frame = world.whole()
    world.tell(naming(frame), ms=600_000)
    lines = world.run(str(frame.frame_id)).output.splitlines()
    (opened,) = [line for line in lines if line.startswith(f"in {INCIDENTS}")]
    (prepared,) = [line for line in lines if line.startswith(f"in {PREPARED}")]
    assert "»" in opened
    assert "█" not in opened
    assert prepared.count("█") > 5


def test_a_known_station_and_a_limit_narrow_the_search(world: World):
    frame = world.whole()
    asked = datetime.now(UTC)
    world.told(str(frame.frame_id), "--station", STATION, "--since", "1h")
    topic, since, station = world.archive.read[0]
    assert (topic, station) == (SCORES, STATION)
    assert since is not None
    assert abs(since - (asked - timedelta(hours=1))) < timedelta(minutes=1)


def test_the_number_of_a_capture_says_since_when_to_look(world: World):
    frame = world.whole()
    world.told(f"{STATION}/{EPOCH}/{frame.seq}")
    assert world.archive.read[0] == (SCORES, datetime.fromtimestamp(EPOCH / 1000, UTC), STATION)


def test_a_clock_that_is_behind_is_said_and_no_time_is_negative(world: World):
    frame = world.frame(ms=-40)
    world.score(frame)
    told = world.told(str(frame.frame_id))
    assert hops(told)[1] == (f"in {FRAMES}", 0)
    assert told["hops"][1]["ahead_of_the_one_before"]
    assert told["clocks"] == [
        f"'in {FRAMES}' seems to be 40 ms before 'captured', so the clocks that wrote the two differ by at least that"
    ]
    shown = world.run(str(frame.frame_id)).output
    assert "clock: 'in camera.frames' seems to be 40 ms before" in shown
    assert "-" not in "".join(line[20:60] for line in shown.splitlines() if line.startswith(f"in {FRAMES}"))


def test_a_camera_whose_clock_is_hours_ahead_hides_nothing(world: World):
    frame = world.frame(captured_at=AT + timedelta(hours=3))
    world.prepare(frame)
    world.score(frame)
    world.tell(naming(frame))
    told = world.told(str(frame.frame_id))
    assert [name for name, _ in hops(told)] == [
        "captured",
        f"in {FRAMES}",
        f"in {PREPARED}",
        "taken up by scoring",
        f"in {SCORES}",
        f"in {INCIDENTS}",
    ]
    assert len(told["clocks"]) == 1
    assert "3 h" in told["clocks"][0]


def test_what_is_done_within_one_millisecond_is_no_contradiction(world: World):
    frame = world.frame(ms=0, captured_at=AT + timedelta(microseconds=400))
    world.score(frame)
    told = world.told(str(frame.frame_id))
    assert told["clocks"] == []


def test_what_kafka_no_longer_keeps_is_named_with_how_long_it_keeps_it(world: World):
    frame = world.whole()
    world.archive.gone |= {(FRAMES, 0), (PREPARED, 0)}
    told = why(world.told(str(frame.frame_id)))
    assert (
        told["the frame"]
        == "camera.frames/0/0 is not there any more (camera.frames keeps 24 h, 20 GiB a partition at most)"
    )
    assert told[f"in {PREPARED}"] == "it keeps 1 h, 4 GiB a partition at most, less where a partition is full"
    assert set(told) == {"the frame", f"in {PREPARED}"}


def test_another_frame_in_its_place_is_not_taken_for_it(world: World):
    frame = world.frame(1)
    world.score(replace(frame, frame_id=frame_id(STATION, EPOCH, 2), seq=2))
    told = world.told(f"{STATION}/{EPOCH}/2")
    assert "the frame" in why(told)
    assert hops(told)[0] == ("captured", 0)


def test_a_dead_frame_says_where_it_lies_and_why(world: World):
    frame = world.frame()
    rejected = Rejected(world.kafka.records(FRAMES)[0], Reason.TRUNCATED, "half of it is missing")
    letter = dead_letter(rejected, DEAD_LETTERS, "preprocess", "1")
    world.write(DEAD_LETTERS, letter.value, letter.headers, 20)
    told = world.told(str(frame.frame_id))
    assert hops(told)[-1] == (f"in {DEAD_LETTERS}", 12)
    assert told["dead_letters"][0]["reason"] == "truncated"
    assert told["missing"] == []
    shown = world.run(str(frame.frame_id)).output
    assert "truncated: half of it is missing" in shown
    assert "rejected by preprocess" in shown


def test_a_frame_that_was_sent_again_shows_both_its_ways_in_order(world: World):
    frame = world.frame()
    first = world.kafka.records(FRAMES)[0]
    letter = dead_letter(Rejected(first, Reason.TRUNCATED, "half"), DEAD_LETTERS, "preprocess", "1")
    lies = world.write(DEAD_LETTERS, letter.value, letter.headers, 20)
    turn = LetterTurn(
        kind=LetterTurnKind.REPLAYED,
        letter=FramePlace.of(lies),
        reason="truncated",
        at=AT + timedelta(seconds=5),
        by="Mira",
    )
    world.write(LETTERS, write_event(turn), ms=5000)
    place = json.dumps([FRAMES, 0, 0, first.timestamp_ms]).encode()
    again = read_frame(world.write(FRAMES, b"image", (*first.headers, ("ce_replayed", place)), 5010))
    assert again.frame_id == frame.frame_id
    world.prepare(again, 5030)
    world.score(again, 5050)
    told = world.told(str(frame.frame_id))
    assert [name for name, _ in hops(told)] == [
        "captured",
        f"in {DEAD_LETTERS}",
        "letter replayed",
        f"in {FRAMES}",
        f"in {PREPARED}",
        "taken up by scoring",
        f"in {SCORES}",
    ]
    assert told["clocks"] == []
    assert "by Mira" in world.run(str(frame.frame_id)).output


@pytest.mark.parametrize("last", ["frame", "prepared"])
def test_a_frame_that_vanished_says_the_last_hop_that_has_it_and_whom_to_ask(world: World, last: str):
    frame = world.frame()
    if last == "prepared":
        world.prepare(frame)
    told = world.told(str(frame.frame_id))
    hop = PREPARED if last == "prepared" else FRAMES
    assert why(told) == {
        "a verdict": f"the last hop that has it is 'in {hop}'. andon ledger {STATION} says whether others are missing"
    }


def test_a_frame_of_a_moment_ago_may_still_be_on_its_way(world: World, monkeypatch: pytest.MonkeyPatch):
    frame = world.frame(captured_at=NOW, ms=(datetime.now(UTC) - AT) / timedelta(milliseconds=1))
    assert "it may still be on its way" in why(world.told(str(frame.frame_id)))["a verdict"]


def test_the_incident_it_opened_and_its_pages_are_hops(world: World):
    frame = world.whole()
    event = naming(frame)
    page = paged(event, "webhook").model_copy(update={"at": AT + timedelta(milliseconds=900)})
    world.tell(event, page)
    told = world.told(str(frame.frame_id))
    assert hops(told)[-2:] == [(f"in {INCIDENTS}", 10), ("page taken by webhook", 840)]
    (incident,) = told["incidents"]
    assert incident["opened_by_this_frame"]
    assert list(incident["told"]) == ["webhook"]


def test_an_incident_that_only_names_it_is_told_and_no_hop(world: World):
    frame, opener = world.whole(12), world.whole(11)
    event = naming(opener, frame)
    world.tell(event)
    told = world.told(str(frame.frame_id))
    assert hops(told)[-1][0] == f"in {SCORES}"
    assert [each["opened_by_this_frame"] for each in told["incidents"]] == [False]
    assert "names this frame, nobody was told" in world.run(str(frame.frame_id)).output


def test_incidents_of_other_frames_are_left_out(world: World):
    frame, other = world.whole(12), world.whole(11)
    world.tell(naming(other))
    assert world.told(str(frame.frame_id))["incidents"] == []


def test_what_people_said_of_it_is_told(world: World):
    frame = world.whole()
    answer = Answer(frame_id=frame.frame_id, station=STATION, answer=Told.FALSE_CALL, by="Mira", at=NOW)
    other = Answer(frame_id=UUID(int=7), station=STATION, answer=Told.REAL, by="Jo", at=NOW)
    for each in (answer, other):
        world.write(VERDICTS, write_event(each), ms=1000)
    assert [each["by"] for each in world.told(str(frame.frame_id))["answers"]] == ["Mira"]
    assert "false call, by Mira" in world.run(str(frame.frame_id)).output


def test_a_frame_that_could_not_be_scored_says_why(world: World):
    frame = world.frame()
    world.score(frame, verdict=Verdict.UNSCORABLE, unscorable="no_bundle", score=None, threshold=None, bundle=None)
    assert "unscorable: no bundle" in world.run(str(frame.frame_id)).output


def test_nothing_found_is_exit_1_and_says_what_was_searched(world: World):
    world.whole()
    result = world.run(f"{STATION}/{EPOCH}/99")
    assert result.exit_code == 1
    assert result.stdout == ""
    said = result.stderr
    assert f"nothing is known of {STATION}/{EPOCH}/99" in said
    for topic in (SCORES, PREPARED, DEAD_LETTERS, FRAMES):
        assert f"{topic}, the partition of {STATION}, since" in said


def test_nothing_found_as_json_is_still_json(world: World):
    result = world.run(str(UUID(int=5)), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["hops"] == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["not-a-frame"], "names no frame; say a frame's id"),
        (["1234"], "names no frame"),
        ([f"weld 07/{EPOCH}/1"], "names no frame"),
        ([f"weld-07/{EPOCH}/1", "--station", "press-4"], "--station says press-4"),
        ([str(UUID(int=5)), "--station", "Press 4"], "try 'press-4'"),
        ([str(UUID(int=5)), "--since", "soon"], "--since"),
        (["weld-07/999999999999999/1"], "no calendar has"),
    ],
)
def test_what_names_no_frame_is_a_mistake(world: World, asked: list[str], says: str):
    result = world.run(*asked)
    assert result.exit_code != 0
    assert says in str(result.exception)


def test_a_hostile_text_in_a_letter_is_shown_as_plain_characters(world: World):
    frame = world.frame()
    rejected = Rejected(world.kafka.records(FRAMES)[0], Reason.TRUNCATED, "\x1b[31mred [bold]x")
    letter = dead_letter(rejected, DEAD_LETTERS, "pre\x1b[2Jprocess", "1")
    world.write(DEAD_LETTERS, letter.value, letter.headers, 20)
    shown = world.run(str(frame.frame_id)).output
    assert "\x1b" not in shown
    assert "[bold]x" in shown


def test_kafka_that_cannot_be_reached_is_told(world: World, monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any) -> AbstractContextManager[None]:
        raise Broken("cannot reach Kafka: nobody is there")

    monkeypatch.setattr(archives, "open_archive", away)
    result = world.run(str(UUID(int=5)))
    assert isinstance(result.exception, Broken)


def test_a_long_search_passes_on_every_record_and_ends_its_bar(capsys: pytest.CaptureFixture[str]):
    records = [Record(SCORES, 0, n, b"s", b"x") for n in range(3000)]
    for of in (10, 1_000_000):
        assert list(shown(iter(records), SCORES, of)) == records
    assert next(shown(iter(records), SCORES, 1_000_000)) == records[0]  # what is found early ends it early
    assert capsys.readouterr().out == ""


def naming(opener: Frame, *others: Frame) -> IncidentEvent:
    """An incident that this frame opened."""
    shown = tuple(
        Evidence(
            frame_id=each.frame_id,
            frame=FramePlace(topic=each.topic, partition=each.partition, offset=each.offset),
            captured_at=each.captured_at,
        )
        for each in (opener, *others)
    )
    return opened(STATION, AT, evidence=shown, first=opener.frame_id, last=opener.frame_id)
