"""Where the trainer's work is done, how much of it at once and in a day."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from andon.settings import Group, Positive

ON_KUBERNETES = 4  # at once, where nobody says otherwise


class JobsSettings(Group):
    """Settings of whoever has work done."""

    runner: Literal["local", "kubernetes"] = Field(
        "local", description="who does the work: a process beside the trainer, or a Kubernetes Job"
    )
    at_once: int | None = Field(
        None, ge=1, le=100, description="pieces of work at once, of different stations; none: 1, on Kubernetes 4"
    )
    a_day: int = Field(
        20, ge=1, description="requests begun in 24 hours beyond which those of drift wait; those of people never do"
    )
    method: Literal["fit", "train"] = Field(
        "fit", description="how a bundle is made anew: as andon fit does, or as andon train (needs anomalib and torch)"
    )
    model: str = Field("patchcore", description="with method train: the anomalib model, where the one before had none")
    weights: Path | None = Field(
        None, description="with method train: a file of pretrained weights; none: the hub cache"
    )
    gpu: Literal["never", "preferred", "required"] = Field(
        "never", description="whether a Job that trains asks for a GPU; preferred: does without where none is free"
    )
    gpu_image: str | None = Field(None, description="image of a Job with a GPU; none: the one of the template")
    gpu_wait_s: Positive = Field(120.0, description="a Job that waits longer for a GPU does without, where it may")
    pending_s: Positive = Field(600.0, description="a Job that has not begun after so long is given up")
    template: str | None = Field(None, description="ConfigMap whose key job.yaml holds the Job to be made")
    namespace: str | None = Field(None, description="where Jobs are made; none: where the trainer runs")
    lease: str | None = Field(
        None, description="Lease whose holder alone works among the trainer's replicas; none: all of them do"
    )
    identity: str | None = Field(None, description="name under which this replica holds the Lease; none: the host's")

    @model_validator(mode="after")
    def _template_is_named(self) -> "JobsSettings":
        if self.runner == "kubernetes" and not self.template:
            raise ValueError("runner kubernetes needs template: the name of the ConfigMap with the key job.yaml")
        return self

    @property
    def most(self) -> int:
        """Pieces of work at once."""
        return self.at_once or (ON_KUBERNETES if self.runner == "kubernetes" else 1)
