"""What moved among a station's sensor readings is named, and said. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from andon.ids import finding_id
from andon.records import Cause, Drift, Finding, FindingKind
from andon_drift.naming import Number, Seen, name, sentence
from andon_drift.sensors import matters, numbers
from andon_drift.watch.place import Active
from andon_drift.watch.rules import Reason, Told
from andon_drift.watch.telling import false_alarm_days
from andon_drift.watch.watcher import BY, Now


@dataclass(frozen=True, slots=True)
class SensorTeller:
    """The teller of places of readings."""

    def matters(self, now: Now, active: Active) -> bool:
        """As the sensors say."""
        return matters(active.alarm, _numbers(now, [active]).get(active.alarm.name), now.baseline)

    def drift(self, now: Now, fresh: Sequence[Active]) -> tuple[Drift, Told]:
        """The readings that moved, since the earliest of the charts that alarmed."""
        place, since = now.place, min(each.since for each in fresh)
        seen = Seen(
            station=now.station,
            product=place.product,
            bundle=place.bundle,
            at=now.at,
            since=since,
            width=1,
            height=1,
            numbers=_numbers(now, list(place.active.values())),
            false_alarm_days=false_alarm_days(now.baseline),
        )
        drift = name(seen)
        key = f"{Cause.DRIFT}/{drift.named}"
        finding = Finding(
            finding_id=finding_id(BY, key, now.station, now.at.isoformat()),
            kind=FindingKind.BEGAN,
            cause=Cause.DRIFT,
            station=now.station,
            sentence=sentence(seen, drift),
            since=since,
            at=now.at,
            drift=drift,
            by=BY,
        )
        return drift, Told(Reason.MOVED, finding)

    def rejects(self, now: Now, active: Active) -> Told:
        """Readings have none."""
        raise AssertionError(f"{now.station}: readings cannot be anomalous ({active.alarm.name})")


def _numbers(now: Now, alarmed: Sequence[Active]) -> Mapping[str, Number]:
    sensors, charts = now.watched.sensors, now.place.charts
    if sensors is None or charts is None:
        return {}
    return numbers(sensors, now.baseline, charts.means(), [each.alarm for each in alarmed], now.at)
