"""A false-call budget as people say it, and how many good frames it takes to prove one."""

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


def frames_to_prove(budget: float) -> int:
    """How many independent good frames, none above the threshold, show `budget` to be kept at 95 % confidence."""
    return math.ceil(math.log(0.05) / math.log1p(-budget))
