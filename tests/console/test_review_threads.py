"""The review queue outlives a restart: where it is read on, what Redis is told, and what happens while it is away."""

from datetime import UTC, datetime
from threading import Event
from typing import Any

from queues import NOBODY, own, queue
from redis.exceptions import ConnectionError as Away
from troubles import scored

from andon.stage import Record
from andon.topics import SCORES
from andon_console.review.queue import Candidate, Changes, Place
from andon_console.review.store import by_station
from andon_console.review.threads import MARGIN, MOST_BACK, Gently, Remembers, starts


class Memory:
    """A store of ten lines."""

    def __init__(self) -> None:
        self.found: dict[Any, Candidate] = {}
        self.places: dict[Place, int] = {}
        self.away = False

    def load(self) -> tuple[list[Candidate], dict[Place, int]]:
        if self.away:
            raise Away("refused")
        return list(self.found.values()), dict(self.places)

    def save(self, changes: Changes) -> bool:
        if self.away:
            raise Away("refused")
        was_there = bool(self.places)
        self.found |= {each.frame_id: each for each in changes.came}
        for _, frame in changes.left:
            self.found.pop(frame, None)
        self.places |= changes.places
        return was_there


def test_what_was_found_is_there_after_a_restart_and_is_read_on_where_it_was():
    memory, before = Memory(), queue()
    before.take([scored(1), scored(2)])
    Remembers(before, memory).turn()
    after = queue()
    Remembers(after, memory).load()
    assert {each.frame_id for each in after.all()} == {own(1), own(2)}
    assert after.places(SCORES) == {0: 3}


def test_what_left_is_not_there_after_a_restart():
    memory, before = Memory(), queue()
    remembers = Remembers(before, memory)
    before.take([scored(1), scored(2)])
    remembers.turn()
    before.drop(own(1))
    remembers.turn()
    assert list(memory.found) == [own(2)]


def test_while_it_is_away_that_is_known_and_afterwards_everything_is_written():
    memory, found = Memory(), queue()
    remembers = Remembers(found, memory)
    remembers.turn()
    memory.away = True
    found.take([scored(1)])
    remembers.turn()
    found.take([scored(2)])
    remembers.turn()
    assert remembers.away_since is not None
    memory.away = False
    remembers.turn()
    assert remembers.away_since is None
    assert set(memory.found) == {own(1), own(2)}


def test_what_another_console_remembered_is_taken_in_when_it_comes_back_late():
    memory, other = Memory(), queue()
    other.take([scored(1)])
    Remembers(other, memory).turn()
    memory.away = True
    late = queue()
    remembers = Remembers(late, memory)
    remembers.load()
    late.take([scored(7)])
    memory.away = False
    remembers.turn()
    assert {each.frame_id for each in late.all()} == {own(1), own(7)}
    assert late.places(SCORES) == {0: 8}


def test_a_store_that_was_emptied_is_filled_again():
    memory, found = Memory(), queue()
    remembers = Remembers(found, memory)
    found.take([scored(1)])
    remembers.turn()
    memory.found.clear()
    memory.places.clear()
    remembers.turn()
    remembers.turn()
    assert set(memory.found) == {own(1)}


def test_it_is_read_on_a_little_before_where_it_was_read_to():
    assert starts({0: 5000}, {0: 0}, {0: 6000}) == {0: 5000 - MARGIN}


def test_it_never_looks_further_back_than_it_may():
    assert starts({0: 100}, {0: 4000}, {0: 6000}) == {0: 4000}
    assert starts({}, {0: 0, 1: 7}, {0: MOST_BACK, 1: 9}) == {0: MOST_BACK // 2, 1: 7}


def test_a_topic_that_was_made_anew_is_read_from_so_far_back():
    assert starts({0: 5000}, {0: 3}, {0: 20}) == {0: 3}


def test_reading_back_leaves_most_of_a_core_to_others():
    class Records:
        def read_to_end(self) -> list[Record]:
            return [scored(1)] * 1000

        def changes(self, wait_s: float = 0.0) -> list[Record]:
            return []

        def close(self) -> None: ...

    class Waited(Event):
        paused = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.paused += timeout is not None and timeout >= 0
            return False

    stop = Waited()
    assert len(list(Gently(Records(), stop).read_to_end())) == 1000
    assert stop.paused == 5


def test_what_is_written_can_be_read_again_whole():
    from andon_console.review.store import _CANDIDATE

    found = queue()
    found.take([scored(1, dataref="x"), scored(2, 0.99)])
    came, _ = by_station(found.changes())
    again = {_CANDIDATE.validate_json(each) for rows in came.values() for each in rows.values()}
    assert again == set(found.all())


def test_what_expired_is_let_go_and_forgotten_in_the_store():
    found = queue()
    found.take([scored(1)])
    found.changes()
    found.forget(datetime.now(UTC), {("camera.frames", 0): 10}, NOBODY)
    assert [frame for _, frame in found.changes().left] == [own(1)]
