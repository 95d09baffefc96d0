"""What evidence can be told."""

from datetime import timedelta

from pydantic import Field

from andon.settings import Group, Positive, ServiceSettings, StoreSettings
from andon.topics import FRAME_PATTERN

GIB = 1024**3


class KeepingSettings(Group):
    """Where evidence is kept, how much of it, and when to warn."""

    url: str = Field("./evidence", description="fsspec URL of the evidence store: a folder, s3://, gs://, ...")
    max_age_days: Positive = Field(90.0, description="evidence of incidents over for longer goes")
    max_bytes: int = Field(
        50 * GIB, ge=1024**2, description="beyond so many bytes, that of the oldest goes; reviewed frames stay"
    )
    drill_days: Positive = Field(1.0, description="evidence of drills goes after so many days, over or not")
    tidy_every_s: Positive = Field(300.0, description="how often the store is looked through for what may go")
    headroom_s: Positive = Field(
        900.0, description="warn when Kafka is to delete what nobody has read in less time than this"
    )
    look_every_s: Positive = Field(60.0, description="how often that is looked at")
    patience_s: Positive = Field(600.0, description="give up and restart when a store fails for so long")

    @property
    def max_age(self) -> timedelta:
        """As a length of time."""
        return timedelta(days=self.max_age_days)

    @property
    def drill_age(self) -> timedelta:
        """As a length of time."""
        return timedelta(days=self.drill_days)


class EvidenceSettings(ServiceSettings):
    """Settings of `andon evidence`."""

    evidence: KeepingSettings = KeepingSettings()
    store: StoreSettings = StoreSettings()
    frames: str = Field(FRAME_PATTERN, description="topics of frames: a name, or a pattern that begins with '^'")
