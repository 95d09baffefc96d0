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
* `Sink.send` returns when every message is *delivered*: acknowledged by Kafka, written, accepted. While it
  waits it calls `idle` at least once a second, so that the source can keep its place. If it cannot deliver
  it raises `Broken`; it never drops and never returns early.
* Rejected records go to the dead-letter sink with their original bytes, before anything is committed. If the
  dead letters cannot be written, nothing is committed.
* `Source.commit` says "everything polled so far is done". A commit that a rebalance refuses is forgotten: the
  records go to their next owner, who makes the same ids again.
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


Result = Message | Rejected
Handler = Callable[[Sequence[Record], datetime], Iterable[Result]]
Idle = Callable[[], None]
Clock = Callable[[], datetime]


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
        """Everything polled so far is done."""

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
        """One turn; answers how many records it took. Nothing is in flight before it or after it.

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
        if records:
            self.dead_letters.judge(len(records), rejected)
        if messages:
            self.sink.send(messages, idle)
        if rejected:
            self.dead_letters.send(rejected, idle)
        if records:
            self.source.commit()
        return len(records)

    def close(self) -> None:
        """Give back everything, the source first, so that nothing new comes in."""
        self.source.close()
        self.sink.close()
        self.dead_letters.close()
