"""The trainer's Jobs on a real control plane: made, adopted, followed, ended, and told of in words. No node runs them
here; tests/cluster/test_trainer.py has one."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_shop import ACCOUNT, RULES, TEMPLATE, Place, place, task, template
from kube import Cluster

from andon.errors import Mistake
from andon.records import JobPhase
from andon_training.jobs.api import NotAllowed

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


@pytest.fixture
def shop(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with place(cluster, tmp_path, monkeypatch) as made:
        yield made


def test_a_job_is_made_owned_by_its_template_and_goes_with_it(shop: Place) -> None:
    job = shop.jobs(time.monotonic).begin(task(asked='{"why": "it costs $(HOME) $5"}'))
    shop.cluster.until(lambda: job.report.phase is JobPhase.PENDING and job.report.why, "it to wait")
    assert "no node takes it" in job.report.why or "no pod has been made yet" in job.report.why
    job.leave()
    (made,) = shop.listed()
    assert made["metadata"]["ownerReferences"][0]["name"] == TEMPLATE
    assert (made["spec"]["backoffLimit"], made["spec"]["activeDeadlineSeconds"]) == (0, 300)
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "andon_training.trainer.errand"]
    assert container["env"][-1]["value"] == '{"why": "it costs $$(HOME) $$5"}'
    shop.cluster.kubectl("delete", "configmap", TEMPLATE, "-n", shop.namespace)
    shop.cluster.until(lambda: not shop.listed(), "the job to go with its template")


def test_what_is_begun_twice_is_one_job_and_what_is_tried_again_another(shop: Place) -> None:
    jobs = [shop.jobs(time.monotonic).begin(each) for each in (task(), task(), task(tries=1))]
    shop.cluster.until(lambda: all(each.report.why for each in jobs), "all to wait")
    for each in jobs:
        each.leave()
    assert len(shop.listed()) == 2
    assert all(each.ended is None for each in jobs)


def test_a_job_that_takes_too_long_is_ended_and_its_request_is_at_fault(shop: Place) -> None:
    job = shop.jobs(time.monotonic, limit_s=1).begin(task())
    shop.until_over(job)
    assert job.ended is not None
    assert not job.ended.ours
    assert "took longer than the 1 s that it may take; raise ANDON_REQUESTS__LIMIT_S" in job.ended.problem


def test_a_job_that_somebody_deletes_ends_in_words(shop: Place) -> None:
    job = shop.jobs(time.monotonic).begin(task())
    shop.cluster.until(lambda: job.report.why, "it to wait")
    shop.cluster.kubectl("delete", "jobs", "--all", "-n", shop.namespace)
    shop.until_over(job)
    assert job.ended is not None
    assert "was deleted in the cluster; ask again" in job.ended.problem
    assert not job.ended.ours


def test_what_waits_too_long_for_a_gpu_does_without_and_only_then(shop: Place) -> None:
    job = shop.jobs(time.monotonic, gpu="preferred", gpu_image="andon-training-torch", gpu_wait_s=1).begin(
        task(trains=True)
    )
    shop.cluster.until(lambda: any("-gpu" in each["metadata"]["name"] for each in shop.listed()), "the first")
    (first,) = shop.listed()
    (container,) = first["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container["image"] == "andon-training-torch"
    shop.cluster.until(lambda: [e for e in shop.listed() if "-gpu" not in e["metadata"]["name"]], "one without")
    again = shop.jobs(time.monotonic, gpu="preferred").begin(task(trains=True))
    shop.cluster.until(lambda: again.report.why, "it to be adopted")
    names = [each["metadata"]["name"] for each in shop.listed() if "deletionTimestamp" not in each["metadata"]]
    assert len(names) == 1
    assert not names[0].endswith("-gpu")
    job.leave()
    again.leave()


def test_what_does_not_begin_is_given_up_with_what_kubernetes_says(shop: Place) -> None:
    job = shop.jobs(time.monotonic, pending_s=1).begin(task())
    shop.until_over(job)
    assert job.ended is not None
    assert job.ended.ours
    assert "had not begun after 1 s: no node takes it" in job.ended.problem
    shop.cluster.until(lambda: not shop.listed(), "it to be cleared away")


def test_a_role_that_is_too_small_is_told_in_words_at_the_start(shop: Place) -> None:
    shop.jobs(time.monotonic).check()
    smaller = [rule for rule in RULES if rule["resources"] != ["jobs"]]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": ACCOUNT},
        "rules": smaller,
    }
    shop.cluster.apply(role, namespace=shop.namespace)

    def refused() -> str:
        try:
            shop.jobs(time.monotonic).check()
        except NotAllowed as error:
            return str(error)
        return ""

    said = shop.cluster.until(refused, "the smaller role to count")
    assert "does not allow POST" in said
    assert 'cannot create resource "jobs"' in said
    assert "Role is too small" in said


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ("kind: Deployment", "not a Job"),
        ("a: [", "not YAML"),
        (template(backofLimit=3), 'unknown field "spec.backofLimit"'),
        (template(ttlSecondsAfterFinished=-1), "spec.ttlSecondsAfterFinished"),
    ],
)
def test_a_template_that_is_no_job_is_refused_with_what_is_wrong(shop: Place, job: object, says: str) -> None:
    shop.put_template(job)
    with pytest.raises(Mistake, match=says):
        shop.jobs(time.monotonic).check()
    assert shop.listed() == []
