"""A real API server takes every manifest of every example under the restricted policy; nobody has a right too many."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chart_manifests import EXAMPLES, component, example, pods, template_of
from kube import Cluster, Refused

pytestmark = pytest.mark.cluster

each_example = pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)


def create(cluster: Cluster, namespace: str, manifests: list[Any]) -> list[Any]:
    """Creates them one after another; what the server made of them. A warning of the server counts as a refusal."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    words = ("create", "--validate=strict", "--warnings-as-errors", "-n", namespace, "-o", "json", "-f", "-")
    return list(objects(cluster.kubectl(*words, given=given)))


def objects(text: str) -> Iterator[Any]:
    """JSON objects one after another, as kubectl prints what it creates."""
    while text := text.strip():
        found, end = json.JSONDecoder().raw_decode(text)
        yield found
        text = text[end:]


@pytest.fixture(scope="module", autouse=True)
def what_others_install(cluster: Cluster) -> None:
    """The kinds of KEDA, the Prometheus operator, Strimzi and the Gateway API; and what a GPU's operator adds."""
    cluster.kubectl("apply", "--server-side", "-f", str(Path(__file__).parent / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all")
    cluster.apply(
        {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"}
    )


@each_example
def test_every_manifest_is_admitted_without_a_warning(cluster: Cluster, folder: Path) -> None:
    with cluster.namespace() as namespace:
        manifests = example(cluster, namespace, folder)
        assert len(create(cluster, namespace, manifests)) == len(manifests) > 30


@each_example
def test_every_pod_of_it_is_admitted_by_itself(cluster: Cluster, folder: Path) -> None:
    with cluster.namespace() as namespace:
        manifests = example(cluster, namespace, folder)
        create(cluster, namespace, [each for each in manifests if each["kind"] == "ServiceAccount"])
        made = create(cluster, namespace, list(pods(manifests)))
        assert len(made) > 10


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"runAsUser": 0, "runAsNonRoot": False}, "runAsNonRoot != true"),
        ({"capabilities": {"drop": []}}, "unrestricted capabilities"),
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation != false"),
    ],
)
def test_the_same_pod_with_more_rights_is_refused(cluster: Cluster, wrong: dict[str, Any], told: str) -> None:
    with cluster.namespace() as namespace:
        manifests = example(cluster, namespace, EXAMPLES[0])
        create(cluster, namespace, [each for each in manifests if each["kind"] == "ServiceAccount"])
        pod = copy.deepcopy(next(each for each in pods(manifests) if component(each) == "scoring"))
        pod["spec"]["containers"][0]["securityContext"] |= wrong
        with pytest.raises(Refused, match=told):
            create(cluster, namespace, [pod])


@each_example
def test_no_pod_but_the_trainers_gets_a_token(cluster: Cluster, folder: Path) -> None:
    with cluster.namespace() as namespace:
        manifests = example(cluster, namespace, folder)
        create(cluster, namespace, [each for each in manifests if each["kind"] == "ServiceAccount"])
        made = create(cluster, namespace, list(pods(manifests)))
        assert {component(pod) for pod in made if has_token(pod)} <= {"trainer"}
        assert has_token(
            create(cluster, namespace, [careless(namespace)])[0]
        )  # as it would have without a word against it


def has_token(pod: Any) -> bool:
    """Whether the server gave the pod a service account's token."""
    sources = [
        source for volume in pod["spec"].get("volumes", ()) for source in volume.get("projected", {}).get("sources", ())
    ]
    return any("serviceAccountToken" in source for source in sources)


def careless(namespace: str) -> Any:
    """A pod that says nothing about tokens."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    security |= {"seccompProfile": {"type": "RuntimeDefault"}}
    container = {"name": "app", "image": "andon-ingest", "securityContext": security}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "careless"}, "spec": {"containers": [container]}}


def test_the_trainer_may_do_its_list_and_nothing_else_and_the_others_nothing(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        create(cluster, namespace, example(cluster, namespace, EXAMPLES[0]))
        nobody = rights(cluster, namespace, "default")
        accounts = [each["metadata"]["name"] for each in cluster.get("serviceaccounts", namespace=namespace)]
        assert "andon-trainer" in accounts
        given = {name: rights(cluster, namespace, name) - nobody for name in accounts}
        assert given.pop("andon-trainer") == {
            ("create", "batch", "jobs", ""),
            ("get", "batch", "jobs", ""),
            ("delete", "batch", "jobs", ""),
            ("list", "", "pods", ""),
            ("get", "", "pods/log", ""),
            ("get", "", "configmaps", "andon-training-job"),
            ("create", "coordination.k8s.io", "leases", ""),
            ("get", "coordination.k8s.io", "leases", "andon-trainer"),
            ("update", "coordination.k8s.io", "leases", "andon-trainer"),
        }
        assert set().union(*given.values()) == set()


def rights(cluster: Cluster, namespace: str, account: str) -> set[tuple[str, str, str, str]]:
    """(verb, API group, resource, name) of all that a service account may do in the namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    who = f"--as=system:serviceaccount:{namespace}:{account}"
    group = ("--as-group=system:serviceaccounts", "--as-group=system:authenticated")
    told = json.loads(
        cluster.kubectl("create", "--validate=false", who, *group, "-o", "json", "-f", "-", given=json.dumps(review))
    )
    return {
        (verb, api, resource, name)
        for rule in told["status"]["resourceRules"]
        for verb in rule["verbs"]
        for api in rule.get("apiGroups", [""])
        for resource in rule.get("resources", ["*"])
        for name in rule.get("resourceNames") or [""]
    }


def test_nothing_that_the_chart_makes_reaches_beyond_its_namespace(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        for folder in EXAMPLES:
            for each in example(cluster, namespace, folder):
                assert not each["kind"].startswith("Cluster")
                assert each["metadata"].get("namespace", namespace) == namespace or "grafana" in str(each["metadata"])
                assert template_of(each) is None or not shares_the_host(template_of(each))


def shares_the_host(template: Any) -> bool:
    """Whether a pod would see the node's network, processes or files."""
    spec = template["spec"]
    volumes = [volume for volume in spec.get("volumes", ()) if "hostPath" in volume]
    return bool(spec.get("hostNetwork") or spec.get("hostPID") or spec.get("hostIPC") or volumes)
