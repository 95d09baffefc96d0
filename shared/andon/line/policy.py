"""When a station's scores become an incident, and when that is over."""

from pydantic import Field, model_validator

from andon.settings import Group


class Policy(Group):
    """When a station's scores become an incident, and when that is over. Reads as: 3 of the last 5."""

    k: int = Field(3, ge=1, le=256, description="open at so many anomalous frames...")
    n: int = Field(5, ge=1, le=256, description="...among so many last ones of the product")
    multiple: float | None = Field(4.0, gt=1, description="open at once at so many times the threshold; none: never")
    clear_after: int = Field(10, ge=1, le=10_000, description="over after so many good frames in a row")
    settle: int = Field(0, ge=0, le=1000, description="frames after a changeover that open nothing")
    unscorable_k: int = Field(3, ge=1, le=256, description="open at so many unscorable frames...")
    unscorable_n: int = Field(5, ge=1, le=256, description="...among so many last ones")
    silent_after_s: float | None = Field(
        60.0, gt=0, description="open when a station that has sent before sends nothing for so long; none: never"
    )

    @model_validator(mode="after")
    def _k_within_n(self) -> "Policy":
        for k, n, name in ((self.k, self.n, "k"), (self.unscorable_k, self.unscorable_n, "unscorable_k")):
            if k > n:
                raise ValueError(f"{name} is {k}, but only the last {n} frames are looked at; it would never open")
        return self

    @property
    def longest(self) -> int:
        """How many last verdicts a decision may look at."""
        return max(self.n, self.unscorable_n)
