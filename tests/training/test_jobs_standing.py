"""What Kubernetes says of a Job and its pod, in a sentence for people, and whether trying again may help."""

from typing import Any

import pytest

from andon.records import JobPhase
from andon_training.jobs.standing import deleted, standing

NAME = "andon-request-weld-07-4b4b4b4b4b4b-0"


def job(condition: str = "", **given: str) -> dict[str, Any]:
    conditions = [{"type": condition, "status": "True", **given}] if condition else []
    spec = {"activeDeadlineSeconds": 900}
    return {"metadata": {"name": NAME}, "spec": spec, "status": {"conditions": conditions}}


def pod(state: dict[str, Any] | None = None, *, gpu: bool = False, **status: Any) -> dict[str, Any]:
    limits = {"memory": "4Gi"} | ({"nvidia.com/gpu": "1"} if gpu else {})
    spec = {"containers": [{"name": "mesh"}, {"name": "training", "resources": {"limits": limits}}]}
    container = {"name": "training", "image": "andon-training:1", "state": state or {}}
    given = {"containerStatuses": [container]} | status
    return {"metadata": {"name": "pod-1", "creationTimestamp": "2026-03-02T14:00:00Z"}, "spec": spec, "status": given}


def unschedulable(message: str, *, gpu: bool = False) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(gpu=gpu, conditions=[condition])


@pytest.mark.parametrize(
    ("pods", "phase", "why"),
    [
        ([], JobPhase.PENDING, f"no pod has been made yet; kubectl describe job {NAME} says why"),
        ([pod({"waiting": {"reason": "ContainerCreating"}})], JobPhase.PENDING, ""),
        (
            [unschedulable("0/3 nodes: Insufficient cpu")],
            JobPhase.PENDING,
            "no node takes it: 0/3 nodes: Insufficient cpu",
        ),
        (
            [pod({"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}})],
            JobPhase.PENDING,
            "its image andon-training:1 cannot be had (ImagePullBackOff): no such tag",
        ),
        (
            [pod({"waiting": {"reason": "CreateContainerConfigError", "message": "secret keys not found"}})],
            JobPhase.PENDING,
            "its container waits (CreateContainerConfigError): secret keys not found",
        ),
        ([pod({"running": {}})], JobPhase.RUNNING, ""),
        ([pod({"terminated": {"exitCode": 0}})], JobPhase.RUNNING, ""),
    ],
)
def test_a_job_that_goes_on_says_what_it_waits_for(pods: list[Any], phase: JobPhase, why: str) -> None:
    seen = standing(job(), pods)
    assert (seen.report.phase, seen.report.why, seen.ended) == (phase, why, None)


def test_a_gpu_is_what_it_waits_for_only_where_it_asks_for_one_and_no_node_takes_it() -> None:
    assert standing(job(), [unschedulable("Insufficient nvidia.com/gpu", gpu=True)]).wants_gpu
    assert not standing(job(), [unschedulable("Insufficient cpu")]).wants_gpu
    assert not standing(job(), [pod({"waiting": {"reason": "ImagePullBackOff"}}, gpu=True)]).wants_gpu


@pytest.mark.parametrize(
    ("condition", "of", "problem", "ours"),
    [
        (
            {"reason": "DeadlineExceeded"},
            [],
            "took longer than the 900 s that it may take; raise ANDON_REQUESTS",
            False,
        ),
        (
            {"reason": "BackoffLimitExceeded"},
            [pod({"terminated": {"reason": "OOMKilled", "exitCode": 137}})],
            "took more memory than its limit of 4Gi; raise ANDON_REQUESTS__MEMORY_MB",
            False,
        ),
        ({"reason": "BackoffLimitExceeded"}, [pod({"terminated": {"exitCode": 7}})], "ended with status 7", True),
        (
            {"reason": "BackoffLimitExceeded"},
            [pod(reason="Evicted", message="The node was low on memory.")],
            "put out (Evicted): The node was low on memory.",
            True,
        ),
        (
            {"reason": "BackoffLimitExceeded"},
            [pod(conditions=[{"type": "DisruptionTarget", "reason": "PreemptionByScheduler", "message": "preempted"}])],
            "put out (PreemptionByScheduler): preempted",
            True,
        ),
        ({"reason": "PodFailurePolicy", "message": "rule 0"}, [], "its Job failed (PodFailurePolicy): rule 0", True),
    ],
)
def test_a_job_that_failed_says_why_and_whether_to_try_again(
    condition: dict[str, str], of: list[Any], problem: str, ours: bool
) -> None:
    seen = standing(job("Failed", **condition), of)
    assert seen.ended is not None
    assert problem in seen.ended.problem
    assert (seen.report.phase, seen.ended.ours) == (JobPhase.FAILED, ours)


def test_a_job_that_is_done_is_our_fault_where_its_log_does_not_say_what_came_of_it() -> None:
    seen = standing(job("Complete"), [pod({"terminated": {"exitCode": 0}})])
    assert seen.ended is not None
    assert (seen.report.phase, seen.ended.ours, seen.pod) == (JobPhase.DONE, True, "pod-1")


def test_a_job_that_somebody_deleted_is_not_begun_again_by_itself() -> None:
    ended = deleted(NAME).ended
    assert ended is not None
    assert not ended.ours


def test_the_last_pod_is_the_one_that_counts() -> None:
    old, new = pod({"terminated": {"exitCode": 1}}), pod({"running": {}})
    new["metadata"] = {"name": "pod-2", "creationTimestamp": "2026-03-02T14:05:00Z"}
    assert standing(job(), [new, old]).pod == "pod-2"
