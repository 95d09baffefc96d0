"""A false-call budget as people say it."""

import math
import re

from andon.errors import Mistake

_BUDGET = re.compile(r"(?P<calls>\d+(?:\.\d+)?)\s*(?:(?:per|in|/)\s*(?P<per>\d+)|(?P<percent>%))?", re.IGNORECASE)


def parse_budget(text: str) -> float:
    """The share that "2 per 1000", "1/500", "0.2%" or "0.002" means. Raises Mistake unless within (0, 0.5]."""
    match = _BUDGET.fullmatch(text.strip().replace(",", ""))
    if match is None:
        raise Mistake(f"budget {text!r}: say how many good frames may be called anomalous, such as '2 per 1000'")
    divisor = 100.0 if match["percent"] else float(match["per"] or 1)
    share = float(match["calls"]) / divisor if divisor else math.inf
    if not 0 < share <= 0.5:
        raise Mistake(f"budget {text!r} is a share of {share:g}; it must be above 0 and at most 0.5")
    return share


def budget_words(share: float) -> str:
    """`share` as people say it: "2 per 1000", or "1 per 500" where that is shorter."""
    for per in (100, 1000, 10_000, 100_000):
        calls = share * per
        if calls >= 0.999 and abs(calls - round(calls)) < 1e-6 * per:
            return f"{round(calls)} per {per}"
    return f"{share:.3g}"
