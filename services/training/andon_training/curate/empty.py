"""Frames with nothing to see: black, or of one even grey."""

from collections.abc import Sequence

import numpy as np

from andon_training.curate.findings import Finding, Kind, Measure
from andon_training.curate.look import Look

FLAT = 0.02  # contrast, of full scale: 5 of 255 grey levels
SHARE = 0.15  # of the set's median contrast: plain products are not called empty
BLACK = 0.1  # brightness, of white


def find_empty(looks: Sequence[Look]) -> list[Finding]:
    """Black and flat frames. Their limit is lower where the whole set has little contrast."""
    if not looks:
        return []
    limit = min(FLAT, SHARE * float(np.median([look.health.contrast for look in looks])))
    return [_finding(look, limit) for look in looks if look.health.contrast < limit]


def _finding(look: Look, limit: float) -> Finding:
    contrast, grey = look.health.contrast, look.health.luminance
    kind = Kind.BLACK if grey < BLACK else Kind.FLAT
    what = "black" if kind is Kind.BLACK else f"one even tone, {grey:.0%} of white"
    says = (
        f"nothing to see: {what}, its contrast {contrast:.2%} of full scale; a frame of this set has over {limit:.2%}"
    )
    return Finding(kind, look.name, says, Measure(contrast, limit, "of full scale"))
