"""What a Job is called: always the same for the same task, so that who makes it twice finds it made."""

import re
from hashlib import sha256

from andon_training.jobs.worker import Kind, Task

STATION_CHARS = 24
HASH_CHARS = 12
SHORT = {Kind.FIT: "fit", Kind.REQUEST: "request"}


def job_name(template: str, task: Task, *, with_gpu: bool = False) -> str:
    """A DNS label of at most 63 characters: kind, station, what it is of, how often it failed before.

    With and without a GPU it is not the same Job.
    """
    digest = sha256(f"{template}\0{task.kind.value}\0{task.key}".encode()).hexdigest()[:HASH_CHARS]
    parts = (SHORT[task.kind], dns_label(task.station, STATION_CHARS), digest, str(task.tries))
    return "-".join(("andon", *(part for part in parts if part), *(("gpu",) if with_gpu else ())))


def dns_label(text: str, most: int) -> str:
    """`text` in a-z, 0-9 and '-', which stands neither first nor last; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:most].strip("-")
