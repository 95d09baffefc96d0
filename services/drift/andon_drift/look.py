"""What one picture shows beside the limits of its bundle. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import NamedTuple

from andon.framing import find_all, read_framings
from andon.health import ImageHealth
from andon.records import Cause, Measure, Score
from andon_drift.limits import LEAST_FIT, Axis, Limits


class Shift(NamedTuple):
    """How far things lie from where they usually do, in original pixels, and how far they may: no picture is at fault
    where that is infinite, but many of them may tell that things moved."""

    pixels: float
    allowed: float

    @property
    def beyond(self) -> bool:
        """Whether it is too far."""
        return abs(self.pixels) > self.allowed

    @property
    def bounded(self) -> bool:
        """Whether there is a too far."""
        return isfinite(self.allowed)


class Shifts(NamedTuple):
    """Both of one picture; None where one cannot be told."""

    right: Shift | None = None
    down: Shift | None = None

    @property
    def pixels(self) -> tuple[float, float]:
        """To the right and down, in original pixels; NaN where it cannot be told."""
        return self.right.pixels if self.right else nan, self.down.pixels if self.down else nan


class Sight(NamedTuple):
    """One fault in one picture: whether it shows, the number `name` of `value` against its `limit`, and what is
    `usual`. `right` and `down` are how far things moved, in original pixels."""

    bad: bool
    name: str
    value: float
    limit: float
    usual: float
    unit: str = ""
    right: float = 0.0
    down: float = 0.0

    @property
    def measure(self) -> Measure:
        """The number against its limit, as a finding carries it."""
        return Measure(name=self.name, value=self.value, limit=self.limit, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Look:
    """One picture. `sights` holds the faults that could be judged in it; `right` and `down` what could be measured."""

    health: ImageHealth
    sights: Mapping[Cause, Sight] = field(default_factory=dict)
    right: Shift | None = None
    down: Shift | None = None


def look(score: Score, limits: Limits, shifts: Shifts | None = None) -> Look | None:
    """What the picture behind `score` shows; None where nobody measured it. `shifts` are its, where they are known.

    In the wrong light neither focus nor framing is judged: both are measured in what the light shows.
    """
    health = score.health
    if health is None:
        return None
    dark, bright = _dark(health, limits), _bright(health, limits)
    sights = {Cause.STATION_DARK: dark, Cause.STATION_BRIGHT: bright}
    if dark.bad or bright.bad:
        return Look(health, sights)
    sights[Cause.STATION_BLURRED] = _blurred(health, limits)
    found = shifts or find_shifts([(score, limits)])[0]
    bounded = [each for each in found if each is not None and each.bounded]
    if bounded:
        sights[Cause.CAMERA_MOVED] = _moved(bounded, *found)
    return Look(health, sights, found.right, found.down)


def _dark(health: ImageHealth, limits: Limits) -> Sight:
    bad = health.luminance < limits.dark
    return Sight(bad, "brightness", health.luminance, limits.dark, limits.brightness)


def _bright(health: ImageHealth, limits: Limits) -> Sight:
    """Too much light, or too much of the picture white: no defect shows there."""
    if health.clipped_high > limits.white:
        return Sight(True, "white", health.clipped_high, limits.white, limits.brightness)
    bad = health.luminance > limits.bright
    return Sight(bad, "brightness", health.luminance, limits.bright, limits.brightness)


def _blurred(health: ImageHealth, limits: Limits) -> Sight:
    bad = health.sharpness < limits.blurred
    return Sight(bad, "sharpness", health.sharpness, limits.blurred, limits.sharpness)


def _moved(bounded: Sequence[Shift], right: Shift | None, down: Shift | None) -> Sight:
    """The axis on which it moved farthest for what is allowed there speaks for both."""
    worst = max(bounded, key=lambda each: abs(each.pixels) / each.allowed)
    return Sight(worst.beyond, "shift", abs(worst.pixels), worst.allowed, 0.0, "px", _told(right), _told(down))


def _told(shift: Shift | None) -> float:
    return shift.pixels if shift and shift.beyond else 0.0


def find_shifts(pictures: Sequence[tuple[Score, Limits]]) -> list[Shifts]:
    """How far things moved in each: all at once, since one at a time takes ten times as long."""
    asked: list[tuple[int, Axis, int, int]] = []
    framings: list[str] = []
    for number, (score, limits) in enumerate(pictures):
        if score.framing is not None:
            sides = limits.crop or (score.width, score.height)
            for way, axis in enumerate((limits.right, limits.down)):
                if axis is not None and sides[way]:
                    asked.append((2 * number + way, axis, sides[way], 2 * len(framings) + way))
            framings.append(score.framing)
    told: list[Shift | None] = [None] * (2 * len(pictures))
    if asked:
        profiles = read_framings(framings)[[row for *_, row in asked]]
        found, fits = find_all([axis.template for _, axis, _, _ in asked], profiles)
        for (place, axis, side, _), at, fit in zip(asked, found.tolist(), fits.tolist(), strict=True):
            if fit >= LEAST_FIT:
                told[place] = Shift((at - axis.usual) * side, axis.allowed * side)
    return [Shifts(right, down) for right, down in zip(told[::2], told[1::2], strict=True)]
