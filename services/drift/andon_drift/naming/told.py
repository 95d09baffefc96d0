"""What people read: one sentence for a drift that began, one for its end. What did not change is said, too."""

from collections.abc import Callable
from datetime import datetime

from andon.records import Drift, DriftCause, Moved
from andon.records.drift import Chart
from andon_drift.naming.named import EMBEDDING, has_moved
from andon_drift.naming.pace import pace
from andon_drift.naming.seen import Seen
from andon_drift.naming.words import MINUTE, clock, figures, lasting, listed, way, words_for

LONGEST = 1000
STAYED = 0.5
"""Standard deviations: a reading that moved less has not."""
SOON_S = 30 * 86_400.0
"""Beyond a month nobody can say when."""
AS_BEFORE = {
    "light": ("luminance", "contrast"),
    "focus": ("sharpness",),
    "noise": ("noise",),
    "colour": ("red_green", "blue_green"),
    "framing": ("right", "down"),
    "scores": ("score",),
}
"""What can stay as it was, and the numbers that say so."""
SPEAKS_OF = {
    DriftCause.FOCUS: {"focus", "noise"},
    DriftCause.EXPOSURE: {"light"},
    DriftCause.GLARE: {"light"},
    DriftCause.NOISE: {"noise"},
    DriftCause.COLOUR: {"colour"},
    DriftCause.FRAMING: {"framing"},
    DriftCause.SPOT: {"scores"},
    DriftCause.PROCESS: {"scores"},
}
"""What a sentence is about, of which it does not say that it is as before."""
OVER = {
    DriftCause.FOCUS: "the picture is as sharp as it used to be again",
    DriftCause.EXPOSURE: "the light is as it used to be again",
    DriftCause.GLARE: "the reflection is gone",
    DriftCause.NOISE: "the picture is as quiet as it used to be again",
    DriftCause.COLOUR: "the colours are as they used to be again",
    DriftCause.FRAMING: "things stand in the picture where they used to again",
    DriftCause.SPOT: "the spot is gone",
    DriftCause.PROCESS: "the scores are as they used to be again",
    DriftCause.PRODUCT: "the picture is as it used to be again",
    DriftCause.SENSOR: "the readings are as they used to be again",
    DriftCause.UNNAMED: "what had moved is as it used to be again",
}


def sentence(seen: Seen, drift: Drift) -> str:
    """How it began: `weld-07: framing moved 11 px left since 14:02 UTC; light, focus and scores as before.`"""
    parts = [TELLERS[drift.named](seen, drift), _as_before(seen, drift), _sensors(drift, seen.at)]
    told = "; ".join(part for part in parts if part)
    more = [_harm(drift), "A retraining was asked for." if drift.retrain else ""]
    return " ".join([f"{seen.station}: {told}.", *filter(None, more)])[:LONGEST]


def ended(station: str, cause: DriftCause, since: datetime, at: datetime) -> str:
    """It is over."""
    return f"{station}: {OVER[cause]}, after {lasting((at - since).total_seconds())}."


def _focus(seen: Seen, drift: Drift) -> str:
    edges = _moved(drift, "sharpness")
    if edges is None:
        return f"the picture loses fine detail {_since(seen)}{_values(drift, 'noise')}"
    return f"the picture gets {'softer' if edges.sigmas < 0 else 'sharper'} {_since(seen)}{_values(drift, 'sharpness')}"


def _exposure(seen: Seen, drift: Drift) -> str:
    found = _moved(drift, "luminance")
    if found is None:
        return f"the light changed {_since(seen)}{_values(drift, 'contrast')}"
    return (
        f"the picture gets {'brighter' if found.sigmas > 0 else 'darker'} {_since(seen)}{_values(drift, 'luminance')}"
    )


def _glare(seen: Seen, drift: Drift) -> str:
    white = _moved(drift, "clipped_high")
    if white is None:
        return f"a reflection: one place of the picture gets brighter {_since(seen)}{_at(drift)}"
    return f"a reflection: more of the picture is pure white {_since(seen)}{_at(drift)}{_values(drift, 'clipped_high')}"


def _noise(seen: Seen, drift: Drift) -> str:
    return f"the picture gets noisier {_since(seen)}{_values(drift, 'noise')}"


def _colour(seen: Seen, drift: Drift) -> str:
    tints = [_values(drift, name).removeprefix(": ") for name in ("red_green", "blue_green") if _moved(drift, name)]
    return f"the colours shift {_since(seen)}: {' and '.join(tints)}"


def _framing(seen: Seen, drift: Drift) -> str:
    return f"framing moved {way(drift.right, drift.down)} {_since(seen)}"


def _spot(seen: Seen, drift: Drift) -> str:
    return (
        f"something sits at one fixed place of the picture {_since(seen)}{_at(drift)}{_values(drift, 'score')}"
        ": dust, a drop or a reflection, or the same mark on every part"
    )


def _process(seen: Seen, drift: Drift) -> str:
    found, same = _moved(drift, "score"), _same(seen, drift)
    alike = f"{listed(same)} are" if seen.embedding is not None and same else "the pictures are"
    if found is None:
        return f"more parts are called {_since(seen)} and {alike} as before: the parts changed"
    goes = "rise" if found.after > found.before else "fall"
    return (
        f"scores {goes} {_since(seen)} ({_score_values(seen, found)}) and {alike} as before: "
        f"the parts changed{_when(seen, found)}"
    )


def _product(seen: Seen, drift: Drift) -> str:
    what = listed([words_for(each.name) for each in drift.moved[:4]])
    made = f", though {seen.product} is said to be made" if seen.product else ""
    guess = f"this looks like another product{made}, or the camera looks elsewhere"
    return f"everything changed at once {_since(seen)} ({what}): {guess}"


def _sensor(seen: Seen, drift: Drift) -> str:
    apart = [each for each in drift.moved if each.chart is Chart.HOTELLING and abs(each.sigmas) < STAYED]
    if apart and apart[0] is drift.moved[0]:
        return (
            f"the readings do not go together as they used to {_since(seen)}, {words_for(apart[0].name)} least of all"
        )
    return listed([_read(each) for each in drift.moved[:3]]) + f" {_since(seen)}"


def _read(moved: Moved) -> str:
    """A reading that stayed where it was, but not as still as it was, or stiller."""
    if moved.chart is Chart.WASSERSTEIN and abs(moved.sigmas) < STAYED:
        return f"{words_for(moved.name)} varies otherwise than it used to"
    return reading(moved)


def _unnamed(seen: Seen, drift: Drift) -> str:
    shown = [_plainly(each) for each in drift.moved[:3]]
    return f"{listed(shown) or 'something'} changed {_since(seen)}, and no rule tells why"


TELLERS: dict[DriftCause, Callable[[Seen, Drift], str]] = {
    DriftCause.FOCUS: _focus,
    DriftCause.EXPOSURE: _exposure,
    DriftCause.GLARE: _glare,
    DriftCause.NOISE: _noise,
    DriftCause.COLOUR: _colour,
    DriftCause.FRAMING: _framing,
    DriftCause.SPOT: _spot,
    DriftCause.PROCESS: _process,
    DriftCause.PRODUCT: _product,
    DriftCause.SENSOR: _sensor,
    DriftCause.UNNAMED: _unnamed,
}


def reading(moved: Moved) -> str:
    """`spindle temperature rose 6 K`; without a unit, from where to where."""
    verb = "rose" if moved.after > moved.before else "fell"
    after, before = figures(moved.name, (moved.after, moved.before), moved.unit)
    if not moved.unit:
        return f"{words_for(moved.name)} {verb} from {before} to {after}"
    by, _ = figures(moved.name, (abs(moved.after - moved.before), 0.0), moved.unit)
    return f"{words_for(moved.name)} {verb} {by}"


def _since(seen: Seen) -> str:
    return f"since {clock(seen.since, seen.at)}"


def _moved(drift: Drift, name: str) -> Moved | None:
    return next((each for each in drift.moved if each.name == name), None)


def _values(drift: Drift, name: str) -> str:
    """`: sharpness 4.1, usually 4.6`."""
    found = _moved(drift, name)
    if found is None:
        return ""
    after, before = figures(name, (found.after, found.before), found.unit)
    return f": {words_for(name)} {after}, usually {before}"


def _plainly(moved: Moved) -> str:
    """`noise (0.012, usually 0.006)`."""
    if moved.name == EMBEDDING:
        return words_for(moved.name)
    after, before = figures(moved.name, (moved.after, moved.before), moved.unit)
    return f"{words_for(moved.name)} ({after}, usually {before})"


def _score_values(seen: Seen, found: Moved) -> str:
    if seen.threshold is None:
        after, before = figures("score", (found.after, found.before))
        return f"{after}, usually {before}"
    after, before, limit = figures("score", (found.after, found.before, seen.threshold))
    return f"{after}, usually {before}, threshold {limit}"


def _when(seen: Seen, found: Moved) -> str:
    """When the threshold is reached, where the scores rise steadily towards it."""
    steady = pace(found.history, seen.since)
    left = steady.seconds_to(seen.threshold) if steady and seen.threshold is not None else None
    if left is None or left > SOON_S or found.after < found.before:
        return ""
    return f". At this pace the threshold is reached in about {lasting(left)}"


def _at(drift: Drift) -> str:
    if drift.where is None:
        return ""
    return f", around x {drift.where.x + drift.where.width // 2}, y {drift.where.y + drift.where.height // 2}"


def _as_before(seen: Seen, drift: Drift) -> str:
    """`light, focus and framing as before`."""
    if seen.of_sensors or drift.named in (DriftCause.PRODUCT, DriftCause.PROCESS, DriftCause.UNNAMED):
        return ""
    same = _same(seen, drift)
    return f"{listed(same)} as before" if same else ""


def _same(seen: Seen, drift: Drift) -> list[str]:
    """What is watched and did not move, beside what the sentence is about."""
    about = SPEAKS_OF.get(drift.named, set())
    return [what for what, names in AS_BEFORE.items() if what not in about and _unmoved(seen, names)]


def _unmoved(seen: Seen, names: tuple[str, ...]) -> bool:
    found = [seen.numbers[name] for name in names if name in seen.numbers]
    return bool(found) and not any(has_moved(each) or each.after != each.after for each in found)


def _sensors(drift: Drift, now: datetime) -> str:
    """What readings moved with it, and since when their histories show it."""
    if not drift.sensors:
        return ""
    return listed([_beside(each, drift.since, now) for each in drift.sensors[:3]])


def _beside(moved: Moved, since: datetime, now: datetime) -> str:
    """`spindle temperature rose 6 K since 13:52 UTC (8 min before)`."""
    if moved.since is None:
        return reading(moved)
    earlier = (since - moved.since).total_seconds()
    lead = f" ({lasting(earlier)} before)" if earlier >= MINUTE else ""
    return f"{reading(moved)} since {clock(moved.since, now)}{lead}"


def _harm(drift: Drift) -> str:
    if drift.rejects is None:
        return ""
    after, before = figures("rejects", (drift.rejects.after, drift.rejects.before))
    return f"It does harm: {after} of parts are called, usually {before}."
