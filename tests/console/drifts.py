"""An incident of a drift, as drift finds it and alerting tells it; and what drift shows of a station."""

from datetime import UTC, datetime, timedelta
from typing import Any

from troubles import NOW, STATION, event, record, scored, shown
from worlds import House, Lying, house

from andon.drift_state import PlaceState, ShownChart, ShownPlace, StationDrift
from andon.ids import frame_id
from andon.incidents import Incident
from andon.records import Baseline, Cause, Chart, Drift, DriftCause, Moved, Point, Relearn, Severity, write_event
from andon.stage import Record
from andon.testing.baselines import small_baseline
from andon.topics import BASELINES

BUNDLE = "ab" * 32
BEFORE, AFTER = (frame_id(STATION, 1, seq) for seq in (1, 2))
SINCE = NOW - timedelta(minutes=30)


def points(before: int = 30, after: int = 15, step_min: float = 2.0) -> tuple[Point, ...]:
    """Sharpness that was 4.6 and falls by 0.03 a point since SINCE."""
    usual = [
        Point(at=SINCE - timedelta(minutes=step_min * n), value=4.6 + 0.02 * (n % 3 - 1)) for n in range(before, 0, -1)
    ]
    falls = [Point(at=SINCE + timedelta(minutes=step_min * n), value=4.6 - 0.03 * n) for n in range(after)]
    return (*usual, *falls)


def moved(
    name: str = "sharpness", before: float = 4.6, after: float = 4.1, sigmas: float = -5.0, **other: Any
) -> Moved:
    """A number that moved, and passed the limit of its CUSUM."""
    given: dict[str, Any] = {"chart": Chart.CUSUM, "statistic": 12.3, "limit": 8.4, "history": points()} | other
    return Moved(name=name, before=before, after=after, sigmas=sigmas, **given)


def drift(named: DriftCause = DriftCause.FOCUS, **other: Any) -> Drift:
    """The picture became softer."""
    given: dict[str, Any] = {"moved": (moved(),), "before": BEFORE, "after": AFTER, "false_alarm_days": 30.0}
    return Drift(named=named, since=SINCE, **given | other)


def told(offset: int = 0, **other: Any) -> Record:
    """The opening of the incident."""
    given: dict[str, Any] = {
        "cause": Cause.DRIFT, "severity": Severity.WARNING, "bundle": BUNDLE, "drift": drift(), "product": "lid",
        "evidence": (shown(1, 0.5), shown(2, 0.6)), "summary": "weld-07: the picture gets softer.", "count": 1,
    }  # fmt: skip
    return record(event(**given | other), offset)


def drifting(*more: Record, **other: Any) -> tuple[House, Incident]:
    """A console that knows of it, with both frames; `other` are fields of the opening."""
    lying = Lying()
    lying.add(*(scored(seq, ratio) for seq, ratio in ((1, 0.5), (2, 0.6))))
    home = house(lying=lying)
    opening = told(**other)
    home.world.incidents.take([opening, *more])
    (found,) = home.world.incidents.open()
    return home, found


def learned(home: House, *said: Baseline | Relearn) -> None:
    """The console reads of it in `baselines`."""
    home.world.references.take(
        [Record(BASELINES, 0, at, each.key.encode(), write_event(each)) for at, each in enumerate(said)]
    )


def lid(**other: Any) -> Baseline:
    """What the incident's station has learned."""
    return small_baseline(STATION, "lid", BUNDLE, **other)


def place(state: PlaceState = PlaceState.ACTIVE, **other: Any) -> ShownPlace:
    """How drift shows it."""
    given: dict[str, Any] = {
        "product": "lid", "bundle": BUNDLE, "state": state, "last": NOW, "frames": 9600,
        "until": NOW - timedelta(days=3),
    }  # fmt: skip
    return ShownPlace.model_validate(given | other)


def chart(name: str = "sharpness", statistic: float = 7.1, **other: Any) -> ShownChart:
    """A CUSUM with its limit at 8.4."""
    given: dict[str, Any] = {"chart": Chart.CUSUM, "limit": 8.4, "value": 4.4, "usual": 4.6} | other
    return ShownChart(name=name, statistic=statistic, **given)


def station(*places: ShownPlace) -> StationDrift:
    """What lies in Redis."""
    return StationDrift(station=STATION, updated=datetime.now(UTC), places=places)
