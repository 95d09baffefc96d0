"""Scores become findings. The pure middle of the service.

A handler does no I/O, so what Redis remembers of the stations in a batch lies on a `Board` before it is called
(`remember.Remembering` puts it there), and their new states are left there. Findings are its results. The order of a
turn is then that of the stage: Kafka has the findings, then Redis the states, then the offsets are committed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from andon.errors import Invalid
from andon.records import FramePlace, Score, read_score, write_event
from andon.stage import Message, Record, Rejected, Result
from andon.topics import DRIFT
from andon_drift.detect import Decision, Missing, decide
from andon_drift.limits import Limits
from andon_drift.look import Look
from andon_drift.settings import FaultSettings
from andon_drift.state import Seen, State

LimitsOf = Callable[[str], Limits | Missing]
"""The limits of a bundle, by digest, or why there are none yet. Never waits."""


@dataclass(slots=True)
class Card:
    """One station on the board: its state as it was, and as it is now. `seen` is the last picture that was judged."""

    station: str
    partition: int
    state: State
    before: State
    seen: tuple[Look, Limits] | None = None

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.state != self.before


@dataclass(slots=True)
class Board:
    """What the stage knows between poll and commit. `decided` is for those who watch."""

    cards: dict[str, Card] = field(default_factory=dict)
    decided: list[tuple[str, Decision]] = field(default_factory=list)


class Drifting:
    """The handler: scores in, findings out, the new states left on the board."""

    __slots__ = ("_board", "_limits_of", "_rules")

    def __init__(self, board: Board, limits_of: LimitsOf, rules: FaultSettings) -> None:
        self._board = board
        self._limits_of = limits_of
        self._rules = rules

    def __call__(self, records: Sequence[Record], _now: datetime) -> list[Result]:
        """Decides on each score in order."""
        self._board.decided.clear()
        results: list[Result] = []
        for record in records:
            try:
                score = read_score(record)
            except Invalid as error:
                results.append(Rejected(record, error.reason, error.detail))
                continue
            place = FramePlace.of(record)
            results += self._turn(self._board.cards[score.station], Seen(score, place))
        return results

    def _turn(self, card: Card, seen: Seen) -> list[Message]:
        limits = self._limits(seen.score)
        step = decide(card.state, seen, limits, self._rules)
        card.state = step.state
        if step.look is not None and isinstance(limits, Limits):
            card.seen = step.look, limits
        self._board.decided += [(card.station, each) for each in step.decisions]
        found = [each.finding for each in step.decisions if each.finding is not None]
        return [Message(DRIFT, card.station.encode(), write_event(finding)) for finding in found]

    def _limits(self, score: Score) -> Limits | Missing:
        if score.golden is not None or score.bundle is None:
            return Missing.NO_BUNDLE
        return self._limits_of(score.bundle)
