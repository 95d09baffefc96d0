"""The two rates that people's answers tell of inspection, each with where the truth may lie.

Both intervals are exact (Clopper and Pearson, `intervals.exact`) at 95 %. docs/rates.md says the same in plain words.
"""

from dataclasses import dataclass
from enum import StrEnum

from andon.rates.counted import Counted
from andon.rates.intervals import exact


@dataclass(frozen=True, slots=True)
class Estimate:
    """`count` of `of` frames; the true share lies within `low` to `high` in at least 95 % of cases. `of` need not be
    whole. `value` is None where no answer speaks for any frame, so that only the bounds are known."""

    value: float | None
    low: float
    high: float
    count: int
    of: float


class Standing(StrEnum):
    """A rate against its budget."""

    WITHIN = "within"  # even the highest rate that fits what was seen is within the budget
    OVER = "over"  # even the lowest rate that fits what was seen is above the budget
    UNCLEAR = "unclear"  # the budget lies between them, or nothing is known: more answers would tell


def false_call_rate(counted: Counted) -> Estimate | None:
    """The share of scored frames that are good and were called anomalous. None: nothing was scored.

    Of `n` frames scored, `c` were called, and people said of `a` of these calls what they are: `f` false, the others
    real. They are taken as a random sample of the calls. Then each call stands for a/c of one, and the `a` answered
    ones stand for n' = n a / c frames, among which `f` are false calls: value f / n' = (f / a) (c / n), and the exact
    interval of `f` of n'. That allows for a relative variance of 1/f - 1/n'. By the delta method the true one is
    1/f - 1/a + 1/c - 1/n, which is never more and is the same where every call was answered.
    No more calls can be false than were made: `high` is at most that of `c` of `n`, which is also all that is
    known while nobody answered (value None). Where no call was made, `f` is 0 of `n`.

    Assumes that frames are independent and that the answered calls are like the others. People who answer mostly on the
    doubtful ones make it too high; who answer only on clear ones, too low. "Unsure" is as if nobody had answered.
    Answers that come before their frames are counted make `c` and `n` at least as many as they are.
    """
    answered = counted.real + counted.false_call
    called = max(counted.called, answered)
    scored = max(counted.scored, called)
    if not scored:
        return None
    spoken_for = scored * answered / called if called else float(scored)
    low, high = exact(counted.false_call, spoken_for)
    most = exact(called, scored)[1]
    value = counted.false_call / spoken_for if spoken_for else None
    return Estimate(value, low, min(high, most), counted.false_call, spoken_for)


def escape_rate(counted: Counted) -> Estimate | None:
    """The share of frames called ok that are defective. None: no frame of the audit sample was answered.

    The audit sample is drawn at random from the frames called ok, whatever they look like; of those that were answered,
    `m` were missed defects and the others good: m / (m + g) with its exact interval. "Unsure" counts on neither side.
    Assumes that whoever looks at the picture sees the defect, and that the sample is answered whole or at random.
    Missed defects that were found without being asked prove only that there are at least so many: see `at_least`.
    """
    missed = counted.audited_missed
    asked = counted.audited_good + missed
    return Estimate(missed / asked, *exact(missed, asked), missed, asked) if asked else None


def at_least(counted: Counted) -> str | None:
    """What missed defects prove however they were found, in words; None where there are none."""
    known = counted.missed + counted.audited_missed
    if not known:
        return None
    passed = max(counted.scored - counted.called, known)
    defects, verb = ("missed defect", "is") if known == 1 else ("missed defects", "are")
    return f"{known:,} {defects} {verb} known: at least {known:,} of {passed:,} frames called ok {verb} defective"


def against(estimate: Estimate | None, budget: float) -> Standing:
    """Whether a rate keeps its budget, a share, as far as is known.

    A true rate at the budget is told as `over` by chance in at most 2.5 % of cases, and as `within` in as many.
    """
    if estimate is None:
        return Standing.UNCLEAR
    if estimate.low > budget:
        return Standing.OVER
    return Standing.WITHIN if estimate.high <= budget else Standing.UNCLEAR
