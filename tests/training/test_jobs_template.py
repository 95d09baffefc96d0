"""The Job that a template becomes: named alike for the same task, no looser than the settings, all else as it is."""

import re
from copy import deepcopy
from typing import Any

import pytest
import yaml

from andon.errors import Mistake
from andon_training.jobs.naming import dns_label, job_name
from andon_training.jobs.template import MOST_ASKED, Bounds, escaped, made, read_template
from andon_training.jobs.worker import ASKED, Kind, Task

OWNER = {"metadata": {"name": "andon-training-job", "uid": "u-1"}}
TEMPLATE: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {"team": "vision"}, "namespace": "elsewhere"},
    "spec": {
        "activeDeadlineSeconds": 3600,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [
                    {"name": "mesh", "image": "proxy"},
                    {
                        "name": "training",
                        "image": "andon-training:1",
                        "args": ["train"],
                        "env": [{"name": "A", "value": "1"}, {"name": ASKED, "value": "old"}],
                        "resources": {"requests": {"memory": "3Gi"}, "limits": {"memory": "8Gi"}},
                    },
                ],
            }
        },
    },
}
BOUNDS = Bounds(900, 2000)
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def task(station: str = "weld-07", **given: Any) -> Task:
    return Task(**{"kind": Kind.REQUEST, "key": "r-1", "station": station, "asked": '{"why": "it"}'} | given)


def a_job(asked: Task | None = None, *, image: str | None = None, with_gpu: bool = False) -> dict[str, Any]:
    return made(deepcopy(TEMPLATE), OWNER, asked or task(), BOUNDS, gpu_image=image, with_gpu=with_gpu)


def container(job: dict[str, Any]) -> dict[str, Any]:
    return dict(job["spec"]["template"]["spec"]["containers"][1])


def test_the_task_goes_in_and_all_else_stays() -> None:
    job = a_job()
    assert container(job)["command"] == ["python", "-m", "andon_training.trainer.errand"]
    assert "args" not in container(job)
    assert container(job)["env"] == [{"name": "A", "value": "1"}, {"name": ASKED, "value": '{"why": "it"}'}]
    assert job["spec"]["template"]["spec"]["containers"][0] == {"name": "mesh", "image": "proxy"}
    assert job["metadata"]["labels"]["team"] == "vision"
    assert "namespace" not in job["metadata"]
    assert job["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "andon-training-job", "uid": "u-1"}
    ]
    assert job["metadata"]["annotations"]["andon-station"] == "weld-07"


def test_the_settings_only_lower_its_limits() -> None:
    job = a_job()
    assert job["spec"]["activeDeadlineSeconds"] == 900
    assert container(job)["resources"] == {"requests": {"memory": "2000000000"}, "limits": {"memory": "2000000000"}}
    loose = made(deepcopy(TEMPLATE), OWNER, task(), Bounds(1e9, 10**6), gpu_image=None, with_gpu=False)
    assert loose["spec"]["activeDeadlineSeconds"] == 3600
    assert container(loose)["resources"]["limits"]["memory"] == "8Gi"


def test_what_failed_is_begun_again_by_the_trainer_alone() -> None:
    assert a_job()["spec"]["backoffLimit"] == 0


def test_with_a_gpu_it_is_another_job_of_another_image() -> None:
    plain, job = a_job(), a_job(image="andon-training-torch:1", with_gpu=True)
    assert job["metadata"]["name"] != plain["metadata"]["name"]
    assert container(job)["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert (container(job)["image"], container(plain)["image"]) == ("andon-training-torch:1", "andon-training:1")


def test_what_kubernetes_would_replace_in_a_variable_arrives_as_it_was_asked() -> None:
    assert escaped("$(HOME) $$ 5$") == "$$(HOME) $$$$ 5$$"


def test_what_is_too_large_to_be_handed_over_is_told() -> None:
    with pytest.raises(Mistake, match="name fewer frames"):
        a_job(task(asked="x" * (MOST_ASKED + 1)))


@pytest.mark.parametrize("station", ["weld-07", "weld.07_left", "a" * 128, "._-", "7"])
def test_its_name_is_one_that_kubernetes_takes(station: str) -> None:
    for with_gpu in (False, True):
        assert DNS_LABEL.fullmatch(job_name("andon-training-job", task(station, tries=2), with_gpu=with_gpu))


def test_the_same_task_has_the_same_name_and_another_has_another() -> None:
    names = [
        job_name("andon-training-job", each)
        for each in (
            task(),
            task(asked="{}"),
            task(key="r-2"),
            task(tries=1),
            task(kind=Kind.FIT),
        )
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert job_name("other", task()) != names[0], "two lines in one namespace have Jobs of their own"


def test_a_label_holds_no_dash_at_its_ends() -> None:
    assert dns_label("--Weld__07--", 24) == "weld-07"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda job: job.update(kind="Pod"), "not a Job"),
        (lambda job: job["spec"]["template"]["spec"].pop("containers"), "name: training; it has none"),
        (lambda job: job["spec"]["template"]["spec"]["containers"].pop(), "name: training; it has mesh"),
        (lambda job: job["spec"]["template"]["spec"].pop("restartPolicy"), "restartPolicy must be Never"),
        (lambda job: job.update(spec=None), "name: training"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_what_is_wrong(change: Any, says: str) -> None:
    job = deepcopy(TEMPLATE)
    change(job)
    with pytest.raises(Mistake, match=f"ConfigMap andon-training-job, job.yaml: .*{says}"):
        read_template(OWNER | {"data": {"job.yaml": yaml.safe_dump(job)}})


def test_a_config_map_without_the_key_is_told() -> None:
    with pytest.raises(Mistake, match=r"has no key job\.yaml"):
        read_template(OWNER)
