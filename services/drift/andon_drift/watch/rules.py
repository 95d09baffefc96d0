"""What the watching of drift goes by, why it decided, and what it is told of the world. Plain values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from andon.baselines import Known
from andon.records import Finding, Request
from andon_drift.watch.collecting import Enough

AWAY = 1000
"""After so many frames of a station elsewhere, what was found at a place is left for good."""
ALONE = 1000
"""A finding whose charts began anew is over when none of them has alarmed again in so many frames."""
WAIT = 3
"""Base blocks between an alarm and its name: what moved with it has alarmed by then, a fault of the camera is open."""
PLACES = 8
"""Places of a station that are remembered."""
HALF, TWICE = 0.5, 2.0
"""Times the pace that the promise was computed for, beyond which it does not hold."""
MONTH_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How much is enough to learn from, how many false tickets a station may have in 30 days, when a reference is old,
    whether a retraining is asked for, and how many frames charts rest for after a fault of the camera."""

    enough: Enough = field(default_factory=Enough)
    tickets: float = 1.0
    stale_after: timedelta = timedelta(days=180)
    retrain: bool = False
    rest: int = 20


class Reason(StrEnum):
    """Why a finding of drift began or ended: the word that the log and the test use."""

    MOVED = "moved"  # a chart passed its limit, and the change matters
    REJECTS_ROSE = "rejects_rose"  # more frames are anomalous than used to be
    RECOVERED = "recovered"  # all its numbers are back
    RELEARNED = "relearned"  # what is usual was learned anew
    LEFT = "left"  # another bundle or product, for good
    NOT_SEEN_AGAIN = "not_seen_again"  # its charts began anew, and found nothing


@dataclass(frozen=True, slots=True)
class Told:
    """One finding of drift, and why; with a request, where one goes with it. `charts` are those that alarmed."""

    why: Reason
    finding: Finding
    request: Request | None = None
    charts: tuple[tuple[str, str], ...] = ()


KnownOf = Callable[[str, str | None, str], Known]
"""What is known of the reference of a station, product and bundle; nothing, where there is none. Never waits."""
