"""What the chart asks of operators beside its examples: a real API server takes it, and would not take it misspelt."""

import json
from pathlib import Path
from typing import Any

import pytest
from chart_manifests import render
from kube import Cluster, Refused

pytestmark = pytest.mark.cluster

KAFKA = (
    "settings.kafka.bootstrap_servers=factory-kafka-bootstrap:9093,settings.redis.url=redis://redis:6379/0,"
    "settings.kafka.security_protocol=SASL_SSL,topics.create=false,topics.replication=3,people.secret=people"
)
STRIMZI = "strimzi.cluster=factory,strimzi.topics.enabled=true,strimzi.users.enabled=true"
EVERY = (
    *("--set", KAFKA, "--set", STRIMZI),
    *("--set", "gateway.enabled=true,gateway.host=andon.factory,gateway.parentRefs[0].name=factory"),
    *("--set", "gateway.push.enabled=true,gateway.push.host=push.factory"),
    *("--set", "autoscaling.keda.enabled=true,autoscaling.keda.services.alerting.enabled=true"),
    *("--set", "monitoring.podMonitor.enabled=true,monitoring.rules.enabled=true"),
    *("--set", "services.shadow-scoring.enabled=true,services.machines.enabled=true,demo.enabled=true"),
    *("--set", "networkPolicies.cameras.ports={554},networkPolicies.kafka.to[0].ipBlock.cidr=10.0.0.0/8"),
)
KINDS = {
    "HTTPRoute",
    "KafkaTopic",
    "KafkaUser",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "ScaledObject",
    "TriggerAuthentication",
}


@pytest.fixture(scope="module", autouse=True)
def operators(cluster: Cluster) -> None:
    cluster.kubectl("apply", "--server-side", "-f", str(Path(__file__).parent / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all")


def create(cluster: Cluster, namespace: str, manifests: list[Any]) -> None:
    """Unknown keys and warnings count as refusals."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    words = ("--validate=strict", "--warnings-as-errors", "--dry-run=server", "-n", namespace, "-f", "-")
    cluster.kubectl("create", *words, given=given)


def test_everything_that_can_be_switched_on_is_admitted(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        manifests = [each for each in render(cluster, namespace, *EVERY) if each["kind"] in KINDS]
        assert {each["kind"] for each in manifests} == KINDS
        create(cluster, namespace, manifests)


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("KafkaTopic", ("spec",), {"partition": 3}),
        ("KafkaUser", ("spec", "authorization"), {"acl": []}),
        ("ScaledObject", ("spec",), {"minReplicas": 1}),
        ("ScaledObject", ("spec", "fallback"), {"behavior": "static-ish"}),
        ("PodMonitor", ("spec",), {"podMetricsEndpoint": []}),
        ("HTTPRoute", ("spec",), {"hostname": "x"}),
        ("NetworkPolicy", ("spec",), {"policyType": []}),
    ],
)
def test_a_misspelt_key_is_not(cluster: Cluster, kind: str, path: tuple[str, ...], wrong: dict[str, Any]) -> None:
    with cluster.namespace() as namespace:
        manifest = next(each for each in render(cluster, namespace, *EVERY) if each["kind"] == kind)
        create(cluster, namespace, [manifest])
        inner = manifest
        for key in path:
            inner = inner[key]
        inner.update(wrong)
        with pytest.raises(Refused, match=next(iter(wrong))):
            create(cluster, namespace, [manifest])
