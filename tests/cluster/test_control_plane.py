"""The cluster is a real one: it makes pods of Deployments, refuses what Pod Security forbids, and knows who asks."""

import json

import pytest
from kube import Cluster, Refused

pytestmark = pytest.mark.cluster


def pod(**security: object) -> dict[str, object]:
    """A pod of one container."""
    container = {"name": "app", "image": "andon-ingest", "securityContext": security}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": {"containers": [container]}}


RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def test_a_pod_under_the_restricted_policy_is_admitted(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        cluster.apply(pod(**RESTRICTED), namespace=namespace)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"runAsUser": 0}, "must not set runAsUser=0"),
        ({"runAsNonRoot": None}, "runAsNonRoot != true"),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}, "unrestricted capabilities"),
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation != false"),
        ({"seccompProfile": None}, "seccompProfile"),
    ],
)
def test_a_pod_that_wants_more_is_refused(cluster: Cluster, wrong: dict[str, object], told: str) -> None:
    with cluster.namespace() as namespace, pytest.raises(Refused, match=told):
        cluster.apply(pod(**(RESTRICTED | wrong)), namespace=namespace)


def test_a_deployment_gets_its_pods_and_a_service_account_has_no_rights_by_itself(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        template = pod(**RESTRICTED)
        labels = {"app": "it"}
        spec = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
        }
        cluster.apply(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it"}, "spec": spec},
            namespace=namespace,
        )
        cluster.until(lambda: cluster.get("pods", namespace=namespace, labels="app=it"), "the pod")
        config = json.loads(cluster.account("default", namespace))
        assert len(config["users"][0]["user"]["token"]) > 100
        with pytest.raises(Refused, match="no"):
            cluster.kubectl("auth", "can-i", "list", "pods", f"--as=system:serviceaccount:{namespace}:default")
