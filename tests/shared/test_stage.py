"""The promises of the stage, one test each."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest

from andon.errors import Broken
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.reasons import Reason
from andon.settings import DeadLetterLimit
from andon.stage import Held, Idle, Message, Record, Rejected, Result, Stage
from andon.topics import DEAD_LETTERS

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def shout(records: Sequence[Record], _now: datetime) -> Iterable[Result]:
    for record in records:
        if record.value == b"poison":
            yield Rejected(record, Reason.NOT_AN_IMAGE, "it is poison")
        else:
            yield Message("loud", record.key, record.value.upper())


def line(kafka: MemoryKafka, limit: DeadLetterLimit | None = None) -> Stage:
    return Stage(
        "shout",
        MemorySource(kafka, ["quiet"], "shout"),
        shout,
        MemorySink(kafka),
        MemoryDeadLetters(kafka, limit),
    )


def say(kafka: MemoryKafka, *words: bytes) -> None:
    for word in words:
        kafka.append(Message("quiet", b"station-1", word, (("ce_part", b"42"),)))


def values(kafka: MemoryKafka, topic: str) -> list[bytes]:
    return [record.value for record in kafka.records(topic)]


def test_a_turn_handles_what_is_there_sends_the_results_and_commits():
    kafka = MemoryKafka()
    say(kafka, b"a", b"b")
    taken = line(kafka).step(lambda: NOW)
    assert taken == 2
    assert values(kafka, "loud") == [b"A", b"B"]
    assert line(kafka).step(lambda: NOW) == 0


def test_a_poison_record_becomes_a_dead_letter_with_its_bytes_origin_and_reason_and_its_neighbours_are_served():
    kafka = MemoryKafka()
    say(kafka, b"a", b"poison", b"b")
    line(kafka).step(lambda: NOW)
    (letter,) = kafka.records(DEAD_LETTERS)
    assert values(kafka, "loud") == [b"A", b"B"]
    assert letter.value == b"poison"
    assert letter.key == b"station-1"
    assert letter.header("ce_part") == b"42"
    assert letter.header("andon-reason") == b"not_an_image"
    assert letter.header("andon-topic") == b"quiet"
    assert letter.header("andon-offset") == b"1"


class FailingSink(MemorySink):
    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        raise Broken("no broker")


def test_when_results_cannot_be_delivered_nothing_is_committed_and_the_next_process_gets_the_same_records():
    kafka = MemoryKafka()
    say(kafka, b"a")
    stage = line(kafka)
    broken = Stage(stage.name, stage.source, stage.handle, FailingSink(kafka), stage.dead_letters)
    with pytest.raises(Broken):
        broken.step(lambda: NOW)
    assert values(kafka, "loud") == []
    assert line(kafka).step(lambda: NOW) == 1
    assert values(kafka, "loud") == [b"A"]


def test_when_dead_letters_cannot_be_written_nothing_is_committed():
    kafka = MemoryKafka()
    say(kafka, b"poison")
    stage = line(kafka)
    letters = MemoryDeadLetters(kafka)
    letters._sink = FailingSink(kafka)
    with pytest.raises(Broken):
        Stage(stage.name, stage.source, stage.handle, stage.sink, letters).step(lambda: NOW)
    assert kafka.records(DEAD_LETTERS) == []
    assert line(kafka).step(lambda: NOW) == 1
    assert values(kafka, DEAD_LETTERS) == [b"poison"]


def test_a_handler_that_crashes_commits_nothing():
    kafka = MemoryKafka()
    say(kafka, b"a")
    stage = line(kafka)

    def crash(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Stage(stage.name, stage.source, crash, stage.sink, stage.dead_letters).step(lambda: NOW)
    assert line(kafka).step(lambda: NOW) == 1


def test_a_run_of_dead_letters_longer_than_the_limit_stops_the_stage_before_it_writes_them():
    kafka = MemoryKafka()
    say(kafka, *[b"poison"] * 4)
    with pytest.raises(Broken, match="4 dead letters in a row, limit 3"):
        line(kafka, DeadLetterLimit(max_run=3)).step(lambda: NOW)
    assert kafka.records(DEAD_LETTERS) == []
    assert line(kafka, DeadLetterLimit(max_run=4)).step(lambda: NOW) == 4


def test_a_share_of_dead_letters_above_the_limit_stops_the_stage_once_the_window_is_full():
    kafka = MemoryKafka()
    stage = line(kafka, DeadLetterLimit(max_ratio=0.2, window=10))
    for _ in range(3):
        say(kafka, b"poison", b"a")
        stage.step(lambda: NOW)
    say(kafka, b"a", b"a", b"a", b"poison")
    with pytest.raises(Broken, match=r"40.0% of the last 10 records"):
        stage.step(lambda: NOW)


def test_good_records_between_them_end_a_run_of_dead_letters():
    kafka = MemoryKafka()
    stage = line(kafka, DeadLetterLimit(max_run=3, max_ratio=1.0))
    for _ in range(5):
        say(kafka, b"poison", b"poison", b"a")
        stage.step(lambda: NOW)
    assert len(kafka.records(DEAD_LETTERS)) == 10


def test_the_handler_is_called_with_an_empty_batch_so_that_it_can_act_on_time_passing():
    kafka = MemoryKafka()

    def tick(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        return [Message("ticks", None, now.isoformat().encode())]

    stage = line(kafka)
    Stage(stage.name, stage.source, tick, stage.sink, stage.dead_letters).step(lambda: NOW)
    assert values(kafka, "ticks") == [NOW.isoformat().encode()]


def test_a_held_record_and_what_follows_it_come_again_while_other_partitions_are_done():
    kafka = MemoryKafka()
    say(kafka, b"a", b"wait", b"b")
    kafka.append(Message("quiet", b"station-2", b"c"))
    assert len({record.partition for record in kafka.records("quiet")}) == 2
    ready = False

    def patient(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        waiting = [record for record in records if record.value == b"wait" and not ready]
        later = {record.offset for record in waiting if record.partition == waiting[0].partition}
        answered = [each for each in records if not later or each.key != b"station-1" or each.offset < min(later)]
        return [*shout(answered, now), *(Held(record) for record in waiting)]

    stage = line(kafka)
    stage = Stage(stage.name, stage.source, patient, stage.sink, stage.dead_letters)
    assert stage.step(lambda: NOW) == 2
    assert sorted(values(kafka, "loud")) == [b"A", b"C"]
    assert line(kafka).source.poll()[0].value == b"wait"  # what the next process would begin with
    ready = True
    while stage.step(lambda: NOW) == 0:
        continue
    assert sorted(values(kafka, "loud")) == [b"A", b"B", b"C", b"WAIT"]
    assert line(kafka).step(lambda: NOW) == 0


def test_records_that_are_held_are_no_part_of_the_share_of_dead_letters():
    kafka = MemoryKafka()
    stage = line(kafka, DeadLetterLimit(max_ratio=0.1, window=20))  # looked at once 20 records were seen
    holding = Stage(
        stage.name, stage.source, lambda records, _: [Held(each) for each in records], stage.sink, stage.dead_letters
    )
    say(kafka, *[b"a"] * 10)
    for _ in range(9):
        assert holding.step(lambda: NOW) == 0
    say(kafka, *[b"poison"] * 3)
    while not stage.step(lambda: NOW):
        continue
    assert len(kafka.records(DEAD_LETTERS)) == 3


def test_the_source_is_kept_alive_and_the_heart_beats_while_results_are_delivered():
    kafka = MemoryKafka()
    say(kafka, b"a")
    stage = line(kafka)
    beats: list[int] = []
    stage.step(lambda: NOW, lambda: beats.append(1))
    assert isinstance(stage.source, MemorySource)
    assert stage.source.idled == 1
    assert beats == [1]
