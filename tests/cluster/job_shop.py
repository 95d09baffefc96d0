"""A namespace with what the chart gives the trainer: an account, its Role, and a template of Jobs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kube import Cluster

from andon_training.jobs.access import reached
from andon_training.jobs.api import Api
from andon_training.jobs.cluster_job import ClusterJob, ClusterJobs
from andon_training.jobs.settings import JobsSettings
from andon_training.jobs.shop import Shop
from andon_training.jobs.template import Bounds
from andon_training.jobs.worker import Kind, Task

ACCOUNT, TEMPLATE, LEASE = "andon-trainer", "andon-training-job", "andon-trainer"
RULES: list[dict[str, Any]] = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": [TEMPLATE]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "update"],
        "resourceNames": [LEASE],
    },
]
"""All that the trainer may; docs/trainer.md has the same."""
SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def template(env: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Job as the chart's ConfigMap holds it. `spec` are fields of the Job's own."""
    container = {
        "name": "training",
        "image": "andon-training",
        "securityContext": SECURITY,
        "resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "2Gi"}},
        "env": [{"name": name, "value": value} for name, value in (env or {}).items()],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108  the container's own
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    labels = {"app.kubernetes.io/component": "training-job"}
    given = {"activeDeadlineSeconds": 600, "ttlSecondsAfterFinished": 600} | spec
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": labels},
        "spec": given | {"template": {"metadata": {"labels": labels}, "spec": pod}},
    }


@dataclass
class Place:
    """The namespace, and the trainer's way to it."""

    cluster: Cluster
    namespace: str
    kubeconfig: Path
    api: Api

    def put_template(self, job: Any) -> None:
        """The ConfigMap holds this."""
        text = job if isinstance(job, str) else json.dumps(job)
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": TEMPLATE},
            "data": {"job.yaml": text},
        }
        self.cluster.apply(config_map, namespace=self.namespace)

    def jobs(self, seconds: Any, limit_s: float = 300, **settings: Any) -> ClusterJobs:
        """Who makes Jobs here."""
        asked = JobsSettings(runner="kubernetes", template=TEMPLATE, **settings)
        bounds = dict.fromkeys(Kind, Bounds(limit_s, 4096))
        return ClusterJobs(Shop(self.api, asked, bounds, seconds, look_s=0.2))

    def listed(self, kind: str = "jobs") -> list[Any]:
        """What there is of a kind, the admin asking."""
        return list(self.cluster.get(kind, namespace=self.namespace))

    def until_over(self, job: ClusterJob, within_s: float = 60) -> list[str]:
        """All its lines, once it has ended."""
        self.cluster.until(lambda: job.ended, "the job to end", within_s)
        return job.lines()


@contextmanager
def place(cluster: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A namespace that enforces `restricted`, and in it all that the trainer needs."""
    with cluster.namespace() as name:
        cluster.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": ACCOUNT},
                "rules": RULES,
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": ACCOUNT},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": name}],
            },
            namespace=name,
        )
        kubeconfig = folder / f"{name}.yaml"
        kubeconfig.write_text(cluster.account(ACCOUNT, name))
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        api = reached(None)
        made = Place(cluster, name, kubeconfig, api)
        made.put_template(template())
        yield made
        api.close()


def task(key: str = "r-1", tries: int = 0, *, trains: bool = False, asked: str = '{"a": 1}') -> Task:
    """A request at weld-07."""
    return Task(Kind.REQUEST, key, "weld-07", asked, tries, trains)
