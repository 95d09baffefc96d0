"""The README's way from an empty namespace to the first verdict, word for word; then test, upgrade and uninstall.

The tests of this file tell one story and run in order, in one namespace.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chart_manifests import component
from kube import Cluster, Refused
from node import Node

from andon.kafka import TopicReader
from andon.records import Score, Verdict, read_event
from andon.settings import KafkaSettings
from andon.topics import SCORES
from andon_demo.servers.supervise import Servers

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

README = Path(__file__).parents[2] / "README.md"


def commands() -> list[str]:
    """The three commands of the README, without their comments and what only shortens what they print."""
    block = README.read_text().split("## On Kubernetes")[1].split("\n\n")[2]
    whole = block.replace("\\\n", " ").splitlines()
    return [line.split("#")[0].split("|")[0].strip() for line in whole]


INSTALL, LEDGER, LINK = commands()


@pytest.fixture(scope="module")
def values(outside: Servers) -> list[str]:
    """What a person fills in: where Kafka and Redis are."""
    said = {"kafka.bootstrap_servers": outside.kafka.bootstrap, "redis.url": outside.redis.url}
    return [word for name, value in said.items() for word in ("--set", f"settings.{name}={value}")]


@pytest.fixture(scope="module")
def installed(cluster: Cluster, node: Node, outside: Servers) -> Iterator[Cluster]:
    """The cluster after the first command, run as the README gives it; the namespace enforces `restricted`."""
    command = INSTALL
    for name, at in {"kafka.bootstrap_servers": outside.kafka.bootstrap, "redis.url": outside.redis.url}.items():
        command = re.sub(rf"(settings\.{name}=)\S+", rf"\g<1>{at}", command)
    with cluster.namespace(name="andon"):
        try:
            cluster.helm(*shlex.split(command)[1:])
        except Refused as error:
            pytest.fail(f"{error}\n{state_of(cluster)}")
        yield cluster


def state_of(cluster: Cluster) -> str:
    """The pods, and the ends of the logs of those that are not ready."""
    told = [cluster.kubectl("get", "pods", "-n", "andon")]
    for pod in cluster.get("pods", namespace="andon"):
        ready = any(
            each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ())
        )
        if not ready:
            told.append(log_of(cluster, pod["metadata"]["name"]))
    return "\n".join(told)


def log_of(cluster: Cluster, pod: str) -> str:
    """The end of a pod's log, under its name."""
    try:
        return f"--- {pod}\n{cluster.kubectl('logs', pod, '-n', 'andon', '--tail=15', '--all-containers')}"
    except Refused as error:
        return f"--- {pod}: {error}"


def scores(outside: Servers) -> list[Score]:
    """Every score so far."""
    reader = TopicReader(KafkaSettings(bootstrap_servers=outside.kafka.bootstrap), SCORES)
    try:
        return [read_event(Score, record.value) for record in reader.read_to_end()]
    finally:
        reader.close()


def pod_ids(cluster: Cluster) -> dict[str, str]:
    """The pod of each service, by its id."""
    return {component(pod): pod["metadata"]["uid"] for pod in cluster.get("pods", namespace="andon") if alive(pod)}


def alive(pod: Any) -> bool:
    """Whether it runs and stays."""
    return pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def test_one_command_brings_every_service_up(installed: Cluster) -> None:
    deployments = installed.get("deployments", namespace="andon")
    assert len(deployments) >= 10
    assert [each["metadata"]["name"] for each in deployments if each["status"].get("readyReplicas") != 1] == []


def test_the_first_verdicts_follow_by_themselves(installed: Cluster, outside: Servers) -> None:
    def verdicts() -> Counter[Verdict]:
        return Counter(each.verdict for each in scores(outside))

    try:
        installed.until(lambda: {Verdict.OK, Verdict.ANOMALOUS} <= verdicts().keys(), "good and anomalous parts", 300)
    except Refused as error:
        pytest.fail(f"{error}: {verdicts()}\n{state_of(installed)}")
    assert len({each.station for each in scores(outside)}) == 3


def test_the_second_command_counts_them_and_misses_none(installed: Cluster, outside: Servers) -> None:
    table = installed.kubectl(*shlex.split(LEDGER)[1:])
    assert all(station in table for station in {each.station for each in scores(outside)})


def test_the_third_command_tells_the_link_that_shows_them(installed: Cluster, outside: Servers) -> None:
    said = installed.kubectl(*shlex.split(LINK)[1:])
    link = re.search(r"(http://127\.[0-9.]+:8600)/sign-in#(\S+)", said)
    assert link, said
    with httpx.Client(base_url=link[1], follow_redirects=True) as browser:
        board = browser.post("/sign-in", data={"token": link[2]}).text
    assert all(station in board for station in {each.station for each in scores(outside)})


def test_helm_test_finds_nothing_bad(installed: Cluster) -> None:
    try:
        installed.helm("test", "andon", "--namespace", "andon", "--timeout", "120s")
    except Refused as error:
        pytest.fail(f"{error}\n{log_of(installed, 'andon-test')}")


def test_a_changed_line_file_restarts_nobody(
    installed: Cluster, outside: Servers, values: list[str], tmp_path: Path
) -> None:
    before = pod_ids(installed)
    line = tmp_path / "line.yaml"
    line.write_text("line: body-shop-9\n")
    words = ["upgrade", "andon", "helm/andon", "--namespace", "andon", "--wait", "--set", "demo.enabled=true"]
    installed.helm(*words, *values, "--set-file", f"line={line}")
    kept = installed.get("configmap", "andon-line", namespace="andon")["data"]["line.yaml"]
    assert kept == line.read_text()
    said = ("logs", "deployment/andon-alerting", "--namespace", "andon")
    installed.until(lambda: "line_file_reloaded" in installed.kubectl(*said), "alerting to take it in")
    assert pod_ids(installed) == before


def test_a_changed_setting_restarts_those_that_know_it_and_no_others(
    installed: Cluster, outside: Servers, values: list[str]
) -> None:
    before = pod_ids(installed)
    words = ["upgrade", "andon", "helm/andon", "--namespace", "andon", "--wait", "--reuse-values"]
    installed.helm(*words, "--set", "services.alerting.settings.policy.silent_after_s=7200")
    after = installed.until(lambda: len(found := pod_ids(installed)) == len(before) and found, "one pod each", 60)
    assert {name for name in before if after[name] != before[name]} == {"alerting"}


def test_uninstall_leaves_nothing_but_the_volumes(installed: Cluster) -> None:
    installed.helm("uninstall", "andon", "--namespace", "andon", "--wait", "--timeout", "120s")
    kinds = "deployments,services,jobs,cronjobs,networkpolicies,poddisruptionbudgets,roles,rolebindings,leases,secrets"

    def left() -> list[str]:
        return installed.kubectl("get", f"pods,{kinds}", "-n", "andon", "-o", "name").split()

    try:
        installed.until(lambda: not left(), "everything to go", 60)
    except Refused:
        assert left() == []
    configs = {each["metadata"]["name"] for each in installed.get("configmaps", namespace="andon")}
    assert configs == {"kube-root-ca.crt"}
    claims = {each["metadata"]["name"] for each in installed.get("persistentvolumeclaims", namespace="andon")}
    assert claims == {"andon-bundles", "andon-frames", "andon-evidence"}
