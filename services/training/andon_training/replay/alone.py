"""Frames that only one of two bundles scored: before the other began, after its last one, or in between."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from andon.comparing.table import Floats
from andon_training.replay.span import told


@dataclass(frozen=True)
class Alone:
    """How many frames, by when they were captured: before the `first` one that the other bundle scored, up to its
    `last` one, after that. Both in Unix seconds; NaN where it scored none.
    """

    before: int = 0
    between: int = 0
    after: int = 0
    first: float = np.nan
    last: float = np.nan

    @property
    def frames(self) -> int:
        """All of them."""
        return self.before + self.between + self.after


def alone(captured: Floats, others: Floats) -> Alone:
    """Of frames captured at these moments, those by one bundle alone; `others` are the moments of the other's."""
    if not len(others):
        return Alone(between=len(captured))
    first, last = float(others.min()), float(others.max())
    before, after = int((captured < first).sum()), int((captured > last).sum())
    return Alone(before, len(captured) - before - after, after, first, last)


def why(found: Alone, other: str) -> str:
    """The reason as far as the moments tell it; `other` names who did not score them."""
    parts = (
        (found.before, f"before the {other} one began ({_at(found.first)})"),
        (found.between, f"in between, where the {other} one fell behind, was away, or could not have them"),
        (found.after, f"after the {other} one's last ({_at(found.last)})"),
    )
    told_of = [(n, when) for n, when in parts if n]
    if len(told_of) == 1:
        return told_of[0][1]
    return "; ".join(f"{n} {when}" for n, when in told_of)


def _at(moment: float) -> str:
    return told(datetime.fromtimestamp(moment, UTC)) if np.isfinite(moment) else "never"
