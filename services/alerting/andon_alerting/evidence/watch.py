"""Between turns: looks at how long Kafka keeps what waits. Of several evidence processes one does, whoever has the
first partition of `incidents`; it tidies the store, too.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from andon.errors import Broken, Invalid
from andon.kafka.table import TopicReader
from andon.metrics import Metrics
from andon.records import Finding, FindingKind, FramePlace, read_event
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import DRIFT
from andon_alerting.evidence.board import Board
from andon_alerting.evidence.retention import Headroom, Pair
from andon_alerting.evidence.risk import BY, AtRisk, still_open


class Lag(Protocol):
    """What looks; `lag.KafkaLag` is one."""

    def __call__(self, now: datetime, unread: Mapping[str, Sequence[FramePlace]]) -> list[Headroom]:
        """One for each pair. Raises Broken when Kafka does not answer."""


class Watch:
    """Looks every while, as long as `ours` says that it is for us to do."""

    def __init__(
        self,
        board: Board,
        lag: Lag,
        begin: Callable[[], AtRisk],
        ours: Callable[[], bool],
        metrics: Metrics,
        clock: Callable[[], datetime],
        every_s: float,
    ) -> None:
        self._board = board
        self._lag = lag
        self._begin = begin
        self._ours = ours
        self._metrics = metrics
        self._clock = clock
        self._every_s = every_s
        self._next: datetime | None = None
        self._shown: set[Pair] = set()
        self.seen: list[Headroom] = []

    def __call__(self) -> None:
        """Looks, when it is time. Kafka may be away: then the next time."""
        now = self._clock()
        self._log()
        if not self._ours():
            self._leave()
        elif self._next is None or (now - self._next).total_seconds() >= 0:
            self._look(now)

    def _look(self, now: datetime) -> None:
        self._next = now + timedelta(seconds=self._every_s)
        try:
            if self._board.risk is None:
                self._board.risk = self._begin()
            self.seen = self._lag(now, {BY: self._board.unkept})
        except Broken as error:
            structlog.get_logger().warning("not_looked", error=str(error), next="tried again")
            return
        self._board.looked = self.seen
        self._show(self.seen)

    def _log(self) -> None:
        """What was said, now that it is delivered."""
        said, self._board.said = self._board.said, []
        for each in said:
            began = each.kind is FindingKind.BEGAN
            log = structlog.get_logger().warning if began else structlog.get_logger().info
            log("evidence_at_risk" if began else "evidence_safe", said=each.sentence)

    def _show(self, seen: Sequence[Headroom]) -> None:
        for pair in self._shown - {each.pair for each in seen}:
            self._metrics.retention_headroom.remove(*pair)
        for each in seen:
            self._metrics.retention_headroom.labels(*each.pair).set(each.left_s)
        self._shown = {each.pair for each in seen}

    def _leave(self) -> None:
        self._show([])
        self._next, self._board.risk, self._board.looked = None, None, None


def open_finding(kafka: KafkaSettings) -> Finding | None:
    """What `drift` says is still at risk. Raises Broken."""
    with closing(TopicReader(kafka, DRIFT)) as reader:
        return still_open([each for each in map(_finding, reader.read_to_end()) if each is not None])


def _finding(record: Record) -> Finding | None:
    try:
        return read_event(Finding, record.value)
    except Invalid:
        return None
