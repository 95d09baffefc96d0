"""What Jobs are made with: a cluster, a template in it, and the settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from andon_training.jobs.api import Json
from andon_training.jobs.naming import job_name
from andon_training.jobs.settings import JobsSettings
from andon_training.jobs.template import Bounds, made, read_template
from andon_training.jobs.worker import Kind, Task

LOOK_S = 2.0


class Cluster(Protocol):
    """What is asked of Kubernetes; `andon_training.jobs.api.Api` is one. All raise KubernetesError."""

    def config_map(self, name: str) -> Json:
        """The ConfigMap."""

    def create_job(self, body: Json, *, dry_run: bool = False) -> Json:
        """Makes a Job. Raises Conflict where one of that name is there."""

    def job(self, name: str) -> Json:
        """The Job. Raises NotFound."""

    def delete_job(self, name: str) -> None:
        """Deletes it. Raises NotFound."""

    def pods(self, job: str) -> list[Json]:
        """Its pods."""

    def log(self, pod: str, container: str, since_s: int | None = None) -> str:
        """The last lines of a container, each behind its time."""


@dataclass(frozen=True)
class Shop:
    """What Jobs are made with. `clock` gives seconds, of a monotonic clock."""

    cluster: Cluster
    settings: JobsSettings
    bounds: Mapping[Kind, Bounds]
    clock: Callable[[], float]
    look_s: float = LOOK_S

    @property
    def template(self) -> str:
        """The ConfigMap's name."""
        return self.settings.template or ""

    def named(self, task: Task, *, with_gpu: bool) -> str:
        """What its Job is called."""
        return job_name(self.template, task, with_gpu=with_gpu)

    def make(self, task: Task, *, with_gpu: bool, dry_run: bool = False) -> None:
        """Makes the Job from the template as it is now. Raises Conflict where it is made already."""
        owner = self.cluster.config_map(self.template)
        bounds, image = self.bounds[task.kind], self.settings.gpu_image
        job = made(read_template(owner), owner, task, bounds, gpu_image=image, with_gpu=with_gpu)
        self.cluster.create_job(job, dry_run=dry_run)
