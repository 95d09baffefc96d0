"""The numbers of one frame that are watched for drift, and the least change of each that matters to anybody. Pure.

A chart finds a change that is sure, however small it is; a lamp that is 0.1 % darker is nobody's ticket.
So an alarm counts only from `Feature.least` on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

from andon.health import ImageHealth
from andon.records import Score, Verdict

SCORE = "score"
OF_THRESHOLD, OF_USUAL = 0.02, 0.05
"""The least change of the score, in shares of the bundle's threshold; of its usual value where there is none."""
PIXEL, OF_SIDE = 1.0, 0.003
"""The least shift, in pixels and in shares of the side: the larger counts."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One number: what people call it, its unit ('' for a share or a pure number), the least raw change that matters
    and why no smaller one does."""

    words: str
    unit: str
    least: float
    why: str


FEATURES: dict[str, Feature] = {
    "luminance": Feature("brightness", "", 0.01, "two and a half grey levels of 255: what a lamp wavers by itself"),
    "contrast": Feature("contrast", "", 0.01, "as brightness, whose unit it has"),
    "clipped_low": Feature("pure black", "", 0.005, "half a per cent of the picture: a defect of that size can hide"),
    "clipped_high": Feature("pure white", "", 0.005, "as pure black"),
    "sharpness": Feature("sharpness", "", 0.1, "a tenth less energy in edges; a blur of 0.3 pixels takes about that"),
    "noise": Feature("noise", "", 0.0002, "a twentieth of a grey level: 0.0005 more has cost 2 points of AUROC"),
    "red_green": Feature("red against green", "", 0.01, "one per cent: below it no eye sees a cast"),
    "blue_green": Feature("blue against green", "", 0.01, "as red against green"),
    "right": Feature("shift to the right", "px", PIXEL, "a pixel; more in a large picture, see OF_SIDE"),
    "down": Feature("shift down", "px", PIXEL, "as to the right"),
    SCORE: Feature("score", "", 0.0, "a fiftieth of the way to the threshold, see OF_THRESHOLD"),
}
NAMES: tuple[str, ...] = tuple(FEATURES)
"""The order of the numbers in every row."""
_HEALTH = tuple(name for name in NAMES if name in ImageHealth.model_fields)


@dataclass(frozen=True, slots=True)
class Scale:
    """What the least changes of one place depend on: the picture's sides in original pixels, and its bundle's
    threshold (None: unknown)."""

    width: int = 0
    height: int = 0
    threshold: float | None = None


def numbers(score: Score, health: ImageHealth, right: float, down: float) -> tuple[float, ...]:
    """In the order of NAMES. `right` and `down` are the shift in original pixels, NaN where it cannot be told. The raw
    score counts only where the frame is not anomalous: defects are no drift."""
    raw = score.score if score.verdict is Verdict.OK and score.score is not None else nan
    return (*[getattr(health, name) for name in _HEALTH], right, down, raw)


def least_of(name: str, usual: float, scale: Scale) -> float:
    """The least change of `name` that matters, in its own unit, where it is usually `usual`."""
    if name == SCORE:
        return OF_THRESHOLD * abs(scale.threshold) if scale.threshold else OF_USUAL * abs(usual)
    side = {"right": scale.width, "down": scale.height}.get(name, 0)
    return max(FEATURES[name].least, OF_SIDE * side)


Least = Callable[[str], float]
"""The least change that matters, by the name of a number."""
