"""What changed, taken apart: from a place's numbers to changes that do not explain each other.

The numbers of one picture move together. Twice the light doubles the contrast, the edges and the noise; a blur takes
edges and some fine noise; noise adds edges. So every change is a gain, a natural logarithm of after over before, and
what another gain explains is taken off:

    light   ln of brightness
    relief  ln of contrast: what a gain of light explains in everything that is a difference of grey levels
    grain   ln of noise, beyond relief
    edges   ln of the standard deviation of the Laplacian, beyond relief, and beyond what new noise adds to it. White
            noise never raises ln of the Laplacian by more than ln of itself; noise in a picture that was enlarged is
            measured too small. So what grew by less than THRICE the grain is the noise's own. (A blur takes a fifth
            to two fifths as much from ln of noise as from edges: a lens that gets sharper little by little may pass
            for noise, but lenses seldom do.)

Each is counted in *steps*: how many times what matters to people. Signed. A number whose chart has alarmed counts
whole: it surely moved. Of another one only that counts which chance does not explain.
"""

import math
from dataclasses import dataclass

from andon_drift.naming.gathering import Gathering, spot
from andon_drift.naming.seen import Number, Seen

WHITE = 255.0
LEAST_NOISE = 0.0005  # an eighth of a grey level: below that it is rounding
ERRORS = 1.5
THRICE = 3.0

# What matters to people, in the gain's own measure
LIGHT = 0.01  # one per cent brighter: half of what an eye sees side by side
RELIEF = 0.015
EDGES = 0.02  # a sharpness of 0.04
GRAIN = 0.03
TINT = 0.005
CLIPPED = 0.005  # of the picture
SHIFT_PX, SHIFT = 0.5, 0.0015  # half a pixel, or so much of the side
GATHERED = 0.05  # of the frames more than usual have their highest place at one spot
LIKELIER = 12.0  # ln of how much likelier the last frames are so: chance alone reaches 10
SCORE = 0.25  # standard deviations of a frame's score


@dataclass(frozen=True, slots=True)
class Changes:
    """In steps, signed; 0 where nothing changed beyond chance or nobody measured it.

    `tint` is the larger of the two colours'. `right` and `down` are shifts; `lost` says that things cannot be found in
    the picture any more. `glare` is the share of the new light that newly white pixels hold. `gathered` is never
    negative. `embedding` says that T-squared alarmed; `called` is the share of anomalous frames where that alarmed.
    `frames` is how many frames ago it began.
    """

    light: float = 0.0
    relief: float = 0.0
    edges: float = 0.0
    grain: float = 0.0
    tint: float = 0.0
    white: float = 0.0
    black: float = 0.0
    glare: float = 0.0
    right: float = 0.0
    down: float = 0.0
    lost: bool = False
    gathered: float = 0.0
    score: float = 0.0
    embedding: bool = False
    called: float = 0.0
    frames: float = math.inf


def changes_of(seen: Seen) -> Changes:
    """Taken apart."""
    light, relief, noise = (_gain(seen, each) for each in ("luminance", "contrast", "noise"))
    grain = noise - relief if noise else 0.0
    right, down = seen.numbers.get("right"), seen.numbers.get("down")
    return Changes(
        light=light / LIGHT,
        relief=relief / RELIEF,
        edges=_edges(seen, relief, grain) / EDGES,
        grain=grain / GRAIN,
        tint=max(_gain(seen, "red_green"), _gain(seen, "blue_green"), key=abs) / TINT,
        white=_plain(seen, "clipped_high") / CLIPPED,
        black=_plain(seen, "clipped_low") / CLIPPED,
        glare=_glare(seen),
        right=_plain(seen, "right") / max(SHIFT_PX, SHIFT * seen.width),
        down=_plain(seen, "down") / max(SHIFT_PX, SHIFT * seen.height),
        lost=any(each is not None and math.isnan(each.after) for each in (right, down)),
        gathered=_gathered(seen.places, seen.gathers is not None),
        score=_score(seen.numbers.get("score")),
        embedding=seen.embedding is not None,
        called=seen.rejects.after if seen.rejects else 0.0,
        frames=_frames(seen),
    )


def beyond_chance(value: float, error: float) -> float:
    """`value`, shrunk towards 0 the more its standard error explains of it: by nothing where that is small, to nothing
    from ERRORS of them on (the positive part of James and Stein)."""
    return value * max(0.0, 1 - (ERRORS * error / value) ** 2) if value else 0.0


def _known(seen: Seen, name: str) -> Number | None:
    number = seen.numbers.get(name)
    return number if number is not None and math.isfinite(number.after) else None


def _error(number: Number) -> float:
    """The standard error of `after`, raw; 0 where a chart is sure."""
    difference = number.after - number.before
    return abs(number.error * difference / number.sigmas) if number.sigmas and number.alarm is None else 0.0


def _plain(seen: Seen, name: str) -> float:
    number = _known(seen, name)
    return beyond_chance(number.after - number.before, _error(number)) if number else 0.0


def _gain(seen: Seen, name: str) -> float:
    """The logarithm of after over before."""
    number, least = _known(seen, name), LEAST_NOISE if name == "noise" else 1 / WHITE
    if number is None:
        return 0.0
    before, after = max(number.before, least), max(number.after, least)
    return beyond_chance(math.log(after / before), _error(number) / min(before, after))


def _edges(seen: Seen, relief: float, grain: float) -> float:
    """What neither light nor noise explains of the edges."""
    number = _known(seen, "sharpness")
    if number is None:
        return 0.0
    before, after = (max(math.expm1(each), 1e-3) for each in (number.before, number.after))
    grown = beyond_chance(0.5 * math.log(after / before), 0.5 * _error(number))
    left = grown - relief if grown else 0.0
    return 0.0 if 0 < left <= THRICE * grain else left


def _glare(seen: Seen) -> float:
    """A pixel that turns white brings what it lacked: about as much as the picture's mean does."""
    light, white = _known(seen, "luminance"), _plain(seen, "clipped_high")
    if light is None or white <= 0:
        return 0.0
    return white * (1 - light.before) / max(light.after - light.before, 1 / WHITE)


def _gathered(places: Gathering | None, alarmed: bool) -> float:
    """How sure it is that the last frames have their highest place at one spot; 0 where hardly more of them do. Sure
    enough where its chart alarmed."""
    if places is None or places.frames == 0:
        return 0.0
    found = spot(places)
    sure = max(found.likelier / LIKELIER, float(alarmed))
    return sure if found.now - found.before >= GATHERED else 0.0


def _score(number: Number | None) -> float:
    if number is None or not math.isfinite(number.after):
        return 0.0
    return beyond_chance(number.sigmas, 0.0 if number.alarm else number.error) / SCORE


def _frames(seen: Seen) -> float:
    """The longest time that a number's chart has seen it change; T-squared knows no better than its window."""
    alarms = [number.alarm for number in seen.numbers.values() if number.alarm is not None]
    if not alarms:
        alarms = [each for each in (seen.embedding, seen.gathers) if each is not None]
    return max((float(each.frames) for each in alarms), default=math.inf)
