"""How a Job stands, from what Kubernetes says of it and of its pod, in words for people. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from andon.records import JobPhase
from andon_training.jobs.api import Json
from andon_training.jobs.template import CONTAINER, GPU
from andon_training.jobs.worker import Ended, Report

MOST = 300  # characters of what Kubernetes says
FAILS_TO_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
WAITS_QUIETLY = frozenset({"ContainerCreating", "PodInitializing"})
OOM = "OOMKilled"
UNSCHEDULABLE = "Unschedulable"


@dataclass(frozen=True, slots=True)
class Standing:
    """`ended` is set once the Job has. `pod` is the one to read, `begun` whether its container has ever run.
    `wants_gpu`: it waits, and a GPU is what it waits for."""

    report: Report
    ended: Ended | None = None
    pod: str | None = None
    begun: bool = False
    wants_gpu: bool = False


def standing(job: Json, pods: Sequence[Json]) -> Standing:
    """Of a Job and its pods."""
    pod = max(pods, key=lambda each: str(each["metadata"].get("creationTimestamp", "")), default=None)
    name = None if pod is None else str(pod["metadata"]["name"])
    begun = pod is not None and _begun(pod)
    conditions = {each["type"]: each for each in _status(job).get("conditions") or () if each.get("status") == "True"}
    if "Complete" in conditions:
        ended = Ended("its Job ended well, but its log does not say what came of it: cut off, or gone", ours=True)
        return Standing(Report(JobPhase.DONE), ended, name, begun)
    if failed := conditions.get("Failed"):
        ended = _failure(job, failed, pod)
        return Standing(Report(JobPhase.FAILED, ended.problem), ended, name, begun)
    if pod is None:
        who = job["metadata"]["name"]
        return Standing(Report(JobPhase.PENDING, f"no pod has been made yet; kubectl describe job {who} says why"))
    if begun:
        return Standing(Report(JobPhase.RUNNING), pod=name, begun=True)
    wants_gpu = _unschedulable(pod) is not None and _asks_gpu(pod)
    return Standing(Report(JobPhase.PENDING, _waits_for(pod)), pod=name, wants_gpu=wants_gpu)


def deleted(name: str) -> Standing:
    """Of a Job that is there no more, and that we did not delete."""
    ended = Ended(f"its Job {name} was deleted in the cluster; ask again", ours=False)
    return Standing(Report(JobPhase.FAILED, ended.problem), ended)


def _begun(pod: Json) -> bool:
    state = _container(pod).get("state") or {}
    return "running" in state or "terminated" in state


def _waits_for(pod: Json) -> str:
    """What a pod that does not run waits for; '' for what takes a moment."""
    if (condition := _unschedulable(pod)) is not None:
        return f"no node takes it: {_cut(condition.get('message'))}"
    waiting = (_container(pod).get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in FAILS_TO_PULL:
        return f"its image {_container(pod).get('image', '')} cannot be had ({reason}): {_cut(waiting.get('message'))}"
    if not reason or reason in WAITS_QUIETLY:
        return ""
    return f"its container waits ({reason}): {_cut(waiting.get('message'))}"


def _failure(job: Json, condition: Json, pod: Json | None) -> Ended:
    """Why a Job failed. What took too much would do so again; what met with an accident may be tried again."""
    if condition.get("reason") == "DeadlineExceeded":
        limit = job["spec"].get("activeDeadlineSeconds")
        return Ended(
            f"it took longer than the {limit} s that it may take; raise ANDON_REQUESTS__LIMIT_S or "
            "ANDON_ONBOARDING__LIMIT_S, and activeDeadlineSeconds of the Job's template",
            ours=False,
        )
    if pod is None:
        return Ended(f"its Job failed ({condition.get('reason')}): {_cut(condition.get('message'))}", ours=True)
    terminated = (_container(pod).get("state") or {}).get("terminated") or {}
    if terminated.get("reason") == OOM:
        limit = _limits(pod).get("memory", "?")
        return Ended(
            f"it took more memory than its limit of {limit}; raise ANDON_REQUESTS__MEMORY_MB or "
            "ANDON_ONBOARDING__MEMORY_MB, and limits.memory of the Job's template",
            ours=False,
        )
    disrupted = next((each for each in _conditions(pod) if each["type"] == "DisruptionTarget"), None)
    if disrupted or _status(pod).get("reason"):
        said = disrupted or _status(pod)
        return Ended(f"its pod was put out ({said.get('reason')}): {_cut(said.get('message'))}", ours=True)
    status = terminated.get("exitCode")
    return Ended(f"its Job ended with status {status}; its last words are in its log", ours=True)


def _unschedulable(pod: Json) -> Json | None:
    return next((each for each in _conditions(pod) if each.get("reason") == UNSCHEDULABLE), None)


def _conditions(pod: Json) -> list[Json]:
    return [each for each in _status(pod).get("conditions") or () if each.get("type")]


def _asks_gpu(pod: Json) -> bool:
    return GPU in _limits(pod)


def _limits(pod: Json) -> Json:
    found: list[Json] = [each for each in pod["spec"]["containers"] if each["name"] == CONTAINER]
    return (found[0].get("resources") or {}).get("limits") or {} if found else {}


def _container(pod: Json) -> Json:
    found: list[Json] = [each for each in _status(pod).get("containerStatuses") or () if each["name"] == CONTAINER]
    return found[0] if found else {}


def _status(thing: Json) -> Json:
    return thing.get("status") or {}


def _cut(said: Any) -> str:
    return " ".join(str(said or "nobody says more").split())[:MOST]
