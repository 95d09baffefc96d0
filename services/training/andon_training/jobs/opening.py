"""Who works for this trainer, as its settings say."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from andon.run import Service
from andon_training.jobs.process import Limits, Processes
from andon_training.jobs.worker import Kind, Workers
from andon_training.trainer.settings import TrainerSettings

FIT_SETTINGS = "ANDON_ONBOARDING__LIMIT_S", "ANDON_ONBOARDING__MEMORY_MB"
REQUEST_SETTINGS = "ANDON_REQUESTS__LIMIT_S", "ANDON_REQUESTS__MEMORY_MB"
LEASE_TIMEOUT_S = 2.0  # reading and writing it, twice, fit into the time by which it must be renewed
Check = Callable[[], None]


def limits(settings: TrainerSettings) -> dict[Kind, Limits]:
    """What a process may take, by what it does."""
    fit, asked = settings.onboarding, settings.requests
    return {
        Kind.FIT: Limits(fit.limit_s, fit.memory_mb, FIT_SETTINGS, "fitting"),
        Kind.REQUEST: Limits(asked.limit_s, asked.memory_mb, REQUEST_SETTINGS, "the request"),
    }


def workers(settings: TrainerSettings) -> Workers:
    """Processes, or Jobs. Raises Mistake where no Job can be made of the template, Broken where nobody can tell."""
    if settings.jobs.runner == "local":
        return Processes(limits(settings), time.monotonic)
    from andon_training.jobs.access import reached
    from andon_training.jobs.cluster_job import ClusterJobs
    from andon_training.jobs.shop import Shop
    from andon_training.jobs.template import Bounds

    bounds = {kind: Bounds(each.limit_s, each.memory_mb) for kind, each in limits(settings).items()}
    jobs = ClusterJobs(Shop(reached(settings.jobs.namespace), settings.jobs, bounds, time.monotonic))
    jobs.check()
    return jobs


@contextmanager
def leading(service: Service, settings: TrainerSettings) -> Iterator[Check | None]:
    """Waits until this replica may work, where a Lease says which; gives what is to be called every turn meanwhile.

    None where the trainer is told to stop before.
    """
    asked = settings.jobs
    if asked.lease is None:
        yield _nothing
        return
    from andon_training.jobs.access import reached
    from andon_training.jobs.leading import alone
    from andon_training.jobs.lease import Claim
    from andon_training.jobs.template import reference

    api = reached(asked.namespace, LEASE_TIMEOUT_S)
    identity = asked.identity or os.environ.get("HOSTNAME") or socket.gethostname()
    owner = reference(api.config_map(asked.template)) if asked.template else None
    claim = Claim(api, asked.lease, identity, time.monotonic, lambda: datetime.now(UTC), owner)
    with alone(claim, service.heart, service.stop) as keeper:
        yield keeper.check if keeper else None


def _nothing() -> None:
    """Without a Lease there is nothing to lose."""
