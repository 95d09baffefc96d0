"""A thread that follows a topic: what was there, then what comes; and again from the start when Kafka was away."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from andon.errors import Broken
from andon.stage import Record
from andon_console.live.follow import Follow


def record(offset: int) -> Record:
    return Record("verdicts", 0, offset, b"weld-07", b"{}")


def until(what: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


class Kept:
    def __init__(self) -> None:
        self.offsets: list[int] = []

    def take(self, records: Sequence[Record]) -> None:
        self.offsets += [each.offset for each in records]


class Topic:
    """A reader of so many records, then of those given later; `fails` says when reading breaks."""

    def __init__(self, there: int, later: Sequence[int] = (), fails: bool = False) -> None:
        self.there, self.later, self.fails, self.closed = there, list(later), fails, False

    def read_to_end(self) -> Iterator[Record]:
        yield from map(record, range(self.there))

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        if self.later:
            return [record(self.later.pop(0))]
        if self.fails:
            raise Broken("reading verdicts: the broker is away")
        time.sleep(0.01)
        return []

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def followed() -> Iterator[Callable[..., Follow]]:
    made: list[Follow] = []

    def follow(open_reader: Callable[[], Topic], kept: Kept) -> Follow:
        made.append(Follow("verdicts", open_reader, kept))
        made[-1].start()
        return made[-1]

    yield follow
    for each in made:
        each.stop()
        each.join(5)
        assert not each.alive


def test_what_was_there_comes_first_and_then_what_is_written_since(followed: Callable[..., Follow]):
    kept, topic = Kept(), Topic(2500, later=[2500, 2501])
    follow = followed(lambda: topic, kept)
    until(lambda: len(kept.offsets) == 2502)
    assert kept.offsets == list(range(2502))
    assert follow.caught_up
    assert follow.trouble is None
    assert follow.heard_at is not None


def test_a_broken_reader_is_closed_told_and_opened_again_from_the_start(
    followed: Callable[..., Follow], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("andon_console.live.follow.FIRST_RETRY_S", 0.05)
    first, second, kept = Topic(2, fails=True), Topic(3), Kept()
    readers = [first, second]
    follow = followed(lambda: readers.pop(0), kept)
    until(lambda: len(kept.offsets) == 5)
    assert kept.offsets == [0, 1, 0, 1, 2]
    assert first.closed
    until(lambda: follow.trouble is None)


def test_a_topic_that_cannot_be_opened_is_trouble_that_people_can_read(
    followed: Callable[..., Follow], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("andon_console.live.follow.FIRST_RETRY_S", 0.05)

    def nowhere() -> Topic:
        raise Broken("topic verdicts does not exist; create it with: andon topics create")

    follow = followed(nowhere, Kept())
    until(lambda: follow.trouble is not None)
    assert follow.trouble == "topic verdicts does not exist; create it with: andon topics create"
    assert follow.alive
    assert not follow.caught_up
