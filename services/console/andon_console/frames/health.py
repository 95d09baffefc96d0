"""Image health in words: each number beside what is usual at this station, by the good frames of its bundle. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from andon.health import ImageHealth
from andon.manifest import Distribution, DriftReference

USUAL = (0.01, 0.99)  # shares of the good frames


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %" if value < 0.1 else f"{value * 100:.0f} %"


def _number(value: float) -> str:
    return f"{value:.2f}"


NAMES: dict[str, tuple[str, Callable[[float], str]]] = {
    "luminance": ("brightness", _percent),
    "contrast": ("contrast", _percent),
    "sharpness": ("sharpness", _number),
    "noise": ("noise", _percent),
    "clipped_low": ("black pixels", _percent),
    "clipped_high": ("white pixels", _percent),
    "red_green": ("red against green", _number),
    "blue_green": ("blue against green", _number),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One number: its `name` and `value` in words, what is `usual` ('' where nobody knows), and whether it is
    `off`: 'below usual', 'above usual' or ''."""

    name: str
    value: str
    usual: str = ""
    off: str = ""


def health_lines(health: ImageHealth, reference: DriftReference | None) -> list[Line]:
    """Every number of a frame's image health."""
    known = reference.health if reference is not None else {}
    return [_line(name, getattr(health, name), known.get(name)) for name in NAMES]


def _line(name: str, value: float, known: Distribution | None) -> Line:
    word, told = NAMES[name]
    if known is None:
        return Line(word, told(value))
    low, high = (float(each) for each in np.interp(USUAL, np.linspace(0, 1, len(known.quantiles)), known.quantiles))
    usual = f"{told(low)} to {told(high)}" if told(low) != told(high) else told(low)
    shown = told(value)
    off = "" if low <= value <= high or shown in (told(low), told(high)) else _off(value, low)
    return Line(word, shown, usual, off)


def _off(value: float, low: float) -> str:
    return "below usual" if value < low else "above usual"
