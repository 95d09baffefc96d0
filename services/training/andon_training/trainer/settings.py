"""What the trainer can be told."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from andon.budget import parse_budget
from andon.errors import Mistake
from andon.records import Trial
from andon.settings import Group, Positive, ServiceSettings, StoreSettings
from andon_training.jobs.settings import JobsSettings
from andon_training.places import EvidencePlace


def _is_budget(text: str) -> str:
    try:
        parse_budget(text)
    except Mistake as error:
        raise ValueError(str(error)) from None
    return text


class OnboardingSettings(Group):
    """When a station that no bundle serves gets its first one by itself."""

    enabled: bool = Field(True, description="whether new stations get a bundle by themselves")
    stations: str = Field("*", description="which stations may: a name or a pattern, such as weld-*")
    frames: int = Field(200, ge=20, le=2000, description="good-looking frames that must have come before it is fitted")
    budget: Annotated[str, AfterValidator(_is_budget)] = Field(
        "2 per 1000", description="good parts that the first bundle may call anomalous"
    )
    size: int | None = Field(None, description="side of the square the model sees, in pixels; none: the frames decide")
    int8: bool = Field(False, description="round the backbone to int8 where it sees as well")
    signing_key_location: Path | None = Field(
        None, description="private Ed25519 key (PEM) that signs such bundles, where scoring asks for signatures"
    )
    retry_s: Positive = Field(300.0, description="pause after a first attempt that failed; doubles from then on")
    longest_retry_s: Positive = Field(21_600.0, description="longest pause between attempts")
    limit_s: Positive = Field(1800.0, description="an attempt that takes longer is ended")
    memory_mb: int = Field(4096, ge=256, description="an attempt that takes more memory is ended (where /proc tells)")
    a_day: int = Field(200, ge=1, description="first bundles begun in 24 hours beyond which new stations wait")
    most_stations: int = Field(1000, ge=1, description="stations without a bundle that are counted at a time")


class RequestSettings(Group):
    """How the requests of people are worked on."""

    enabled: bool = Field(True, description="whether this trainer works on requests")
    limit_s: Positive = Field(900.0, description="a request that takes longer is refused")
    memory_mb: int = Field(4096, ge=256, description="a request that takes more memory is refused (where /proc tells)")
    retry_s: Positive = Field(60.0, description="pause before a request is tried again where it was not at fault")
    trial_frames: int | None = Field(
        None,
        ge=1,
        description="frames of the trial by which what drift asked for may take over; none: people decide",
    )
    trial_budget: Annotated[str, AfterValidator(_is_budget)] = Field(
        "5 per 1000", description="share of these that it alone, or the old bundle alone, may call anomalous"
    )

    @property
    def trial(self) -> Trial | None:
        """By which it takes over; None: it never does by itself."""
        return Trial(frames=self.trial_frames, budget=parse_budget(self.trial_budget)) if self.trial_frames else None


class TrainerSettings(ServiceSettings):
    """Settings of `andon trainer`."""

    onboarding: OnboardingSettings = OnboardingSettings()
    requests: RequestSettings = RequestSettings()
    jobs: JobsSettings = JobsSettings()
    store: StoreSettings = StoreSettings()
    evidence: EvidencePlace = EvidencePlace()
    look_back_h: Positive = Field(
        24.0, description="hours of scores that are read back when partitions come to this process"
    )
    settle_s: float = Field(
        2.0, ge=0, description="a decision stands so long before it is written, so that people's own word is seen first"
    )
