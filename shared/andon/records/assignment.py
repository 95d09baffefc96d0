"""Which bundle serves a station (and product), and what became of it. In `models`, compacted: the last word counts.

Four records share the topic, told apart by their keys: `Assignment` (what people or rules ask for), and what scoring
answers: `Proof` (loaded, passed its gate), `Refusal` (could not be), `Swap` (from which frame on it serves).
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from andon.records.event import Event
from andon.records.score import FramePlace

EVERY = "*"
PROVEN, REFUSED, SWAPPED = b"proven:", b"refused:", b"swapped:"
MOST_PAST = 16
_HEX64 = r"^[0-9a-f]{64}$"


class Past(BaseModel):
    """A bundle that served before, who had assigned it, why and when."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bundle: str = Field(pattern=_HEX64)
    by: str = ""
    why: str = ""
    at: datetime


class Trial(BaseModel):
    """Two bundles over the same frames: how many to look at, and on which share of them only the newer may call the
    part anomalous.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    frames: int = Field(ge=1, description="frames that both have scored")
    budget: float = Field(gt=0, lt=1, description="share of them that only the newer one may call anomalous")


class Assignment(Event):
    """`bundle` is active for `station`, or for every station ('*') that has none of its own.

    `shadows` score the same frames without paging. With `promotion`, the first shadow takes over when it keeps within
    that trial; the one it took over from is then its shadow for as long as `probation` lasts, and comes back when the
    trial is broken. `state` is `learning` for a bundle that Andon fitted by itself to a new station's first frames.
    `past` holds the bundles that served before, the last one first: where a rollback goes.
    """

    station: str = EVERY
    product: str | None = None
    bundle: str = Field(pattern=_HEX64)
    shadows: tuple[str, ...] = ()
    state: Literal["serving", "learning"] = "serving"
    promotion: Trial | None = None
    probation: Trial | None = None
    past: tuple[Past, ...] = Field((), max_length=MOST_PAST)
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
    bundle: str = Field(pattern=_HEX64)
    at: datetime

    @property
    def key(self) -> bytes:
        """The compaction key: beside the assignment it proves. No station's name holds a colon."""
        return PROVEN + assignment_key(self.station, self.product)


class Refusal(Event):
    """`bundle`, assigned to `station` and `product`, cannot be loaded or failed its gate; the one before serves on."""

    station: str = EVERY
    product: str | None = None
    bundle: str = Field(pattern=_HEX64)
    why: str
    at: datetime

    @property
    def key(self) -> bytes:
        """The compaction key: beside the assignment it refuses."""
        return REFUSED + assignment_key(self.station, self.product)


class Swap(Event):
    """From the frame at `frame` on, `station` (and its `product`) is served by `bundle`; until then by `before`."""

    station: str
    product: str | None = None
    bundle: str = Field(pattern=_HEX64)
    before: str | None = Field(None, pattern=_HEX64)
    frame: FramePlace
    at: datetime

    @property
    def key(self) -> bytes:
        """The compaction key: the last swap of a station and product."""
        return SWAPPED + assignment_key(self.station, self.product)


def assignment_key(station: str, product: str | None) -> bytes:
    """The key under which `models` keeps the assignment of a station and product."""
    return f"{station}/{product or EVERY}".encode()
