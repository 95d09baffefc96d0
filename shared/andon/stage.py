"""A service is a stage: poll a batch, handle it, send the results, commit.

The contract, once, for everyone who writes a source, a handler or a sink:

* One thread owns a stage and everything it holds. **Nothing is in flight before a turn or after it**, so a
  rebalance, a SIGTERM and a crash all meet an empty hand.
* `Source.poll` waits a short while (at most about 200 ms) and returns what is there. An empty batch means
  "nothing in time", never "the end"; a source that has an end says so with `ended`.
* The handler is a function of data: the batch and the time. It does no I/O and touches no metrics. It answers
  with messages to send and records to reject, in the order they should be written; a record it does not
  mention is done. It is also called with an empty batch, so that it can act on time passing; most answer
  with nothing. Raising anything at all means "we are broken".
* A handler that cannot answer for a record *yet* (what scores it is still being loaded) answers `Held` for it and
  says nothing of the later records of its partition, so that order is kept. What it says of the others counts.
  The stage then calls `Source.hold`: each of these partitions goes back to its earliest held record, rests for a
  moment while the other partitions flow, and brings the same records again; nothing at or past that record is
  committed. How long a record may be held is the handler's to say: it raises when it has waited too long. A source
  whose handlers never hold anything may raise.
* `Sink.send` returns when every message is *delivered*: acknowledged by Kafka, written, accepted. While it
  waits it calls `idle` at least once a second, so that the source can keep its place. If it cannot deliver
  it raises `Broken`; it never drops and never returns early.
* Rejected records go to the dead-letter sink with their original bytes, before anything is committed. If the
  dead letters cannot be written, nothing is committed.
* `Source.commit` says "everything polled so far is done", but for what was held. A commit that a rebalance refuses
  is forgotten: the records go to their next owner, who makes the same ids again.
* `Source.idle` keeps membership alive while the stage waits for something else, and takes nothing.

Two failures exist. *This message can never succeed*: `Rejected`. *We are broken*: an exception out of
`step`; the runner commits nothing and exits non-zero, and the next process receives the same records.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from andon.reasons import Reason

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in a topic. `timestamp_ms` is Unix time in milliseconds."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Headers = ()
    timestamp_ms: int = 0

    def header(self, name: str) -> bytes | None:
        """The value of the first header called `name`."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Message:
    """One record to be written."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that can never succeed, and why."""

    record: Record
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Held:
    """A record that is to come again in a moment, and all later ones of its partition with it."""

    record: Record


Result = Message | Rejected | Held
Handler = Callable[[Sequence[Record], datetime], Iterable[Result]]
Idle = Callable[[], None]
Clock = Callable[[], datetime]


def first_held(held: Iterable[Record]) -> dict[tuple[str, int], int]:
    """The offset of the earliest of `held` in each (topic, partition)."""
    first: dict[tuple[str, int], int] = {}
    for record in held:
        place = record.topic, record.partition
        first[place] = min(record.offset, first.get(place, record.offset))
    return first


def held_back(records: Sequence[Record], held: Sequence[Record]) -> list[Record]:
    """Those of `records` that come again because of `held`: these, and the later ones of their partitions."""
    first = first_held(held)
    return [each for each in records if each.offset >= first.get((each.topic, each.partition), each.offset + 1)]


def _nothing() -> None:
    """The beat nobody listens to."""


class Source(Protocol):
    """Where records come from: topics, a camera, a folder. See the contract above."""

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again (a folder replayed to its end)."""

    def poll(self) -> Sequence[Record]:
        """What is there, in order, after at most a short wait."""

    def commit(self) -> None:
        """Everything polled so far is done, but for what was held."""

    def hold(self, records: Sequence[Record]) -> None:
        """Go back, in the partition of each, to the earliest of `records`, which were polled last; rest there a while.

        A partition that is no longer ours is passed over: its next owner begins where the last commit stands.
        """

    def idle(self) -> None:
        """Keep the place, take nothing."""

    def close(self) -> None:
        """Give back what was held. Commits nothing."""


class Sink(Protocol):
    """Where results go: topics, a webhook, a PLC. See the contract above."""

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """Returns when all are delivered; raises Broken when they cannot be."""

    def close(self) -> None:
        """Give back what was held. Nothing is in flight by then."""


class DeadLetters(Protocol):
    """Where rejected records go, and how many of them are too many."""

    def judge(self, polled: int, rejected: Sequence[Rejected]) -> None:
        """Raises Broken, before anything is written, when this batch goes past the limit."""

    def send(self, rejected: Sequence[Rejected], idle: Idle) -> None:
        """Returns when all are delivered; raises Broken when they cannot be."""

    def close(self) -> None:
        """Give back what was held."""


@dataclass(frozen=True)
class Stage:
    """One service's sentence. `batch` effects belong in the sink, decisions in `handle`."""

    name: str
    source: Source
    handle: Handler
    sink: Sink
    dead_letters: DeadLetters

    def step(self, clock: Clock, beat: Idle = _nothing) -> int:
        """One turn; answers how many records it is done with. Nothing is in flight before it or after it.

        `clock` is asked once, when the batch has come: what it says is the time of everything the turn decides.
        `beat` is called while the turn waits for a delivery, so that a slow broker does not look like a stuck loop.
        """

        def idle() -> None:
            self.source.idle()
            beat()

        records = self.source.poll()
        results = list(self.handle(records, clock()))
        rejected = [result for result in results if isinstance(result, Rejected)]
        messages = [result for result in results if isinstance(result, Message)]
        held = [result.record for result in results if isinstance(result, Held)]
        done = len(records) - len(held_back(records, held))
        if done:
            self.dead_letters.judge(done, rejected)
        if messages:
            self.sink.send(messages, idle)
        if rejected:
            self.dead_letters.send(rejected, idle)
        if held:
            self.source.hold(held)
        if records:
            self.source.commit()
        return done

    def close(self) -> None:
        """Give back everything, the source first, so that nothing new comes in."""
        self.source.close()
        self.sink.close()
        self.dead_letters.close()
