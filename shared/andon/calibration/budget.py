"""How many good frames it takes to prove a false-call budget."""

import math


def frames_to_prove(budget: float) -> int:
    """How many independent good frames, none above the threshold, show `budget` to be kept at 95 % confidence."""
    return math.ceil(math.log(0.05) / math.log1p(-budget))
