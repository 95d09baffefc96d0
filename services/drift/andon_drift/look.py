"""What one picture shows beside the limits of its bundle. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from andon.framing import Pixels8, read_framing
from andon.health import ImageHealth
from andon.records import Cause, Measure, Score
from andon_drift.limits import LEAST_FIT, Axis, Limits


@dataclass(frozen=True, slots=True)
class Shift:
    """How far things lie from where they usually do, in original pixels, and how far they may."""

    pixels: float
    allowed: float

    @property
    def beyond(self) -> bool:
        """Whether it is too far."""
        return abs(self.pixels) > self.allowed


@dataclass(frozen=True, slots=True)
class Sight:
    """One fault in one picture: whether it shows, the number against its limit, and what is `usual`. `right` and `down`
    are how far things moved, in original pixels."""

    bad: bool
    measure: Measure
    usual: float
    right: float = 0.0
    down: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """One picture. `sights` holds the faults that could be judged in it; `right` and `down` what could be measured."""

    health: ImageHealth
    sights: Mapping[Cause, Sight] = field(default_factory=dict)
    right: Shift | None = None
    down: Shift | None = None


def look(score: Score, limits: Limits) -> Look | None:
    """What the picture behind `score` shows; None where nobody measured it.

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
    right, down = _shifts(score, limits)
    if right or down:
        sights[Cause.CAMERA_MOVED] = _moved(right, down)
    return Look(health, sights, right, down)


def _dark(health: ImageHealth, limits: Limits) -> Sight:
    measure = Measure(name="brightness", value=health.luminance, limit=limits.dark)
    return Sight(health.luminance < limits.dark, measure, limits.brightness)


def _bright(health: ImageHealth, limits: Limits) -> Sight:
    """Too much light, or too much of the picture white: no defect shows there."""
    white = Measure(name="white", value=health.clipped_high, limit=limits.white)
    if health.clipped_high > limits.white:
        return Sight(True, white, limits.brightness)
    light = Measure(name="brightness", value=health.luminance, limit=limits.bright)
    return Sight(health.luminance > limits.bright, light, limits.brightness)


def _blurred(health: ImageHealth, limits: Limits) -> Sight:
    measure = Measure(name="sharpness", value=health.sharpness, limit=limits.blurred)
    return Sight(health.sharpness < limits.blurred, measure, limits.sharpness)


def _moved(right: Shift | None, down: Shift | None) -> Sight:
    """The axis on which it moved farthest for what is allowed there speaks for both."""
    known = [each for each in (right, down) if each]
    worst = max(known, key=lambda each: abs(each.pixels) / each.allowed)
    measure = Measure(name="shift", value=abs(worst.pixels), limit=worst.allowed, unit="px")
    return Sight(worst.beyond, measure, 0.0, _told(right), _told(down))


def _told(shift: Shift | None) -> float:
    return shift.pixels if shift and shift.beyond else 0.0


def _shifts(score: Score, limits: Limits) -> tuple[Shift | None, Shift | None]:
    if score.framing is None or not (limits.right or limits.down):
        return None, None
    width, height = limits.crop or (score.width, score.height)
    columns, rows = read_framing(score.framing)
    return _shift(columns, limits.right, width), _shift(rows, limits.down, height)


def _shift(profile: Pixels8, axis: Axis | None, pixels: int) -> Shift | None:
    if axis is None:
        return None
    found, fit = axis.template.find(profile)
    return Shift((found - axis.usual) * pixels, axis.allowed * pixels) if fit >= LEAST_FIT and pixels else None
