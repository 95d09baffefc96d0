"""The turn of the ledger: stations on the board, what is saved before offsets are committed, what is read back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from ledger_room import BEGAN, EPOCH, SETTLE_S, Room

from andon.dead_letters import dead_letter
from andon.ids import frame_id
from andon.kafka.source import Place
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.passing import Which
from andon.reasons import Reason
from andon.records import Finding, Frame, frame_headers, identity_headers, write_event
from andon.records.passed import Hop, Passed
from andon.redis_client import Patience as Restful
from andon.stage import Message, Record, Rejected, Stage
from andon.topics import DEAD_LETTERS, DRIFT, FRAMES, LEDGER, PREPARED, SCORES, SHADOW_PREPARED
from andon_alerting.ledger.beginning import cut_short
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.booking import Booking
from andon_alerting.ledger.keeping import Keeping
from andon_alerting.ledger.kept import read_station, write_station
from andon_alerting.ledger.opened import Opened
from andon_alerting.ledger.reading import READS, final, station_of
from andon_alerting.ledger.reading import dead_letter as read_letter
from andon_alerting.ledger.station import Station
from andon_alerting.ledger.telling import Patience, Proof, look

NOW = datetime.fromtimestamp(EPOCH / 1000, UTC)


class Shelf:
    """Redis, in memory: hashes of text."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, str]] = {}
        self.open: dict[str, int] = {}
        self.began: int | None = BEGAN
        self.looked: dict[int, int] = {}
        self.saves = 0

    def open_in(self, partitions: Sequence[int]) -> list[str]:
        return [name for name, partition in self.open.items() if partition in partitions]

    def load(self, names: Sequence[str], began: int | None = None) -> dict[str, Station]:
        found = {name: read_station(name, self.hashes.get(name, {}), began) for name in names}
        return {name: station for name, station in found.items() if station is not None}

    def save(self, stations: Sequence[Station], began: int, looked: Mapping[int, int]) -> bool:
        self.saves += 1
        for each in stations:
            kept = self.hashes.setdefault(each.name, {})
            for name, text in write_station(each, began).items():
                if text is None:
                    kept.pop(name, None)
                else:
                    kept[name] = text
            self.open.pop(each.name, None)
            if each.open:
                self.open[each.name] = each.partition
        self.looked |= looked
        return self.began is not None

    def begin(self, at: int) -> None:
        self.began = at

    def lose(self) -> None:
        self.hashes, self.open, self.looked, self.began = {}, {}, {}, None


class Findings:
    """A topic of findings."""

    def __init__(self, findings: Sequence[Finding] = ()) -> None:
        self.findings = findings

    def read_to_end(self) -> Any:
        return (Record(DRIFT, 0, 0, each.station.encode(), write_event(each)) for each in self.findings)

    def changes(self) -> list[Record]:
        return []

    def close(self) -> None: ...


class Watch:
    """The real stage over the twin of Kafka; `again` is what a restart makes of it. A save is due at every turn, unless
    `patient`."""

    def __init__(
        self, kafka: MemoryKafka, shelf: Shelf, *, patient: bool = False, told: Sequence[Finding] = ()
    ) -> None:
        self.kafka, self.shelf, self.board = kafka, shelf, Board(BEGAN)
        self.places: list[Place] = [(LEDGER, part) for part in range(kafka.partitions)]
        self.time = 0.0
        opened = Opened(Findings(told))
        source = MemorySource(kafka, READS, "ledger")
        self.keeping = Keeping(
            source,
            lambda: self.places,
            shelf,
            self.board,
            opened,
            Restful(lambda: None, 1),
            clock=lambda: self.time,
            wall_ms=lambda: EPOCH,
        )
        self.patient = patient
        sink, letters = MemorySink(kafka), MemoryDeadLetters(kafka, service="ledger-watch")
        self.stage = Stage("ledger-watch", self.keeping, Booking(self.board, 0, opened.told), sink, letters)

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.time += 0 if self.patient else 60
            self.stage.step(lambda: NOW)

    def station(self, name: str = "press-1") -> Station:
        return self.board.stations[name]

    @property
    def kept(self) -> Station:
        """What Redis holds."""
        return self.shelf.load(["press-1"])["press-1"]

    @property
    def committed(self) -> int:
        return sum(self.kafka.committed("ledger", topic, part) for topic in READS for part in range(3))


@pytest.fixture
def kafka() -> MemoryKafka:
    return MemoryKafka(partitions=3, time_ms=EPOCH)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def watch(kafka: MemoryKafka, shelf: Shelf) -> Watch:
    return Watch(kafka, shelf)


def frame(seq: int, station: str = "press-1", epoch: int = EPOCH, **other: Any) -> Frame:
    return Frame(
        station, epoch, seq, frame_id(station, epoch, seq), NOW, topic=FRAMES, partition=0, offset=seq, **other
    )


def score(kafka: MemoryKafka, *seqs: int, station: str = "press-1") -> None:
    for seq in seqs:
        kafka.append(Message(SCORES, station.encode(), b"{}", identity_headers(frame(seq, station))))


def report(kafka: MemoryKafka, hop: Hop, *runs: tuple[int, int], station: str = "press-1", **other: Any) -> None:
    said = Passed(station=station, epoch=EPOCH, spans={hop: runs}, at=NOW, by="test", **other)
    kafka.append(Message(LEDGER, station.encode(), write_event(said)))


def refuse(kafka: MemoryKafka, record: Record, service: str, reason: Reason = Reason.TRUNCATED) -> None:
    kafka.append(dead_letter(Rejected(record, reason, "test"), DEAD_LETTERS, service, "0"))


def of_frames(seq: int, topic: str = FRAMES, partition: int = 0) -> Record:
    return Record(topic, partition, seq, b"press-1", b"bytes", frame_headers(frame(seq)), EPOCH)


def test_what_is_read_is_booked_saved_and_then_committed(watch: Watch, kafka: MemoryKafka):
    score(kafka, 0, 1)
    report(kafka, Hop.CAPTURED, (0, 3), skipped={"busy": 2})
    refuse(kafka, of_frames(2), "preprocess")
    watch.turn()
    kept = watch.kept
    assert (kept.totals.scored, dict(kept.totals.dead), dict(kept.totals.skipped)) == (2, {"truncated": 1}, {"busy": 2})
    assert [run[:2] for _, run in kept.pending()] == [(3, 3)]
    assert watch.committed == 4


def test_a_crash_before_the_commit_books_nothing_twice(kafka: MemoryKafka, shelf: Shelf):
    score(kafka, 0, 1, 5)
    refuse(kafka, of_frames(2), "preprocess")
    first = Watch(kafka, shelf)
    first.turn()
    for topic in READS:
        for part in range(3):
            kafka.commit("ledger", topic, part, 0)  # saved, and killed before the commit
    score(kafka, 3)
    again = Watch(kafka, shelf)
    again.turn()
    assert (again.kept.totals.scored, again.kept.captured) == (4, 6)


def test_what_was_not_saved_is_not_committed(kafka: MemoryKafka, shelf: Shelf):
    watch = Watch(kafka, shelf, patient=True)
    watch.turn()
    score(kafka, 0, 1)
    watch.turn(1)
    assert watch.committed == 0
    Watch(kafka, shelf).turn()  # it was killed
    assert shelf.load(["press-1"])["press-1"].totals.scored == 2


def test_everything_that_is_known_of_a_station_survives_a_restart(room: Room):
    foreign = Which("press-1", 0, "camera.frames.x/2")
    room.passed("reached_scoring", (0, 9))
    room.scored(0, 1, 2, 5, 8)
    room.refused(9)
    room.passed("reached_preprocess", (3, 3), which=foreign)
    room.scored(7, which=foreign)
    room.look()
    room.look(SETTLE_S)
    room.scored(10, 12)
    room.station.account(room.which, room.ms, BEGAN).skip({"busy": 2}, room.station.totals)
    fields = {name: text for name, text in write_station(room.station, BEGAN).items() if text is not None}
    read = read_station("press-1", fields, BEGAN)
    assert read is not None
    assert (read.totals, read.told, read.partition) == (room.station.totals, room.station.told, 0)
    assert (read.captured, read.missing, read.waiting) == (room.station.captured, room.station.missing, 1)
    for which, account in room.station.accounts.items():
        same = read.accounts[which]
        for name in ("top", "done", "heard", "skipped"):
            assert getattr(same, name) == getattr(account, name)
        for name in ("waiting", "missing", "lost", "dead"):
            assert list(getattr(same, name)) == list(getattr(account, name))


@pytest.fixture
def room() -> Room:
    return Room()


def test_after_a_restart_foreign_frames_that_ended_are_not_expected_again(room: Room):
    foreign = Which("press-1", 0, "camera.frames.x/2")
    room.scored(3, 4, 5, which=foreign)
    fields = {name: text for name, text in write_station(room.station, BEGAN).items() if text is not None}
    read = read_station("press-1", fields)
    assert read is not None
    room.station = read
    room.passed("reached_scoring", (3, 6), which=foreign)
    assert room.waiting == [(6, 6)]


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"began":1,"partition":0}'])
def test_a_hash_that_cannot_be_read_is_a_station_that_is_not_known(text: str):
    assert read_station("press-1", {"station": text}) is None


def test_what_an_earlier_ledger_knew_holds_no_longer(room: Room):
    fields = {name: text for name, text in write_station(room.station, BEGAN - 1).items() if text is not None}
    assert read_station("press-1", fields, BEGAN) is None
    assert read_station("press-1", fields) is not None


def test_a_hole_of_a_station_that_never_sends_again_is_found_after_a_restart(kafka: MemoryKafka, shelf: Shelf):
    score(kafka, 0, 2)
    Watch(kafka, shelf).turn()
    again = Watch(kafka, shelf)
    again.turn(1)
    station, later = again.station(), NOW + timedelta(seconds=SETTLE_S)
    look(station, Proof(EPOCH, 0), Patience(SETTLE_S, 60), NOW)
    losses, findings = look(station, Proof(int(later.timestamp() * 1000), 0), Patience(SETTLE_S, 60), later)
    assert (len(losses), len(findings)) == (1, 1)


def test_stations_of_partitions_that_go_are_forgotten_and_come_back_as_they_were_saved(
    watch: Watch, kafka: MemoryKafka
):
    score(kafka, 0, 2)
    watch.turn()
    part = watch.station().partition
    places = watch.places
    watch.places = [place for place in places if place[1] != part]
    watch.keeping.moved([(topic, part) for topic in READS])
    watch.turn(1)
    assert watch.board.stations == {}
    watch.places = places
    watch.keeping.moved([(topic, part) for topic in READS])
    watch.turn(1)
    assert watch.station().waiting == 1


def test_a_station_moves_with_its_records_when_topics_are_widened(watch: Watch, kafka: MemoryKafka, shelf: Shelf):
    score(kafka, 0)
    watch.turn()
    kept = watch.station()
    kept.partition = 99
    watch.board.changed.add("press-1")
    watch.turn()
    again = Watch(kafka, shelf)
    score(kafka, 1)
    again.turn()
    assert again.station().partition != 99
    assert again.station().totals.scored == 2


def test_redis_that_was_emptied_is_filled_again(watch: Watch, kafka: MemoryKafka, shelf: Shelf):
    score(kafka, 0, 2)
    score(kafka, 0, station="press-2")
    watch.turn()
    shelf.lose()
    score(kafka, 3)
    watch.turn()
    assert (watch.kept.totals.scored, watch.kept.captured) == (3, 4)
    assert shelf.load(["press-2"])["press-2"].totals.scored == 1
    assert (shelf.began, set(shelf.looked)) == (BEGAN, {0, 1, 2})


def test_what_is_to_be_told_is_saved_only_once_kafka_has_it(watch: Watch, kafka: MemoryKafka, shelf: Shelf):
    score(kafka, 0, 2)
    watch.turn()
    station, later = watch.station(), NOW + timedelta(seconds=SETTLE_S)
    look(station, Proof(EPOCH, 0), Patience(SETTLE_S, 60), NOW)
    _, watch.board.findings = look(station, Proof(int(later.timestamp() * 1000), 0), Patience(SETTLE_S, 60), later)
    watch.board.changed.add("press-1")
    before = shelf.saves
    kafka.down = True
    with pytest.raises(Exception, match="down"):
        watch.turn(1)
    watch.keeping.close()  # the process ends
    assert (shelf.saves, watch.kept.missing) == (before, 0)


def test_what_people_were_told_is_taken_over_where_redis_knows_nothing_of_it(kafka: MemoryKafka, shelf: Shelf):
    room = Room()
    room.scored(0, 2)
    room.look()
    room.look(SETTLE_S)
    watch = Watch(kafka, shelf, told=room.findings)
    score(kafka, 0)
    watch.turn()
    told = watch.station().told
    assert told is not None
    assert (told.finding, told.adopted) == (room.findings[0].finding_id, True)
    again = Watch(kafka, shelf)
    again.turn()
    assert again.station().told == told  # it is open: it was read though nothing came


def test_what_is_no_record_of_the_ledger_is_a_dead_letter_and_no_frame(watch: Watch, kafka: MemoryKafka):
    kafka.append(Message(LEDGER, b"press-1", b"no json"))
    kafka.append(Message(LEDGER, b"press-1", write_event(Passed(station="Not One", epoch=1, spans={}, at=NOW))))
    watch.turn()
    letters = kafka.records(DEAD_LETTERS)
    assert {each.header("andon-reason") for each in letters} == {b"bad_record", b"bad_station"}
    assert watch.board.stations.get("press-1") is None or watch.station().captured == 0


@pytest.mark.parametrize(
    ("service", "record", "is_frame"),
    [
        ("preprocess", of_frames(3), True),
        ("scoring", of_frames(3, PREPARED), True),
        ("ingest", of_frames(3, "folder"), True),
        ("ingest", Record("http", 0, 3, b"press-1", b"a reading"), False),
        ("shadow-scoring", of_frames(3, SHADOW_PREPARED), False),  # a copy: the frame itself goes on
        ("alerting", of_frames(3, SCORES), False),  # it was scored
        ("preprocess", Record(FRAMES, 0, 3, b"Not A Station!", b""), False),
    ],
)
def test_dead_letters_are_frames_where_a_frame_ends(service: str, record: Record, is_frame: bool):
    letter = dead_letter(Rejected(record, Reason.EMPTY, ""), DEAD_LETTERS, service, "0")
    found = read_letter(Record(DEAD_LETTERS, 1, 9, letter.key, letter.value, letter.headers, EPOCH))
    assert (found is not None) is is_frame
    if found is not None:
        assert (found.which, found.seq, found.dead) == (Which("press-1", EPOCH), 3, "empty")


def test_a_foreign_dead_letter_is_the_frame_at_its_first_place():
    record = Record("camera.frames.x", 2, 77, b"press-1", b"")
    letter = dead_letter(Rejected(record, Reason.EMPTY, ""), DEAD_LETTERS, "preprocess", "0")
    found = read_letter(Record(DEAD_LETTERS, 1, 9, letter.key, letter.value, letter.headers, EPOCH))
    assert found is not None
    assert (found.which, found.seq) == (Which("press-1", 0, "camera.frames.x/2"), 77)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b'{"station":"press-1","epoch":7,"seq":3,"frame":{"topic":"t","partition":1,"offset":5}}', ("", 3)),
        (b'{"station":"press-1","epoch":0,"seq":5,"frame":{"topic":"t","partition":1,"offset":5}}', ("t/1", 5)),
        (b'{"station":"press-1","epoch":0,"seq":5}', None),
        (b'{"station":"Press 1","epoch":7,"seq":3}', None),
        (b'{"station":"press-1","epoch":"x","seq":3}', None),
        (b"[1]", None),
        (b"[" * 5000, None),
        (b"no json", None),
    ],
)
def test_scores_of_an_older_andon_are_read_from_their_json(value: bytes, found: tuple[str, int] | None):
    said = final(Record(SCORES, 0, 0, b"press-1", value, (), EPOCH))
    assert (None if said is None else (said.which.origin or "", said.seq)) == found


def test_a_record_belongs_to_the_station_that_it_is_about():
    assert station_of(Record(SCORES, 0, 0, b"press-1", b"")) == "press-1"
    assert station_of(Record(SCORES, 0, 0, b"Not One", b"")) is None
    letter = dead_letter(Rejected(of_frames(1), Reason.EMPTY, ""), DEAD_LETTERS, "preprocess", "0")
    assert station_of(Record(DEAD_LETTERS, 0, 0, b"camera 17", b"", letter.headers)) == "press-1"


@pytest.mark.parametrize(
    ("low", "start", "cut"),
    [(0, 0, False), (0, 7, False), (5, 7, False), (5, 5, True), (5, 0, True)],
)
def test_where_kafka_has_deleted_what_belongs_to_it_a_ledger_begins_now(low: int, start: int, *, cut: bool):
    assert cut_short({(SCORES, 0): low, (SCORES, 1): 0}, {(SCORES, 0): start, (SCORES, 1): 0}) is cut


def test_no_finding_has_the_name_of_another(room: Room):
    room.scored(0, 2)
    room.look()
    (one,) = room.look(SETTLE_S)
    assert isinstance(one.finding_id, UUID)
    other = Room(which=Which("press-1", EPOCH + 1))
    other.scored(0, 2)
    other.look()
    (two,) = other.look(SETTLE_S)
    assert one.finding_id != two.finding_id
