"""What the two halves of the heartbeat share between turns: whom to try, what is under way, what is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from andon.assignments import Assignments
from andon.errors import Invalid
from andon.records import Finding, read_event, write_event
from andon.stage import Message, Record
from andon.topics import DRIFT, SCORES
from andon_ingest.heartbeat.pulses import LINE, Pulses
from andon_ingest.heartbeat.rounds import Done, Rounds
from andon_ingest.heartbeat.settings import BeatSettings
from andon_ingest.heartbeat.targets import Seen, Target, targets

LOOK_AROUND = timedelta(seconds=5)
Every = Callable[[str], float | None]
"""Seconds between two heartbeats of a station; None: never."""


@dataclass(slots=True)
class Board:
    """`finished` are heartbeats that are over and not yet told of; `news` those of the last turn, for who watches."""

    table: Assignments
    every: Every
    settings: BeatSettings
    seen: Seen = field(init=False)
    rounds: Rounds = field(init=False)
    pulses: Pulses = field(init=False)
    targets: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    waits: Mapping[str, float] = field(default_factory=dict)
    finished: list[Done] = field(default_factory=list)
    news: list[Done] = field(default_factory=list)
    _looked: datetime | None = None

    def __post_init__(self) -> None:
        self.seen = Seen(timedelta(hours=self.settings.seen_h))
        self.rounds = Rounds(self._serves, self.settings.late_after_s, self.settings.missing_after_s)
        self.pulses = Pulses(self.settings)

    def changed(self) -> None:
        """The table did: look around again at once."""
        self._looked = None

    def look_around(self, now: datetime) -> None:
        """Whom to try, from the assignments and from whom frames came lately. Now and then."""
        if self._looked is not None and now - self._looked < LOOK_AROUND:
            return
        self._looked = now
        found: dict[str, tuple[Target, ...]] = {}
        for target in targets(self.table, self.seen.lately(now)):
            found[target.station] = (*found.get(target.station, ()), target)
        self.waits = {station: wait for station in found if (wait := self.every(station)) is not None}
        self.targets = found

    def take(self, record: Record, now: datetime) -> None:
        """A record of `scores`, `dead-letters` or `drift`."""
        if record.topic == DRIFT:
            self._learn(record, now)
            return
        if record.topic == SCORES:
            self.seen.note(record, now)
        done = self.rounds.take(record, now)
        if done is not None:
            self.finished.append(done)

    def _learn(self, record: Record, now: datetime) -> None:
        try:
            finding = read_event(Finding, record.value)
        except Invalid:  # alerting's to tell of
            return
        self.pulses.learn(finding)
        if finding.station != LINE:
            self.seen.remember(finding.station, finding.product, now)
            self.changed()

    def _serves(self, station: str, product: str | None, bundle: str) -> bool:
        serving = self.table.lookup(station, product)
        return serving is not None and serving.proven == bundle


class Judging:
    """The handler: what came of golden frames becomes findings."""

    __slots__ = ("_board",)

    def __init__(self, board: Board) -> None:
        self._board = board

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Message]:
        """The findings that begin or end."""
        board = self._board
        for record in records:
            board.take(record, now)
        board.look_around(now)
        board.finished += board.rounds.expired(now)
        board.news, board.finished = board.finished, []
        found = [finding for done in board.news for finding in board.pulses.take(done, now)]
        found += board.pulses.watch(board.waits, now)
        return [Message(DRIFT, each.station.encode(), write_event(each)) for each in found]
