"""The Job that the operator's template becomes for one task. Pure.

The template is a whole `batch/v1` Job in YAML without a name: image, volumes, environment and resources are its own to
say. Name, command, what is asked, owner, and limits no looser than the settings' are put in here.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import yaml
from kubernetes.utils.quantity import parse_quantity

from andon.errors import Mistake
from andon_training.jobs.api import Json
from andon_training.jobs.naming import job_name
from andon_training.jobs.worker import ASKED, Task

KEY = "job.yaml"
CONTAINER = "training"
MOST_ASKED = 100_000  # bytes: Linux takes 131,072 of one variable
TASK_LABEL = "andon-task"
GPU = "nvidia.com/gpu"
PYTHON = "python"


@dataclass(frozen=True)
class Bounds:
    """What a Job may take at most, whatever its template says: seconds, and MB of memory."""

    limit_s: float
    memory_mb: int


def read_template(config_map: Json) -> Json:
    """The Job that the ConfigMap holds. Raises Mistake with what is wrong with it."""
    name = config_map.get("metadata", {}).get("name", "?")
    text = (config_map.get("data") or {}).get(KEY)
    if text is None:
        raise Mistake(f"ConfigMap {name} has no key {KEY} with the Job to be made (ANDON_JOBS__TEMPLATE)")
    try:
        job = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Mistake(f"ConfigMap {name}, {KEY}: not YAML: {' '.join(str(error).split())}") from None
    if problem := _problem(job):
        raise Mistake(f"ConfigMap {name}, {KEY}: {problem}")
    return dict(job)


def _problem(job: Any) -> str:
    """What keeps `job` from being a template; '' where nothing does."""
    if not isinstance(job, dict) or (job.get("apiVersion"), job.get("kind")) != ("batch/v1", "Job"):
        return "not a Job; begin with apiVersion: batch/v1 and kind: Job"
    pod = _inside(job, "spec", "template", "spec")
    containers = pod.get("containers")
    names = [each.get("name") for each in containers if isinstance(each, dict)] if isinstance(containers, list) else []
    if CONTAINER not in names:
        found = f"it has {', '.join(map(str, names))}" if names else "it has none"
        return f"spec.template.spec.containers must hold one with name: {CONTAINER}; {found}"
    if pod.get("restartPolicy") != "Never":
        return "spec.template.spec.restartPolicy must be Never: the trainer begins again what failed, and tells people"
    return ""


def made(template: Json, owner: Json, task: Task, bounds: Bounds, *, gpu_image: str | None, with_gpu: bool) -> Json:
    """The Job for `task`, owned by the ConfigMap `owner`, so that it goes when that goes.

    Raises Mistake for a task too large to be handed over.
    """
    if len(task.asked.encode()) > MOST_ASKED:
        raise Mistake(f"what is asked is longer than {MOST_ASKED} bytes; name fewer frames")
    job = deepcopy(template)
    _name(job, owner, task, with_gpu=with_gpu)
    spec = job["spec"]
    spec["backoffLimit"] = 0
    spec["activeDeadlineSeconds"] = _least(spec.get("activeDeadlineSeconds"), bounds.limit_s)
    container = next(each for each in spec["template"]["spec"]["containers"] if each.get("name") == CONTAINER)
    _hand_over(container, task)
    _bound_memory(container.setdefault("resources", {}), bounds.memory_mb)
    if with_gpu:
        _ask_for_gpu(container, gpu_image)
    return job


def _name(job: Json, owner: Json, task: Task, *, with_gpu: bool) -> None:
    """Its name, and who it belongs to."""
    name = job_name(owner["metadata"]["name"], task, with_gpu=with_gpu)
    meta = job.setdefault("metadata", {})
    meta |= {"name": name, "ownerReferences": [reference(owner)]}
    meta.pop("namespace", None)
    for each in (meta, job["spec"]["template"].setdefault("metadata", {})):
        each.setdefault("labels", {})[TASK_LABEL] = name
        each.setdefault("annotations", {}).update({"andon-station": task.station, "andon-task-of": task.key})


def _hand_over(container: Json, task: Task) -> None:
    """The command, and what is asked."""
    container["command"] = [PYTHON, "-m", task.kind.value]
    container.pop("args", None)
    kept = [each for each in container.get("env") or () if each.get("name") != ASKED]
    container["env"] = [*kept, {"name": ASKED, "value": escaped(task.asked)}]


def escaped(value: str) -> str:
    """`value` as a container's env takes it literally: Kubernetes replaces $(NAME) there, and takes $$ for $."""
    return value.replace("$", "$$")


def reference(owner: Json) -> Json:
    """What makes a thing go when the ConfigMap `owner` goes."""
    meta = owner["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": meta["name"], "uid": meta["uid"]}


def _bound_memory(resources: Json, memory_mb: int) -> None:
    limits, requests = resources.setdefault("limits", {}), resources.setdefault("requests", {})
    most = memory_mb * 1_000_000
    if "memory" not in limits or parse_quantity(limits["memory"]) > most:
        limits["memory"] = str(most)
    if "memory" in requests and parse_quantity(requests["memory"]) > parse_quantity(limits["memory"]):
        requests["memory"] = limits["memory"]


def _ask_for_gpu(container: Json, image: str | None) -> None:
    for each in ("limits", "requests"):
        container["resources"][each].setdefault(GPU, 1)
    if image:
        container["image"] = image


def _least(given: Any, limit_s: float) -> int:
    return max(1, min(int(given), int(limit_s)) if isinstance(given, int) else int(limit_s))


def _inside(tree: Any, *path: str) -> Json:
    for each in path:
        tree = tree.get(each) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}
