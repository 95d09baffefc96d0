"""Which bundle serves a station (and product). Lives in `models`, compacted: the last word counts."""

from datetime import datetime

from pydantic import Field

from andon.records.event import Event

EVERY = "*"


class Assignment(Event):
    """`bundle` is active for `station`, or for every station ('*') that has none of its own."""

    station: str = EVERY
    product: str | None = None
    bundle: str = Field(pattern=r"^[0-9a-f]{64}$")
    shadows: tuple[str, ...] = ()
    by: str = ""
    why: str = ""
    at: datetime

    @property
    def key(self) -> bytes:
        """The compaction key: one assignment a station and product."""
        return assignment_key(self.station, self.product)


def assignment_key(station: str, product: str | None) -> bytes:
    """The key under which `models` keeps the assignment of a station and product."""
    return f"{station}/{product or EVERY}".encode()
