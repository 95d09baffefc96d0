"""The whole line in memory, and its ledger: whatever is repeated, refused or copied, it comes out even."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from andon.metrics import Metrics
from andon.observe import observed
from andon.passing import Passing
from andon.stage import Record, Stage
from andon.testing import hostile
from andon.topics import DEAD_LETTERS, FRAMES, LEDGER, PREPARED, SCORES
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.booking import Booking
from andon_alerting.ledger.telling import Patience, Proof, look
from andon_alerting.ledger.words import where

Line = Any  # the fixture of conftest.py
SETTLED = Patience(1, 60)


class Books:
    """What every process of the line tells the ledger, and the ledger that is kept of it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.passing: dict[str, Passing] = defaultdict(lambda: Passing("unknown"))
        line.watched = self._watched

    def _watched(self, stage: Stage) -> Stage:
        passing = self.passing.setdefault(stage.name, Passing(stage.name))
        return observed(stage, Metrics(CollectorRegistry()), [passing])

    def report(self) -> None:
        """Every process says what passed it."""
        for passing in self.passing.values():
            for message in passing.told(self.line.now):
                self.line.kafka.append(message)

    def kept(self, *, seed: int | None = None) -> Board:
        """The ledger, when the topics are read one after the other, or mixed."""
        self.report()
        board, told = Board(0), [self.line.kafka.records(topic) for topic in (LEDGER, SCORES, DEAD_LETTERS)]
        records = [record for topic in told for record in topic]
        if seed is not None:
            Random(seed).shuffle(records)
        Booking(board, 0, lambda *_: None)(records, self.line.now)
        return board

    def missing(self, board: Board) -> list[tuple[str, int, int, str]]:
        """What would be told once all is settled."""
        ms = int(self.line.now.timestamp() * 1000)
        for station in board.stations.values():
            look(station, Proof(ms, ms), SETTLED, self.line.now)
            look(station, Proof(ms + 1000, ms + 1000), SETTLED, self.line.now)
        gone = ((name, *run) for name, each in sorted(board.stations.items()) for _, run in each.vanished())
        return [(name, first, last, where(at).value) for name, first, last, at in gone]


@pytest.fixture
def books(line: Line) -> Books:
    return Books(line)


@pytest.fixture
def stream(part: Callable[..., bytes], shots: Callable[..., list[Any]]) -> list[Any]:
    """Forty parts of one station, twenty of another."""
    return [*shots([part(60)] * 40), *shots([part(60)] * 20, "press-1")]


def figures(board: Board) -> dict[str, tuple[int, int, int]]:
    """Captured, scored, refused."""
    stations = board.stations.items()
    return {name: (each.captured, each.totals.scored, sum(each.totals.dead.values())) for name, each in stations}


def forget(records: Iterable[Record], station: str, seq: int) -> list[Record]:
    """Without one frame."""
    return [each for each in records if (each.key, each.header("ce_seq")) != (station.encode(), str(seq).encode())]


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_it_comes_out_even_in_whatever_order_it_is_read(books: Books, stream: list[Any], seed: int | None) -> None:
    books.line.assign()
    books.line.capture(stream)
    books.line.run()
    board = books.kept(seed=seed)
    assert figures(board) == {"weld-07": (40, 40, 0), "press-1": (20, 20, 0)}
    assert books.missing(board) == []


def test_what_is_repeated_at_every_hop_counts_once(books: Books, stream: list[Any]) -> None:
    line = books.line
    line.assign()
    line.capture(stream)
    line.run()
    books.report()
    for service in ("preprocess", "scoring", "alerting"):
        line.move_back(service, 7)
    line.capture(stream)  # an ingest that crashed before its commit
    line.run()
    board = books.kept(seed=3)
    assert figures(board) == {"weld-07": (40, 40, 0), "press-1": (20, 20, 0)}
    assert books.missing(board) == []


def test_poison_and_foreign_frames_come_out_even(
    books: Books, part: Callable[..., bytes], shots: Callable[..., list[Any]]
) -> None:
    line, poison = books.line, [b"", b"no image", hostile.cut(part(60))]
    line.assign()
    line.capture(shots([part(60), *poison, part(60)]))
    for image in (part(60), b"no image", part(60)):
        line.append(image, b"foreign-1", topic=f"{FRAMES}.hall-2")
    line.append(part(60), b"Not A Station!")  # nobody's: it is refused, and in no ledger
    line.run()
    board = books.kept(seed=4)
    assert figures(board) == {"weld-07": (5, 2, 3), "foreign-1": (3, 2, 1)}
    assert books.missing(board) == []


def test_copies_for_shadows_are_no_frames(books: Books, stream: list[Any]) -> None:
    line = books.line
    shadow = line.keep(threshold=10.0, side=16)
    line.assign(shadows=[shadow])
    line.capture(stream)
    line.run("preprocess", "scoring", "shadow-scoring")
    board = books.kept()
    assert figures(board) == {"weld-07": (40, 40, 0), "press-1": (20, 20, 0)}


def test_a_frame_that_no_bundle_serves_is_scored_as_unscorable_and_accounted_for(
    books: Books, stream: list[Any]
) -> None:
    books.line.capture(stream)
    books.line.run()
    assert figures(books.kept())["press-1"] == (20, 20, 0)


@pytest.mark.parametrize(
    ("topic", "service", "vanished"),
    [(FRAMES, "preprocess", "camera.frames"), (PREPARED, "scoring", "frames.prepared"), (SCORES, "", "scores")],
)
def test_a_record_that_kafka_loses_is_missed_where_it_lay(
    books: Books, stream: list[Any], topic: str, service: str, vanished: str
) -> None:
    line = books.line
    line.assign()
    line.capture(stream)
    order = ["preprocess", "scoring"]
    before = order[: order.index(service)] if service else order
    for name in before:
        line.run(name)
    logs = line.kafka._logs[topic]
    for part, log in enumerate(logs):
        logs[part] = forget(log, "press-1", 7)
    for name in order[len(before) :]:
        line.run(name)
    assert books.missing(books.kept()) == [("press-1", 7, 7, vanished)]
