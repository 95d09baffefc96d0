"""Drift in words: causes, numbers, charts and promises. Pure."""

from collections.abc import Sequence
from math import floor, log10

from andon.records import Chart, Drift, DriftCause
from andon_console.frames.health import NAMES

IN_SHORT = {
    DriftCause.FOCUS: "the picture became softer, or sharper",
    DriftCause.EXPOSURE: "more or less light on the whole picture",
    DriftCause.GLARE: "more of the picture is white: a reflection",
    DriftCause.NOISE: "the picture is noisier, or quieter: gain, or heat",
    DriftCause.COLOUR: "the colours shifted against each other",
    DriftCause.FRAMING: "things stand elsewhere in the picture",
    DriftCause.SPOT: "something sits at one fixed place: dust, a drop",
    DriftCause.PROCESS: "the scores moved and the pictures did not: the parts changed",
    DriftCause.PRODUCT: "everything changed at once: this looks like another product",
    DriftCause.SENSOR: "a reading beside the camera moved, the pictures did not",
    DriftCause.UNNAMED: "something moved, and no rule tells what it is",
}
BY_SIGN = {
    DriftCause.FOCUS: ("sharpness", "the picture became sharper", "the picture became softer"),
    DriftCause.EXPOSURE: ("luminance", "more light on the whole picture", "less light on the whole picture"),
    DriftCause.NOISE: ("noise", "the picture is noisier: gain, or heat", "the picture is quieter"),
}
"""What to say where this number is above, or below, what is usual."""
CHARTS = {
    Chart.CUSUM: ("step", "CUSUM, for a lasting step"),
    Chart.EWMA: ("trend", "EWMA, for a slow trend"),
    Chart.WASSERSTEIN: ("shape", "Wasserstein distance, for spread and shape"),
    Chart.HOTELLING: ("together", "T-squared, for many numbers together"),
    Chart.BERNOULLI: ("share", "CUSUM of a share"),
    Chart.PLACES: ("spot", "CUSUMs of where maps are highest"),
}
"""What a chart watches for, in one word and in a few."""
OWN = {
    "right": "shift to the right",
    "down": "shift down",
    "rejects": "share of called parts",
    "embedding": "what the picture shows",
    "together": "all readings together",
    "places": "maps highest at one place",
}
SHARES = ("luminance", "contrast", "clipped_low", "clipped_high", "noise", "rejects", "places")
MOST_DIGITS, MOST_DECIMALS = 4, 6
MONTH = 30
SIDES = {True: "above", False: "below"}


def cause_words(drift: Drift) -> str:
    """What it is in a few words, with its direction where one of its numbers tells it."""
    name, above, below = BY_SIGN.get(drift.named, ("", "", ""))
    moved = next((each for each in drift.moved if each.name == name and each.sigmas), None)
    return IN_SHORT[drift.named] if moved is None else above if moved.sigmas > 0 else below


def number_name(name: str) -> str:
    """What people call a number: `black pixels` for clipped_low, `spindle temperature` for a sensor's."""
    return OWN.get(name) or (NAMES[name][0] if name in NAMES else name.replace("_", " "))


def number_words(name: str, values: Sequence[float], unit: str = "") -> list[str]:
    """Its values, with as many digits as tell the first two apart: brightness in percent, a reading in its unit."""
    share = name in SHARES and not unit
    told = [value * 100 if share else value for value in values]
    digits = _digits(told)
    return [f"{value:.{digits}f} {'%' if share else unit}".rstrip() for value in told]


def sigmas_words(sigmas: float) -> str:
    """`3.2 standard deviations below usual`."""
    return f"{abs(sigmas):.2g} standard deviations {SIDES[sigmas > 0]} usual"


def shift_words(right: float, down: float) -> str:
    """`11 px left and 3 px down`; '' for less than half a pixel."""
    across = f"{abs(right):.2g} px {'right' if right > 0 else 'left'}" if abs(right) >= 0.5 else ""
    along = f"{abs(down):.2g} px {'down' if down > 0 else 'up'}" if abs(down) >= 0.5 else ""
    return " and ".join(filter(None, (across, along)))


def promise_words(days: float) -> str:
    """How often such a ticket comes though nothing has changed: `about once a month`."""
    if days < 1.5:
        return "about once a day"
    if abs(days - MONTH) <= 0.1 * MONTH:
        return "about once a month"
    return f"about once in {days:.0f} days"


def _digits(values: Sequence[float]) -> int:
    """Decimals: one digit of the difference of the first two, a second one where that begins with 1 or 2; of the value
    itself where they are alike. A value has four digits at most."""
    largest = max(map(abs, values))
    size = (abs(values[0] - values[1]) if len(values) > 1 else 0.0) or largest
    if not size:
        return 0
    finest = floor(log10(size))
    wanted = (0 if size / 10**finest >= 3 else 1) - finest
    return min(MOST_DECIMALS, max(0, min(wanted, MOST_DIGITS - 1 - floor(log10(largest)))))
