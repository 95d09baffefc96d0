"""How a station stands, for people: its places, and every number against its limit. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import isfinite

from andon.charts import BASE
from andon.drift_state import PlaceState, ShownChart, ShownPlace, StationDrift, write_station_drift
from andon.records import Chart
from andon.records.baseline import SIGNALS, Baseline
from andon_drift.numbers import FEATURES
from andon_drift.sensors import STALE_S
from andon_drift.watch.place import Place, Watched
from andon_drift.watch.recent import MEANS
from andon_drift.watch.rules import HALF, TWICE, KnownOf, Rules
from andon_drift.watch.telling import false_alarm_days


def state_of(place: Place, baseline: Baseline | None, rules: Rules) -> tuple[PlaceState, str]:
    """How far a place is watched, and why not further. A pure function of its newest frame's time."""
    if baseline is None or place.last is None:
        return PlaceState.LEARNING, place.collected.why
    age = place.last - baseline.until
    if age > rules.stale_after:
        return PlaceState.STALE, f"what is usual was learned {age.days} days ago: look whether it still holds"
    pace = baseline.period_s / place.period_s if place.period_s else 1.0
    if not HALF <= pace <= TWICE:
        told = f"every {place.period_s:.3g} s instead of every {baseline.period_s:.3g} s"
        return PlaceState.STALE, f"frames come {told}, so there are more or fewer false tickets than was promised"
    return PlaceState.ACTIVE, ""


def station_drift(
    station: str, watched: Watched, resting: bool, word_of: KnownOf, rules: Rules, now: datetime
) -> StationDrift:
    """All places of a station. `resting`: a fault of the camera is open. `now` is taken where no frame ever came."""
    newest = max((place.last for place in watched.places.values() if place.last is not None), default=now)
    shown = [
        _place(
            place, place.last, word_of(station, place.product, place.bundle).baseline, rules, resting, watched, newest
        )
        for place in reversed(watched.places.values())
        if place.last is not None
    ]
    if not shown:
        shown = [ShownPlace(state=PlaceState.NO_REFERENCE, last=now, why="no bundle serves it")]
    return StationDrift(station=station, updated=max(each.last for each in shown), places=tuple(shown))


def shown_text(station: str, watched: Watched, resting: bool, word_of: KnownOf, rules: Rules, now: datetime) -> str:
    """The same as the JSON that Redis keeps."""
    return write_station_drift(station_drift(station, watched, resting, word_of, rules, now))


def charts_shown(place: Place) -> Iterator[tuple[str, Chart, float, float, bool]]:
    """Number, chart, statistic, limit, and whether it is active. None while it learns."""
    if place.charts is not None:
        yield from place.charts.statistics()


def _place(
    place: Place,
    last: datetime,
    baseline: Baseline | None,
    rules: Rules,
    resting: bool,
    watched: Watched,
    newest: datetime,
) -> ShownPlace:
    """`newest` is when the station was heard last, by a frame or a reading."""
    state, why = state_of(place, baseline, rules)
    if state is PlaceState.ACTIVE and place.bundle == SIGNALS and (newest - last).total_seconds() > STALE_S:
        state, why = PlaceState.STALE, f"the sensors have said nothing since {last:%Y-%m-%d %H:%M} UTC"
    collected, enough = place.collected, rules.enough
    resting = resting and place.bundle != SIGNALS
    if baseline is None:
        return ShownPlace(
            product=place.product,
            bundle=place.bundle,
            state=state,
            why=why,
            frames=min(collected.kept * BASE, enough.frames),
            wanted=enough.frames,
            seconds=collected.seconds,
            wanted_s=enough.seconds,
            ratio=collected.ratio(enough),
            since=collected.since,
            last=last,
            period_s=place.period_s or None,
            resting=resting,
        )
    return ShownPlace(
        product=place.product,
        bundle=place.bundle,
        state=state,
        why=why,
        frames=baseline.frames,
        ratio=1.0,
        since=baseline.since,
        until=baseline.until,
        last=last,
        period_s=place.period_s or None,
        resting=resting,
        false_alarm_days=false_alarm_days(baseline),
        charts=tuple(_charts(place, baseline, _units(place, watched))),
    )


def _units(place: Place, watched: Watched) -> Mapping[str, str]:
    if place.bundle == SIGNALS:
        return watched.sensors.units if watched.sensors else {}
    return {name: feature.unit for name, feature in FEATURES.items()}


def _charts(place: Place, baseline: Baseline, units: Mapping[str, str]) -> Iterator[ShownChart]:
    means = dict(zip(place.names, place.recent.mean(MEANS * BASE).tolist(), strict=True))
    for name, chart, statistic, limit, active in charts_shown(place):
        watched, value = baseline.watched.get(name), means.get(name)
        known = watched is not None and value is not None and isfinite(value)
        yield ShownChart(
            name=name,
            chart=chart,
            statistic=float(statistic),
            limit=float(limit),
            active=bool(active),
            value=value if known else None,
            usual=watched.mean if watched else None,
            unit=units.get(name, ""),
        )
