"""What a verdict on a golden frame says of the inspection. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from andon.manifest import GoldenFrame, Tolerance
from andon.records import FramePlace, Score, Verdict


class Outcome(StrEnum):
    """How one golden frame, or a whole heartbeat, came back."""

    RIGHT = "right"  # as the bundle was proven
    WRONG = "wrong"  # another verdict, another score, or none although it was scored
    LATE = "late"  # right, and too late
    MISSING = "missing"  # no verdict in time, or a dead letter
    SWAPPED = "swapped"  # another bundle took over meanwhile: says nothing
    NOT_SENT = "not_sent"  # there was nothing to send: no proven bundle, or one that cannot be read

    @property
    def bad(self) -> bool:
        """Whether it speaks against the inspection."""
        return self in WORST_FIRST[:-1]


WORST_FIRST = (Outcome.WRONG, Outcome.MISSING, Outcome.LATE, Outcome.RIGHT)


class Why(StrEnum):
    """The reason, of every golden frame that was judged."""

    AS_PROVEN = "as_proven"  # verdict and score are those of the bundle's making
    OTHER_BUNDLE = "other_bundle"  # scored by another bundle than it was sent for
    NO_LONGER_SERVES = "no_longer_serves"  # its bundle serves there no more
    UNSCORABLE = "unscorable"  # the bundle serves, and gave no score
    VERDICT_DIFFERS = "verdict_differs"  # good called anomalous, or bad called ok
    SCORE_MOVED = "score_moved"  # beyond the bundle's tolerance, on the same side of the threshold
    TOO_LATE = "too_late"  # the verdict is right and took too long
    DEAD_LETTER = "dead_letter"  # rejected on the way
    NO_VERDICT = "no_verdict"  # nothing came


@dataclass(frozen=True, slots=True)
class Sent:
    """A golden frame under way. `threshold` and `tolerance` are its bundle's."""

    frame_id: UUID
    station: str
    product: str | None
    bundle: str
    golden: GoldenFrame
    threshold: float
    tolerance: Tolerance
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """A golden frame that came back, or did not. `score` lies at `scored`; `detail` is a dead letter's reason, whose
    frame lies at `frame`."""

    sent: Sent
    outcome: Outcome
    why: Why
    latency_s: float | None = None
    score: Score | None = None
    scored: FramePlace | None = None
    frame: FramePlace | None = None
    detail: str = ""


def judge_score(
    sent: Sent, score: Score, scored: FramePlace, now: datetime, *, late_after: timedelta, serves: bool
) -> Judged:
    """The verdict that was read at `now`. `serves`: whether the frame's bundle still serves its station."""
    took = latency(sent, score, now)
    outcome, why = _outcome(sent, score, took > late_after, serves)
    return Judged(sent, outcome, why, took.total_seconds(), score, scored, score.frame)


def judge_letter(sent: Sent, reason: str, frame: FramePlace | None, *, serves: bool) -> Judged:
    """The golden frame ended as a dead letter, whose original lies at `frame`."""
    if not serves:
        return Judged(sent, Outcome.SWAPPED, Why.NO_LONGER_SERVES)
    return Judged(sent, Outcome.MISSING, Why.DEAD_LETTER, frame=frame, detail=reason)


def judge_silence(sent: Sent, *, serves: bool) -> Judged:
    """Nothing came in the time that it has."""
    if not serves:
        return Judged(sent, Outcome.SWAPPED, Why.NO_LONGER_SERVES)
    return Judged(sent, Outcome.MISSING, Why.NO_VERDICT)


def latency(sent: Sent, score: Score, now: datetime) -> timedelta:
    """From camera to verdict: the lesser of what scoring's clock and what ours says, so that neither a clock that is
    wrong nor a pause of our own makes a verdict late. Never negative."""
    ours = now - sent.sent_at
    theirs = score.scored_at - sent.sent_at if score.scored_at.tzinfo else ours
    return max(timedelta(0), min(ours, theirs))


def _outcome(sent: Sent, score: Score, late: bool, serves: bool) -> tuple[Outcome, Why]:
    if score.bundle not in (None, sent.bundle):
        return Outcome.SWAPPED, Why.OTHER_BUNDLE
    if score.score is None or score.verdict is Verdict.UNSCORABLE:
        return (Outcome.WRONG, Why.UNSCORABLE) if serves else (Outcome.SWAPPED, Why.NO_LONGER_SERVES)
    if score.verdict is not sent.golden.verdict:
        return Outcome.WRONG, Why.VERDICT_DIFFERS
    if not sent.tolerance.allows(sent.golden.score, score.score, sent.threshold):
        return Outcome.WRONG, Why.SCORE_MOVED
    return (Outcome.LATE, Why.TOO_LATE) if late else (Outcome.RIGHT, Why.AS_PROVEN)
