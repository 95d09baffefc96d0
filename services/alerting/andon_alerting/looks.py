"""Whether a picture itself looks otherwise than the good ones before it: then a fault of the camera may be named soon.

Parts that look bad may be bad parts, or good ones in a picture that is dark, blurred, moved or frozen. The camera's
fault takes some pictures more to be sure of (docs/drift.md); who is told of bad parts first is called for the wrong
reason, and twice. What counts as otherwise is a little less than what makes a fault, measured against the last good
pictures: where those differ much among themselves, nothing is otherwise.
"""

from base64 import b64decode
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from operator import mul
from statistics import median
from typing import TypeVar

from andon.records import Score, Verdict

RECENT = 8  # good pictures of a station and product
COMPARED = 3  # of them, for how far things lie from each other in good pictures
MOST = 4096  # stations and products: some 15 MB

LIGHT = 0.2  # of the usual brightness: a fault is a quarter of it
WHITE = 0.08  # of the picture more than usual that is pure white: a fault is a tenth
BLUR = 0.8  # of sharpness, a logarithm: a fault is 1.0
FITS = 0.6  # correlation: with less it is something else that is seen, and nobody can say that it moved

Place = tuple[str, str | None]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, in the numbers that tell a fault of the camera."""

    luminance: float
    white: float
    sharpness: float
    contrast: float
    noise: float
    framing: str | None


class Looks:
    """How the last good pictures of each station and product looked, and the last one of all. Lost with the process:
    then nothing is known, and any picture may be the camera's fault."""

    __slots__ = ("_good", "_last")

    def __init__(self) -> None:
        self._good: OrderedDict[Place, tuple[Picture, ...]] = OrderedDict()
        self._last: OrderedDict[str, Picture] = OrderedDict()

    def note(self, score: Score) -> None:
        """One picture more."""
        picture = picture_of(score)
        if picture is None or score.golden is not None or score.replayed:
            return
        _keep(self._last, score.station, picture)
        if score.verdict is Verdict.OK:
            place = score.station, score.product
            _keep(self._good, place, (*self._good.get(place, ())[-RECENT + 1 :], picture))

    def may_be_the_camera(self, score: Score) -> bool:
        """Whether `score`, not noted yet, is of a picture that looks otherwise, or the very same as the one before.
        One that nobody measured cannot be found at fault."""
        picture = picture_of(score)
        if picture is None:
            return False
        good = self._good.get((score.station, score.product), ())
        if not good or picture == self._last.get(score.station):
            return True
        return other_light(picture, good) or moved(picture, good)


def picture_of(score: Score) -> Picture | None:
    """Its numbers; None where nobody measured it."""
    health = score.health
    if health is None:
        return None
    numbers = health.luminance, health.clipped_high, health.sharpness, health.contrast, health.noise
    return Picture(*numbers, score.framing)


def other_light(now: Picture, good: Sequence[Picture]) -> bool:
    """Whether a picture is darker, brighter, whiter or less sharp than every good one, and far from what is usual."""
    light, white, sharp = (
        [each.luminance for each in good],
        [each.white for each in good],
        [each.sharpness for each in good],
    )
    return (
        now.luminance < min(*light, (1 - LIGHT) * median(light))
        or now.luminance > max(*light, (1 + LIGHT) * median(light))
        or now.white > max(*white, median(white) + WHITE)
        or now.sharpness < min(*sharp, median(sharp) - BLUR)
    )


def moved(now: Picture, good: Sequence[Picture]) -> bool:
    """Whether things stand elsewhere in the picture than in the last good one, as their framings (andon.framing) say,
    and farther than in the good ones before that. Numpy, which andon.framing needs, is no part of alerting; of a few
    short profiles, once an incident, Python tells as well."""
    known = [_profiles(each.framing) for each in good if each.framing]
    if now.framing is None or not known:
        return False
    shown, last, before = _profiles(now.framing), known[-1], known[-1 - COMPARED : -1]
    return any(_stands_elsewhere(shown[way], last[way], [each[way] for each in before]) for way in (0, 1))


def _stands_elsewhere(now: bytes, last: bytes, before: Sequence[bytes]) -> bool:
    usual = [best_shift(each, last) for each in before]
    shift, fit = best_shift(now, last)
    if fit < FITS or any(each < FITS for _, each in usual):
        return False
    return abs(shift) > max([1, *(2 * abs(each) for each, _ in usual)])


def _profiles(text: str) -> tuple[bytes, bytes]:
    """The brightness along the columns, and along the rows."""
    data = b64decode(text)
    return data[: len(data) // 2], data[len(data) // 2 :]


def best_shift(now: Sequence[int], good: Sequence[int]) -> tuple[int, float]:
    """By how many bins `now` lies beside `good`, and their correlation there. (0, 1) where either is flat, which can be
    found nowhere; of two places that fit alike, the nearer."""
    reach = len(good) // 4
    fits = [(shift, _correlation(now[max(0, shift) :], good[max(0, -shift) :])) for shift in range(-reach, reach + 1)]
    found = [(fit, -abs(shift), shift) for shift, fit in fits if fit is not None]
    if not found:
        return 0, 1.0
    fit, _, shift = max(found)
    return shift, fit


def _correlation(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Pearson's, over as much as both have; None where either is flat. In whole numbers, so that it is exact."""
    n = min(len(one), len(other))
    one, other = one[:n], other[:n]
    a, b = sum(one), sum(other)
    spread = (n * sum(map(mul, one, one)) - a * a) * (n * sum(map(mul, other, other)) - b * b)
    return (n * sum(map(mul, one, other)) - a * b) / sqrt(spread) if spread else None


def _keep(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MOST:
        memory.popitem(last=False)
