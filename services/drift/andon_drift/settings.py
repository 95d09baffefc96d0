"""What drift can be told."""

from datetime import timedelta

from pydantic import Field, model_validator

from andon.settings import Group, Positive, RedisSettings, ServiceSettings, StoreSettings
from andon_drift.watch.collecting import Enough
from andon_drift.watch.rules import Rules


class FaultSettings(Group):
    """When pictures are at fault, and when that is over. Reads as: 8 of the last 10."""

    k: int = Field(8, ge=1, le=100, description="found at so many bad pictures...")
    n: int = Field(10, ge=1, le=100, description="...among so many last different ones")
    clear_after: int = Field(10, ge=1, le=1000, description="over after so many good pictures in a row")
    frozen_after: int = Field(10, ge=2, le=10_000, description="frozen at the same picture so many times in a row...")
    frozen_s: float = Field(2.0, ge=0, description="...over at least so many seconds")

    @model_validator(mode="after")
    def _k_within_n(self) -> "FaultSettings":
        if self.k > self.n:
            raise ValueError(
                f"k is {self.k}, but only the last {self.n} pictures are looked at; nothing would be found"
            )
        return self

    @property
    def longest(self) -> int:
        """How many last pictures a decision may look at."""
        return max(self.n, self.clear_after)


class WatchSettings(Group):
    """How stations are watched for drift. One knob matters, `tickets`; the others say what it is measured against."""

    tickets: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="false drift tickets that a station may raise in 30 days when nothing changes: with fewer, small "
        "changes are found later",
    )
    learn_frames: int = Field(
        5000, ge=1000, le=50_000, description="frames of a station from which it is learned what is usual, at least..."
    )
    learn_hours: float = Field(
        8.0,
        ge=0,
        le=240,
        description="...over at least so many hours with frames: a shift, so that it holds its rhythm",
    )
    stale_after_days: float = Field(
        180.0, gt=0, description="what is usual is shown as stale when it was learned longer ago"
    )
    retrain: bool = Field(
        False, description="ask for a retraining when the parts or the product changed; once for each finding"
    )
    rest: int = Field(
        20, ge=0, le=10_000, description="frames that are passed over after a fault of the camera is over"
    )

    @property
    def rules(self) -> Rules:
        """The same for the watching."""
        enough = Enough(self.learn_frames, self.learn_hours * 3600)
        return Rules(enough, self.tickets, timedelta(days=self.stale_after_days), self.retrain, self.rest)


class DriftSettings(ServiceSettings):
    """Settings of `andon drift`."""

    redis: RedisSettings = RedisSettings()
    store: StoreSettings = StoreSettings()
    faults: FaultSettings = FaultSettings()
    drift: WatchSettings = WatchSettings()
    redis_patience_s: Positive = Field(120.0, description="give up and restart when Redis does not answer for so long")
