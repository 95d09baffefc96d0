"""Whether a fault of the camera, of which people are told, explains that parts look bad. Any thread may ask.

It is looked up where the incidents of findings are remembered (kept.py), so it holds from the very step in which the
fault's own page was queued until the fault is over, or somebody has said that it is.
"""

from collections.abc import Iterable

from andon.records import Cause, IncidentEvent, Notice, Severity
from andon.records.assignment import EVERY
from andon.redis_client import Client
from andon_alerting.alerting import OF_PARTS
from andon_alerting.ended import ended
from andon_alerting.finding_state import read_watch
from andon_alerting.outbox import Keys

BLINDING = (
    Cause.INSPECTOR_BROKEN,
    Cause.STATION_FROZEN,
    Cause.STATION_DARK,
    Cause.STATION_BRIGHT,
    Cause.STATION_BLURRED,
    Cause.CAMERA_MOVED,
)
"""The same that Alertmanager holds a defect surge back for (deploy/alertmanager/alertmanager.yml)."""


class Blinded:
    """Asks Redis."""

    __slots__ = ("_keys", "_redis")

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def __call__(self, about: IncidentEvent | Notice) -> bool:
        """Whether it is of bad parts, and a fault that calls people as soon is open at its station."""
        if not isinstance(about, IncidentEvent) or about.cause not in OF_PARTS:
            return False
        rows = self._redis.hmget(self._keys.findings, list(BLINDING))
        open_now = [each for row in rows if row for each in read_watch(row).open]
        found = list(explaining(about, open_now))
        return len(ended(self._redis, self._keys, [each.incident_id for each in found])) < len(found)


def explaining(about: IncidentEvent, open_now: Iterable[IncidentEvent]) -> Iterable[IncidentEvent]:
    """Those of the open incidents that explain what is wrong with the parts of `about`'s station."""
    order = list(Severity).index
    for each in open_now:
        here = about.station in (each.stations or (each.station,)) or (each.station == EVERY and not each.stations)
        if here and each.drill == about.drill and order(each.severity) <= order(about.severity):
            yield each
