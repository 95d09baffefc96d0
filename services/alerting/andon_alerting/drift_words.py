"""What is said of a drift, by what drifted: what to do first, what it means for the parts, what many stations share.
Pure."""

from datetime import UTC

from andon.records import Drift, DriftCause, Moved

FIRST = {
    DriftCause.FOCUS: "Wipe the lens; then look at its focus ring, and at the distance to the part.",
    DriftCause.EXPOSURE: "Look at the lamp: dust, age, voltage; then at the camera's exposure.",
    DriftCause.GLARE: "Look for what shines into the picture: sun, a lamp nearby, oil on the part.",
    DriftCause.NOISE: "Look at the camera's gain and its heat; is the light weaker, so that it amplifies more?",
    DriftCause.COLOUR: "Look at the lamp and the white balance: was one replaced, or switched to automatic?",
    DriftCause.FRAMING: "Look whether the camera or the fixture has moved; put it back, or have it learned anew.",
    DriftCause.SPOT: "Wipe the lens and its window at the place that is marked.",
    DriftCause.PROCESS: "Look at the parts, the tool and the material; the camera sees as before.",
    DriftCause.PRODUCT: "Is another product made? Then name it on the frames, or assign its bundle.",
    DriftCause.SENSOR: "Look at what the sensor measures; the pictures are as before.",
    DriftCause.UNNAMED: "Look at the frames before and after; nothing has to be stopped.",
}
MEANS = {
    DriftCause.PROCESS: "Verdicts hold; the parts themselves change, and may be out of bounds soon.",
    DriftCause.PRODUCT: "Verdicts mean little: the bundle has not learned what it is shown.",
    DriftCause.SENSOR: "Verdicts hold; the process is not as it was when parts were good.",
}
"""Where it is something else than for drift in general."""

DRIFTED = {
    DriftCause.FOCUS: "focus drifted",
    DriftCause.EXPOSURE: "exposure drifted",
    DriftCause.GLARE: "glare appeared",
    DriftCause.NOISE: "noise drifted",
    DriftCause.COLOUR: "colours drifted",
    DriftCause.FRAMING: "framing moved",
    DriftCause.SPOT: "a spot appeared",
    DriftCause.PROCESS: "scores drifted",
    DriftCause.PRODUCT: "parts changed to what looks like another product",
    DriftCause.SENSOR: "sensors drifted",
    DriftCause.UNNAMED: "something drifted",
}
LOOK = {
    DriftCause.FOCUS: "look for dust, steam or oil in the air",
    DriftCause.EXPOSURE: "look at the light or power they share",
    DriftCause.GLARE: "look at the sun, and at lamps nearby",
    DriftCause.NOISE: "look at the light they share, and at the heat around them",
    DriftCause.COLOUR: "look at the light they share",
    DriftCause.FRAMING: "look for a shock, or for work on what carries the cameras",
    DriftCause.SPOT: "look for dust or oil in the air",
    DriftCause.PROCESS: "look at the material and the process they share",
    DriftCause.PRODUCT: "look whether another product is made",
    DriftCause.SENSOR: "look at the power, air and coolant they share",
    DriftCause.UNNAMED: "look for what changed for all of them: light, air, material",
}
"""What stations share of which so much drifts at the same time."""


def first_of(named: DriftCause) -> str:
    """What to do first."""
    return FIRST[named]


def without_station(sentence: str, station: str) -> str:
    """A finding's sentence as it stands within another: without the station before it and the full stop after it."""
    return sentence.strip().removeprefix(f"{station}: ").removesuffix(".")


def one_sentence(drift: Drift) -> str:
    """What drifted, where nobody has said it yet: `focus drifted since 13:40 UTC: sharpness 4.1, usually 4.6`. A sensor
    that moved goes first."""
    told = [*drift.sensors, *drift.moved][:1]
    what = f": {moved_words(told[0])}" if told else ""
    return f"{DRIFTED[drift.named]} since {drift.since.astimezone(UTC):%H:%M} UTC{what}"


def moved_words(moved: Moved) -> str:
    """`sharpness 4.1, usually 4.6`."""
    unit = f" {moved.unit}" if moved.unit else ""
    return f"{moved.name.replace('_', ' ')} {moved.after:.4g}{unit}, usually {moved.before:.4g}{unit}"


def odds_words(drift: Drift) -> str | None:
    """How often such a ticket comes when nothing has changed."""
    days = drift.false_alarm_days
    return f"Where nothing changes, this station gives such a ticket once in about {days:.0f} days." if days else None
