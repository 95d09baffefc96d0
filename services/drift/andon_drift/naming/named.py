"""Names a drift: the cause by the rules, and the numbers that show it, the most telling one first."""

import math

from andon.charts import PLACES, Alarm
from andon.records import Drift, DriftCause
from andon.records.drift import MOST_MOVED, Chart, Moved
from andon_drift.naming.changes import changes_of
from andon_drift.naming.gathering import RAREST, Gathering, region, spot
from andon_drift.naming.rules import first_that_fits
from andon_drift.naming.seen import Number, Seen

TELLING: dict[DriftCause, tuple[str, ...]] = {
    DriftCause.FOCUS: ("sharpness", "noise", "contrast"),
    DriftCause.EXPOSURE: ("luminance", "contrast", "clipped_high", "clipped_low"),
    DriftCause.GLARE: ("clipped_high", "luminance"),
    DriftCause.NOISE: ("noise", "sharpness"),
    DriftCause.COLOUR: ("red_green", "blue_green"),
    DriftCause.FRAMING: ("right", "down"),
    DriftCause.SPOT: ("score",),
    DriftCause.PROCESS: ("score",),
}
"""The numbers that a cause is told by, where they moved: these first, the others by how far they did."""
EMBEDDING = "embedding"
NOTICED = 0.5
"""Normal scores, from which a number is said to have moved along."""


def name(seen: Seen) -> Drift:
    """What drifted."""
    changes = changes_of(seen)
    cause = DriftCause.SENSOR if seen.of_sensors else first_that_fits(changes).cause
    spotted = cause is DriftCause.SPOT or (cause is DriftCause.GLARE and changes.gathered >= 1)
    return Drift(
        named=cause,
        since=seen.since,
        moved=moved(seen, cause),
        sensors=seen.sensors[:MOST_MOVED],
        rejects=told("rejects", seen.rejects) if seen.rejects else None,
        before=seen.before_frame,
        after=seen.after_frame,
        where=region(seen.places, seen.width, seen.height) if spotted and seen.places else None,
        right=_pixels(seen, "right", changes.right, cause),
        down=_pixels(seen, "down", changes.down, cause),
        false_alarm_days=seen.false_alarm_days,
        retrain=seen.retrain,
    )


def moved(seen: Seen, cause: DriftCause) -> tuple[Moved, ...]:
    """The numbers that moved: those that tell `cause` first, then those that alarmed, then by how far."""
    telling = TELLING.get(cause, ())
    found = {name: number for name, number in seen.numbers.items() if has_moved(number)}

    def rank(name: str) -> tuple[int, bool, float]:
        place = telling.index(name) if name in telling else len(telling)
        return place, found[name].alarm is None, -abs(found[name].mean_z)

    shown = [told(name, found[name]) for name in sorted(found, key=rank)]
    wholes = _wholes(seen)
    return (*shown[: MOST_MOVED - len(wholes)], *wholes)


def has_moved(number: Number) -> bool:
    """Whether it alarmed, or is off its place by more than chance and by more than what matters."""
    if number.alarm is not None:
        return math.isfinite(number.after)
    off = abs(number.mean_z) >= max(NOTICED, 3 * number.error)
    return off and abs(number.after - number.before) >= number.least


def told(name: str, number: Number) -> Moved:
    """A number as the record carries it."""
    alarm = number.alarm
    return Moved(
        name=name,
        unit=number.unit,
        before=number.before,
        after=number.after,
        sigmas=number.sigmas,
        chart=alarm.chart if alarm else None,
        statistic=alarm.statistic if alarm else None,
        limit=alarm.limit if alarm else None,
        history=number.history,
    )


def _wholes(seen: Seen) -> list[Moved]:
    """What alarmed and is no number."""
    found = [_gathered(seen.gathers, seen.places)] if seen.gathers and seen.places else []
    return [*found, _embedding(seen.embedding)] if seen.embedding else found


def _gathered(alarm: Alarm, places: Gathering) -> Moved:
    """The share of the maps that are highest at the spot."""
    found = spot(places)
    sd = max(found.before * (1 - found.before), RAREST) ** 0.5
    return Moved(
        name=PLACES,
        before=found.before,
        after=found.now,
        sigmas=(found.now - found.before) / sd,
        chart=Chart.PLACES,
        statistic=alarm.statistic,
        limit=alarm.limit,
    )


def _embedding(alarm: Alarm) -> Moved:
    off = math.sqrt(max(0.0, alarm.statistic))
    return Moved(
        name=EMBEDDING,
        before=0.0,
        after=off,
        sigmas=off,
        chart=Chart.HOTELLING,
        statistic=alarm.statistic,
        limit=alarm.limit,
    )


def _pixels(seen: Seen, axis: str, steps: float, cause: DriftCause) -> float:
    number = seen.numbers.get(axis)
    if number is None or not steps or cause is not DriftCause.FRAMING:
        return 0.0
    return round(number.after - number.before, 1)
