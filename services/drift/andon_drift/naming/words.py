"""The words that a drift is told in: numbers with their digits, times, directions."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
NAMES = {
    "luminance": "brightness",
    "contrast": "contrast",
    "clipped_low": "pure black",
    "clipped_high": "pure white",
    "sharpness": "sharpness",
    "noise": "noise",
    "red_green": "red against green",
    "blue_green": "blue against green",
    "right": "shift to the right",
    "down": "shift down",
    "score": "scores",
    "embedding": "the picture as a whole",
    "rejects": "called parts",
    "places": "maps that are highest at one place",
}
PER_CENT, GREY_LEVELS = (100.0, " %"), (255.0, " grey levels")
TOLD_IN = dict.fromkeys(("luminance", "contrast", "clipped_low", "clipped_high", "rejects", "places"), PER_CENT)
TOLD_IN["noise"] = GREY_LEVELS
"""Numbers that people read in another measure: times what, and its unit."""


def words_for(name: str) -> str:
    """What people call a number: `spindle_temperature` is the spindle temperature."""
    return NAMES.get(name, name.replace("_", " "))


def clock(at: datetime, now: datetime | None = None) -> str:
    """Hours and minutes in UTC; with the day where that is not the day of `now`."""
    local = at.astimezone(UTC)
    same = now is None or local.date() == now.astimezone(UTC).date()
    return f"{local:%H:%M} UTC" if same else f"{local:%Y-%m-%d %H:%M} UTC"


def lasting(seconds: float) -> str:
    """About how long, in the unit people would use."""
    for unit, size in (("min", MINUTE), ("h", HOUR)):
        if seconds < 90 * size if unit == "min" else seconds < 2 * DAY:
            return f"{max(1.0, seconds / size):.0f} {unit}"
    return f"{seconds / DAY:.0f} days"


def figures(name: str, values: Sequence[float], unit: str = "") -> list[str]:
    """Values with as many digits as tell the first two apart, in `unit`; shares as per cent."""
    times, after = TOLD_IN.get(name, (1.0, f" {unit}" if unit else ""))
    told = [times * value for value in values]
    digits = _digits(*told[:2])
    return [f"{value:.{digits}f}{after}" for value in told]


def _digits(after: float, before: float) -> int:
    """Decimals: one significant digit of the difference, a second one where the first is a 1 or a 2."""
    difference = abs(after - before) or abs(after) or 1.0
    finest = math.floor(math.log10(difference))
    coarse = difference / 10**finest >= 3
    return min(6, max(0, (0 if coarse else 1) - finest))


def way(right: float, down: float) -> str:
    """`11 px left and 4 px down`: of what rounds to a pixel, else the larger one with a digit."""
    ways = [(right, "right", "left"), (down, "down", "up")]
    whole = [(by, plus, minus) for by, plus, minus in ways if abs(by) >= 1]
    if not whole:
        by, plus, minus = max(ways, key=lambda each: abs(each[0]))
        return f"{abs(by):.1f} px {plus if by > 0 else minus}"
    return " and ".join(f"{abs(by):.0f} px {plus if by > 0 else minus}" for by, plus, minus in whole)


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
