"""What the heartbeat can be told."""

from pydantic import Field, model_validator

from andon.settings import Group, LineSettings, Positive, StoreSettings


class BeatSettings(Group):
    """When golden frames are sent, and when their verdicts are wrong."""

    every_s: Positive | None = Field(
        300.0, description="where there is no line file: time between two heartbeats of a station; none: never"
    )
    late_after_s: Positive = Field(30.0, description="a verdict that takes longer is late")
    missing_after_s: Positive = Field(60.0, description="one that has not come by then is missing")
    in_a_row: int = Field(2, ge=1, le=100, description="so many heartbeats must fail to begin a finding, or be right")
    seen_h: Positive = Field(
        24.0, description="a bundle that serves every station is tried at those that sent a frame within so many hours"
    )

    @model_validator(mode="after")
    def _missing_is_later(self) -> "BeatSettings":
        if self.missing_after_s < self.late_after_s:
            raise ValueError(
                f"missing_after_s is {self.missing_after_s:g}: that is before a verdict is late, "
                f"{self.late_after_s:g} s; none would ever be"
            )
        return self


class HeartbeatSettings(LineSettings):
    """Settings of `andon heartbeat`."""

    store: StoreSettings = StoreSettings()
    heartbeat: BeatSettings = BeatSettings()
