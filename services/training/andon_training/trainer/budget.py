"""How much may be begun in a day. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DAY = timedelta(hours=24)


@dataclass(slots=True)
class Budget:
    """At most `a_day`, one or more, begun within any 24 hours; None: as many as come. `begun` says when each was first
    begun."""

    a_day: int | None = None
    begun: dict[Hashable, datetime] = field(default_factory=dict)

    def note(self, each: Hashable, at: datetime) -> None:
        """It was begun then. Any number of times: the first counts."""
        self.begun[each] = min(at, self.begun.get(each, at))

    def full_until(self, now: datetime) -> datetime | None:
        """When the next one may be begun; None: now."""
        self.begun = {each: at for each, at in self.begun.items() if now - at < DAY}
        if self.a_day is None or len(self.begun) < self.a_day:
            return None
        return sorted(self.begun.values())[-self.a_day] + DAY
