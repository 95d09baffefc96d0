"""What people ended, in Redis: one key an incident, written when `incidents` tells of it (acknowledging.py).

Each stage that keeps incidents looks there for those it has open, whenever it loads what it remembers: so it does not
matter which process heard it, nor when, nor whether the incident was kept already. A key outlives its incident, since
scores that come again after a crash may open it once more.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from andon.records import IncidentEvent, read_event
from andon.redis_client import Client
from andon_alerting.outbox import Keys

T = TypeVar("T")

Ended = Callable[[Iterable[UUID]], Mapping[UUID, IncidentEvent]]
"""Which of some incidents people ended, and by which event."""

Settled = tuple[dict[str, T], list[IncidentEvent]]
"""What is remembered, place by place, once people ended some of it; and the events by which they did."""


def ended(redis: Client, keys: Keys, incidents: Iterable[UUID]) -> dict[UUID, IncidentEvent]:
    """One look; none where there is nothing to ask."""
    wanted = list(incidents)
    rows = redis.mget([keys.ended(str(each)) for each in wanted]) if wanted else []
    return {each: read_event(IncidentEvent, row.encode()) for each, row in zip(wanted, rows, strict=True) if row}


def by_then(event: IncidentEvent, now: datetime) -> IncidentEvent:
    """`event`, said `now` at the latest: a clock that runs ahead must not forgive what is to come."""
    return event.model_copy(update={"at": min(event.at, now)})


def settling(
    ask: Ended, open_of: Callable[[T], Iterable[UUID]], end: Callable[[T, IncidentEvent], T]
) -> Callable[[Mapping[str, T]], Settled[T]]:
    """Takes out of what is remembered what people ended. `open_of` names the incidents that are open in it, `end` takes
    one out."""

    def settle(held: Mapping[str, T]) -> Settled[T]:
        found = ask([each for some in held.values() for each in open_of(some)])
        kept = dict(held)
        for place, some in held.items():
            for incident in open_of(some):
                if incident in found:
                    kept[place] = end(kept[place], found[incident])
        return kept, list(found.values())

    return settle
