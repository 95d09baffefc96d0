"""The last scores of a station as a small drawing: heights above and below its threshold. Pure."""

from collections.abc import Iterable, Sequence
from itertools import islice
from math import isnan

FRAMES = 60
STEP, HEIGHT = 2, 40
WIDTH = (FRAMES - 1) * STEP
LIMIT = HEIGHT // 2  # where the threshold is drawn
_TOP = 2.0  # the ratio that reaches the upper edge; what is above is drawn there
NOTHING = -1
"""The height of a frame that has no score."""


def height(ratio: float) -> int:
    """Where score / threshold is drawn, 1 at twice the threshold to 39 at nothing; NOTHING for NaN."""
    if isnan(ratio):
        return NOTHING
    return round((HEIGHT - 1) - (LIMIT - 1) * min(max(ratio, 0.0), _TOP))


_PLACES = tuple(tuple(f"{at * STEP},{y}" for y in range(HEIGHT + 1)) for at in range(FRAMES))


def points(heights: Sequence[int]) -> str:
    """The `points` of a polyline, the newest at the right edge; frames without a score are passed over."""
    first = FRAMES - len(heights)
    return " ".join(_PLACES[first + at][y] for at, y in enumerate(heights) if y != NOTHING)


def heights(ratios: Iterable[float]) -> list[int]:
    """Of the first FRAMES of them."""
    return [height(each) for each in islice(ratios, FRAMES)]
