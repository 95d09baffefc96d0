"""The turn of evidence: a source that keeps what its events show, and a handler that says what became of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from andon.errors import Invalid
from andon.evidence import KeptFrame
from andon.kafka.source import KafkaSource
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import Answer, Finding, IncidentEvent, read_answer, read_event, write_event
from andon.stage import Held, Message, Record, Rejected, Result
from andon.topics import DRIFT, VERDICTS
from andon_alerting.evidence.board import Board, place_of
from andon_alerting.evidence.keep import Keeper, Outcome
from andon_alerting.evidence.review import Reviewing
from andon_alerting.evidence.shelf import Patience, StoreAway

E = TypeVar("E", IncidentEvent, Answer)


class Keeping:
    """A source of incident events and of people's answers, whose frames are kept before they are handed on. While a
    store is away they are put back, so that the service goes on looking after the rest. With `once` it ends when it
    has caught up. `outcomes` counts frames of incidents by what became of them, `answered` those of answers.
    """

    def __init__(
        self,
        source: KafkaSource,
        keeper: Keeper,
        reviewing: Reviewing,
        board: Board,
        patience: Patience,
        metrics: Metrics,
        clock: Callable[[], datetime],
        *,
        once: bool = False,
    ) -> None:
        self._source = source
        self._keeper = keeper
        self._reviewing = reviewing
        self._board = board
        self._patience = patience
        self._metrics = metrics
        self._clock = clock
        self._once = once
        self._done = False
        self.outcomes: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()

    @property
    def ended(self) -> bool:
        """Whether all was kept, where that was asked for; else never."""
        return self._once and self._done and self._caught_up()

    def poll(self) -> Sequence[Record]:
        """The events, those that could be kept and those that must come again."""
        batch = self._source.poll()
        self._board.begin(batch)
        self._done = not batch
        if batch and not self._kept(batch):
            self._put_back(batch)
        return batch

    def commit(self) -> None:
        """As the source."""
        self._source.commit()

    def hold(self, records: Sequence[Record]) -> None:
        """As the source."""
        self._source.hold(records)

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source."""
        self._source.close()

    def _kept(self, batch: Sequence[Record]) -> bool:
        if self._patience.waits:
            return False
        try:
            for each in self._keeper.keep([event for _, event in events(batch)], self._clock()):
                self._count(each)
            for became in self._reviewing.keep([answer for _, answer in answers(batch)]):
                self._metrics.evidence_answers.labels(became.value).inc()
                self.answered[became.value] += 1
        except StoreAway as away:
            self._patience.failed(away)
            return False
        self._patience.answered()
        return True

    def _count(self, outcome: Outcome) -> None:
        word = "kept" if isinstance(outcome, KeptFrame) else outcome.why.value
        self._metrics.evidence_frames.labels(word).inc()
        self.outcomes[word] += 1

    def _put_back(self, batch: Sequence[Record]) -> None:
        for record, event in events(batch):
            self._board.put_back(record, self._keeper.places(event, self._clock()))
        for record, answer in answers(batch):
            self._board.put_back(record, [answer.frame] if answer.frame is not None and not answer.dataref else [])

    def _caught_up(self) -> bool:
        if self._board.waiting or self._board.looked is not None or not self._source.joined:
            return False
        return not self._source.assignment or self._source.caught_up()


class Telling:
    """The handler: what is no event is rejected, what must come again is held, and who is at risk is found."""

    __slots__ = ("_board",)

    def __init__(self, board: Board) -> None:
        self._board = board

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """What becomes of each record, and the findings."""
        results = [each for each in map(self._judged, records) if each is not None]
        return [*results, *map(_message, self._findings(now))]

    def _judged(self, record: Record) -> Result | None:
        if place_of(record) in self._board.again:
            return Held(record)
        try:
            read_followed(record)
        except Invalid as error:
            return Rejected(record, error.reason, error.detail)
        return None

    def _findings(self, now: datetime) -> list[Finding]:
        looked, self._board.looked = self._board.looked, None
        if self._board.risk is None or looked is None:
            return []
        self._board.said = self._board.risk.seen(looked, now)
        return self._board.said


def events(records: Sequence[Record]) -> Iterator[tuple[Record, IncidentEvent]]:
    """Those that are events."""
    return _those(records, IncidentEvent)


def answers(records: Sequence[Record]) -> Iterator[tuple[Record, Answer]]:
    """Those that are answers."""
    return _those(records, Answer)


def _those(records: Sequence[Record], kind: type[E]) -> Iterator[tuple[Record, E]]:
    for record in records:
        with suppress(Invalid):
            found = read_followed(record)
            if isinstance(found, kind):
                yield record, found


def read_followed(record: Record) -> IncidentEvent | Answer:
    """What `record` holds, by its topic. Raises Invalid: BAD_RECORD, BAD_STATION, SCHEMA_TOO_NEW."""
    return read_answer(record) if record.topic == VERDICTS else read_incident(record)


def read_incident(record: Record) -> IncidentEvent:
    """The event in `record`. Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW."""
    event = read_event(IncidentEvent, record.value)
    if event.at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "IncidentEvent: at needs a time zone")
    return event


def _message(finding: Finding) -> Message:
    return Message(DRIFT, finding.station.encode(), write_event(finding))
