"""Two bundles over the same frames: is the newer one fit to serve? Pure.

A trial joins the scores of both by frame and counts on which frames only one of them calls the part out: calls it
anomalous, or cannot score it. The newer one keeps within the trial while at most the budget's share is called out by it
alone (false calls that people would get), and at most as large a share by the older alone (defects it may let pass).
Neither can be told from the other without people's verdicts; both are told with the decision.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from scipy.special import bdtrc

from andon.records import Assignment, Score, Trial, Verdict

MOST_PENDING = 4096  # frames that only one of the two has scored yet
REMEMBERED = 32_768  # frames that were counted, so that a repeat counts once
SURE = 0.001  # one-sided: the chance of so many at a bundle that keeps the budget
LEAST = 3  # frames: fewer are never sure
_V = TypeVar("_V")


class Kind(StrEnum):
    """What the trial decides."""

    PROMOTION = "promotion"  # whether the first shadow takes over
    PROBATION = "probation"  # whether a bundle that took over may stay


class Why(StrEnum):
    """The reason of a decision: the word that the log, the metric and the test use."""

    WITHIN_BUDGET = "within_budget"  # enough frames, and few enough differences
    SURELY_BROKEN = "surely_broken"  # so many false calls cannot be chance; not waited for the last frame
    OVER_BUDGET = "over_budget"  # enough frames, and too many that only the newer one calls out
    SURELY_MISSES = "surely_misses"  # the same of frames that only the older one calls out
    MISSES = "misses"  # enough frames, and too many that only the older one calls out
    BLIND = "blind"  # nothing, neither a frame nor a golden frame, shows that it sees any defect
    REFUSED = "refused"  # scoring cannot load it, or it failed its gate there

    @property
    def good(self) -> bool:
        """Whether the newer one has kept within the trial."""
        return self is Why.WITHIN_BUDGET


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be decided. `older` and `newer` are digests; only frames scored after `since` count."""

    kind: Kind
    older: str
    newer: str
    trial: Trial
    since: datetime


def case_of(assignment: Assignment) -> Case | None:
    """The trial that an assignment asks for, if any."""
    if not assignment.shadows:
        return None
    first = assignment.shadows[0]
    if assignment.probation:
        return Case(Kind.PROBATION, first, assignment.bundle, assignment.probation, assignment.at)
    if assignment.promotion:
        return Case(Kind.PROMOTION, assignment.bundle, first, assignment.promotion, assignment.at)
    return None


@dataclass(slots=True)
class Tally:
    """What a trial has counted. `joint` frames both have scored; `both` called out by both, the others by one alone."""

    case: Case
    joint: int = 0
    both: int = 0
    only_newer: int = 0
    only_older: int = 0
    pending: OrderedDict[UUID, tuple[str, bool]] = field(default_factory=OrderedDict)
    done: OrderedDict[UUID, None] = field(default_factory=OrderedDict)

    def take(self, score: Score) -> None:
        """Counts `score`, once its frame has been scored by the other bundle, too. Any order, any number of times."""
        case = self.case
        if score.bundle not in (case.older, case.newer) or score.scored_at < case.since or score.frame_id in self.done:
            return
        bundle, out = str(score.bundle), score.verdict is not Verdict.OK
        other = self.pending.get(score.frame_id)
        if other is None or other[0] == bundle:
            _keep(self.pending, score.frame_id, (bundle, out), MOST_PENDING)
            return
        del self.pending[score.frame_id]
        _keep(self.done, score.frame_id, None, REMEMBERED)
        by_newer, by_older = (out, other[1]) if bundle == case.newer else (other[1], out)
        self._count(by_newer, by_older)

    def _count(self, by_newer: bool, by_older: bool) -> None:
        self.joint += 1
        self.both += by_newer and by_older
        self.only_newer += by_newer and not by_older
        self.only_older += by_older and not by_newer


def judge(tally: Tally, *, sees: bool, refused: bool) -> Why | None:
    """What is decided, or None while there is nothing to decide.

    `sees` says that one of the newer bundle's golden frames shows a defect that it calls anomalous; `refused`, that
    scoring does not serve it.
    """
    if refused:
        return Why.REFUSED
    trial, joint = tally.case.trial, tally.joint
    if early := _surely_broken(tally):
        return early
    if joint < trial.frames:
        return None
    most = trial.budget * joint
    if tally.only_newer > most or tally.only_older > most:
        return Why.OVER_BUDGET if tally.only_newer > most else Why.MISSES
    blind = tally.case.kind is Kind.PROMOTION and not (sees or tally.both)
    return Why.BLIND if blind else Why.WITHIN_BUDGET


def _surely_broken(tally: Tally) -> Why | None:
    budget, joint = tally.case.trial.budget, tally.joint
    if surely_over(tally.only_newer, joint, budget):
        return Why.SURELY_BROKEN
    return Why.SURELY_MISSES if surely_over(tally.only_older, joint, budget) else None


def surely_over(count: int, of: int, budget: float) -> bool:
    """Whether `count` among `of` frames is too many for chance at `budget`: P(X >= count) < SURE, X binomial."""
    return count >= LEAST and count > budget * of and float(bdtrc(count - 1, of, budget)) < SURE


def _keep(memory: OrderedDict[UUID, _V], key: UUID, value: _V, most: int) -> None:
    memory[key] = value
    if len(memory) > most:
        memory.popitem(last=False)
