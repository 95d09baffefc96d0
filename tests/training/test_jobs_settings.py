"""What an operator got wrong is told in words, at the start."""

import json
from pathlib import Path

import pytest

from andon.errors import Mistake
from andon.settings import load
from andon_training.jobs.access import reached
from andon_training.jobs.api import Conflict, Invalid, KubernetesError, NotAllowed, NotFound, refusal
from andon_training.jobs.settings import JobsSettings
from andon_training.trainer.settings import TrainerSettings


def test_jobs_need_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_JOBS__RUNNER", "kubernetes")
    with pytest.raises(Mistake, match=r"ANDON_JOBS: runner kubernetes needs template"):
        load(TrainerSettings)


def test_one_at_a_time_beside_the_trainer_and_some_in_a_cluster() -> None:
    assert JobsSettings().most == 1
    assert JobsSettings(runner="kubernetes", template="t").most == 4
    assert JobsSettings(at_once=3).most == 3


def test_without_a_way_to_the_cluster_it_is_said_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(Mistake, match="name a kubeconfig with KUBECONFIG"):
        reached(None)


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (403, NotAllowed, "the trainer's Role is too small"),
        (401, NotAllowed, "the trainer's Role is too small"),
        (404, NotFound, "Kubernetes refuses GET /x: it is not so"),
        (409, Conflict, "it is not so"),
        (422, Invalid, "it is not so"),
        (500, KubernetesError, "it is not so"),
    ],
)
def test_what_kubernetes_refuses_is_told_in_its_own_words(status: int, kind: type[Exception], says: str) -> None:
    error = refusal(status, json.dumps({"message": "it is not so"}).encode(), "GET /x")
    assert type(error) is kind
    assert says in str(error)


def test_an_answer_that_is_no_json_is_told_too() -> None:
    assert "Bad Gateway" in str(refusal(502, b"<h1>Bad Gateway</h1>", "GET /x"))
    assert "status 502" in str(refusal(502, b"", "GET /x"))
