"""How a station looks and scores when all is well: the frozen reference that drift is measured against. In `baselines`.

Learned from the station's own frames, once, then never changed: whoever wants another one says so (`Relearn`), and it
is learned anew. A copy may travel inside a bundle (`DriftReference.baselines`), which then needs no learning.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from andon.records.event import Event

SIGNALS = "signals"
"""Stands for the bundle in the place of a station's sensor readings."""


class Frozen(BaseModel):
    """A newer writer may add fields; a reader leaves them be."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Watched(Frozen):
    """One number of the reference, and the limits of its charts.

    `quantiles` of the raw values are evenly spaced from the least (0) to the greatest (1): what a value's normal score
    is interpolated in. `mean` and `sd` are the raw values'. `block` is how many frames a block has whose mean is taken
    to be independent of the next; `centre` and `spread` are the mean and standard deviation of those block means, in
    normal scores. Limits: `cusum` and `ewma` in spreads, `wasserstein` in normal scores; None: not watched by it.
    `slack` is the CUSUM's allowance in spreads, `weight` the EWMA's.
    """

    quantiles: tuple[float, ...] = Field(min_length=2)
    mean: float
    sd: float = Field(ge=0)
    correlation: float = Field(description="of one frame with the next, in normal scores")
    block: int = Field(ge=1)
    centre: float
    spread: float = Field(gt=0)
    slack: float = Field(gt=0)
    cusum: float = Field(gt=0)
    wasserstein: float | None = Field(None, gt=0)
    ewma: float | None = Field(None, gt=0)
    weight: float | None = Field(None, gt=0, le=1)


class Pooled(Frozen):
    """Many numbers together (`names`): their mean, the matrix that makes deviations from it white, and the limit of
    T-squared of the mean of `window` frames."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    whiten: tuple[tuple[float, ...], ...]
    window: int = Field(ge=1)
    limit: float = Field(gt=0)


class Rejects(Frozen):
    """The share of anomalous frames, and the limit of the CUSUM that tells when it has doubled. `clumped` is how many
    come together: the variance of their number in a stretch over that of independent ones."""

    ratio: float = Field(gt=0, lt=1)
    clumped: float = Field(1.0, ge=1)
    limit: float = Field(gt=0)


class Places(Frozen):
    """How often the highest place of the map lay in each cell of a grid laid over the picture, row by row: shares.

    They are of `frames` frames. `clumped` is for each cell with those around it how many of these come together, and
    `limit` that of the CUSUMs which tell that they gather at one spot, None where that is not watched.
    """

    columns: int = Field(ge=1)
    rows: int = Field(ge=1)
    shares: tuple[float, ...]
    frames: int = Field(0, ge=0)
    clumped: tuple[float, ...] = ()
    limit: float | None = Field(None, gt=0)


class Baseline(Event):
    """The reference of `station` making `product` with `bundle`; of its sensors where `bundle` is 'signals'.

    Learned from `frames` frames between `since` and `until`, one every `period_s` seconds (median). `run_length` is
    how many watched frames lie between two false alarms of one chart, as asked for; `tickets` how many false tickets a
    month all charts together were allowed. Of the blocks of ten frames, one in `every` was learned from, and watched:
    1 is all. `by` is who froze it: a service, or a person who had it learned anew.
    """

    record: Literal["baseline"] = "baseline"
    station: str
    product: str | None = None
    bundle: str
    since: datetime
    until: datetime
    frames: int = Field(ge=1)
    period_s: float = Field(gt=0)
    every: int = Field(1, ge=1)
    run_length: float = Field(gt=0)
    tickets: float = Field(gt=0)
    watched: dict[str, Watched]
    embedding: Pooled | None = None
    together: Pooled | None = Field(None, description="sensor readings, all together")
    rejects: Rejects | None = None
    places: Places | None = None
    by: str = Field("", max_length=128)

    @property
    def key(self) -> str:
        """Its key in `baselines`."""
        return baseline_key(self.station, self.product, self.bundle)


class Relearn(Event):
    """Somebody wants the reference of this place learned anew from the frames after `at`."""

    record: Literal["relearn"] = "relearn"
    station: str
    product: str | None = None
    bundle: str
    by: str = Field(max_length=128)
    why: str = Field("", max_length=1000)
    at: datetime

    @property
    def key(self) -> str:
        """The key of the reference that it takes the place of."""
        return baseline_key(self.station, self.product, self.bundle)


def baseline_key(station: str, product: str | None, bundle: str) -> str:
    """The record key: one place has one reference."""
    return f"{station}/{product or ''}/{bundle}"
