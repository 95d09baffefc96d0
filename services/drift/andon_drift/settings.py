"""What drift can be told."""

from pydantic import Field, model_validator

from andon.settings import Group, Positive, RedisSettings, ServiceSettings, StoreSettings


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


class DriftSettings(ServiceSettings):
    """Settings of `andon drift`."""

    redis: RedisSettings = RedisSettings()
    store: StoreSettings = StoreSettings()
    faults: FaultSettings = FaultSettings()
    redis_patience_s: Positive = Field(120.0, description="give up and restart when Redis does not answer for so long")
