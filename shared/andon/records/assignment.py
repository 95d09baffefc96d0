"""Which bundle serves a station (and product), and which was proven. In `models`, compacted: the last word counts."""

from datetime import datetime

from pydantic import Field

from andon.records.event import Event

EVERY = "*"
PROVEN = b"proven:"


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


class Proof(Event):
    """`bundle`, assigned to `station` and `product`, was loaded by a scoring process and passed its gate there.

    From then on frames are prepared for it; until then they go on being prepared for the last one that was proven.
    """

    station: str = EVERY
    product: str | None = None
    bundle: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: datetime

    @property
    def key(self) -> bytes:
        """The compaction key: beside the assignment it proves. No station's name holds a colon."""
        return PROVEN + assignment_key(self.station, self.product)


def assignment_key(station: str, product: str | None) -> bytes:
    """The key under which `models` keeps the assignment of a station and product."""
    return f"{station}/{product or EVERY}".encode()
