"""Rolling updates of the installed chart under load, and a drained node: nothing is lost, nobody is paged twice, and no
station is blind for long. The tests of this file go on with one installation, in order.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest
from chart_manifests import CHART, component
from kube import Cluster, Refused
from node import Node
from paged import Paged, receiver
from release import Release, is_ready, turns
from rolled_line import Cameras, Rolled, longest_blind_s, timed

from andon.testing.hostile import jpeg
from andon.testing.models import proven_bundle
from andon.topics import DEAD_LETTERS, FRAMES, SCORES
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SERVICES = ("ingest", "preprocess", "scoring", "shadow-scoring", "drift", "alerting", "evidence", "ledger-watch")
OTHERS = ("console", "heartbeat", "trainer")
STATIONS = tuple(f"press-{number}" for number in range(4))
A_SECOND = 3.0
BLIND_S = 30.0


def part(index: int) -> tuple[int, bytes]:
    """A part's level and its picture; twelve of a hundred are defective, one after another, and none repeats."""
    import numpy as np

    level = (200 if 40 <= index % 100 < 52 else 40 + index % 60) - index % 2
    return level, jpeg(np.full((16, 16), level, np.uint8))


@pytest.fixture(scope="module")
def paged() -> Iterator[Paged]:
    """Where pages go."""
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def release(cluster: Cluster, two_nodes: list[Node], outside: Servers, paged: Paged) -> Iterator[Release]:
    """The chart on two nodes, one pod of each service, as its values come, and somebody to page."""
    alerting = {"webhook": {"url": paged.url, "group_interval_s": 0}, "policy": {"silent_after_s": 3600}}
    values = {
        "settings": {"kafka": {"bootstrap_servers": outside.kafka.bootstrap}, "redis": {"url": outside.redis.url}},
        "services": {"alerting": {"settings": alerting, "secrets": ["paging"]}, "shadow-scoring": {"enabled": True}},
        "topics": {"partitions": 4},
    }
    with cluster.namespace() as namespace:
        made = Release(cluster, two_nodes, namespace, two_nodes[0].claims)
        made.install(values)
        yield made


@pytest.fixture(scope="module")
def trial(release: Release, outside: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Reads what the line made; a bundle serves that calls a part anomalous when it is brighter than 128."""
    with Trial(outside, tmp_path_factory.mktemp("trial"), {}, random.SystemRandom()) as trial:
        trial.bundles = release.store()
        trial.assign(proven_bundle())
        yield trial


def test_a_rolling_restart_of_every_service_loses_nothing_pages_nobody_twice_and_blinds_no_station(
    release: Release, trial: Trial, paged: Paged
) -> None:
    rolled: list[Rolled] = []
    with Cameras(release.doors, part, A_SECOND).pushing(STATIONS) as cameras:
        trial.until(lambda: trial.count(SCORES) > 60, "scores to flow", 120)
        for name in (*SERVICES, *OTHERS):
            with timed(name, rolled):
                release.kubectl(f"rollout restart deployment/andon-{name}")
                release.kubectl(f"rollout status deployment/andon-{name} --timeout=140s")
                old_ones_gone(release)
        trial.until(lambda: paged.told, "the first page", 120)
    blind = longest_blind_s(trial, rolled, after_s=5)
    show(rolled, blind, cameras, paged)
    accounted_for(trial, cameras)
    every_page_once(trial, paged)
    assert release.restarts() == {}
    assert max(blind.values()) < BLIND_S, blind


def old_ones_gone(release: Release) -> None:
    """Waits until no pod is on its way out."""
    leaving = "deletionTimestamp"
    release.cluster.until(lambda: not any(leaving in pod["metadata"] for pod in release.pods()), "old pods to go", 60)


def test_an_upgrade_of_all_services_at_once_and_its_rollback_do_no_harm_either(
    release: Release, trial: Trial, paged: Paged
) -> None:
    rolled: list[Rolled] = []
    before = {pod["metadata"]["uid"] for pod in release.pods()}
    with Cameras(release.doors, part, A_SECOND).pushing(STATIONS) as cameras:
        reached = trial.count(SCORES) + 30
        trial.until(lambda: trial.count(SCORES) > reached, "scores to flow", 120)
        with timed("helm upgrade", rolled):
            release.helm(f"upgrade andon {CHART} --reuse-values --wait --set settings.log_level=debug")
            old_ones_gone(release)
        after = {pod["metadata"]["uid"] for pod in release.pods()}
        with timed("helm rollback", rolled):
            release.helm("rollback andon --wait")
            old_ones_gone(release)
    assert before.isdisjoint(after)
    assert after.isdisjoint(pod["metadata"]["uid"] for pod in release.pods())
    blind = longest_blind_s(trial, rolled, after_s=5)
    show(rolled, blind, cameras, paged)
    accounted_for(trial, cameras)
    every_page_once(trial, paged)
    assert release.restarts() == {}
    assert max(blind.values()) < BLIND_S, blind


def test_a_budget_lets_one_pod_of_two_go_at_a_time(release: Release) -> None:
    release.kubectl("scale deployment/andon-scoring --replicas=2")
    release.kubectl("rollout status deployment/andon-scoring --timeout=140s")
    first, second = (pod["metadata"]["name"] for pod in release.pods() if component(pod) == "scoring" and is_ready(pod))
    budget = ("pdb", "andon-scoring")
    release.cluster.until(
        lambda: release.cluster.get(*budget, namespace=release.namespace)["status"]["disruptionsAllowed"] == 1,
        "the budget",
    )
    evict(release, first)
    with pytest.raises(Refused, match="violate the pod's disruption budget"):
        evict(release, second)
    release.kubectl("rollout status deployment/andon-scoring --timeout=140s")


def evict(release: Release, pod: str) -> None:
    """Asks for a pod to go, as `kubectl drain` does."""
    asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": release.namespace}}
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}/eviction"
    release.cluster.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(asked))


def test_a_drained_node_gives_its_pods_away_and_nothing_is_lost(release: Release, trial: Trial, paged: Paged) -> None:
    node = next(pod["spec"]["nodeName"] for pod in release.pods() if component(pod) == "preprocess")
    rolled: list[Rolled] = []
    try:
        with Cameras(release.doors, part, A_SECOND).pushing(STATIONS) as cameras:
            reached = trial.count(SCORES) + 30
            trial.until(lambda: trial.count(SCORES) > reached, "scores to flow", 120)
            with timed("drain", rolled):
                release.cluster.kubectl(*f"drain {node} --delete-emptydir-data --timeout=200s".split(), within_s=220)
                release.cluster.until(lambda: all_ready_elsewhere(release, node), "every pod to be ready", 150)
            reached = trial.count(SCORES) + 30
            trial.until(lambda: trial.count(SCORES) > reached, "scores to go on", 120)
        show(rolled, longest_blind_s(trial, rolled, after_s=5), cameras, paged)
        accounted_for(trial, cameras)
        every_page_once(trial, paged)
    finally:
        release.cluster.kubectl("uncordon", node)


def all_ready_elsewhere(release: Release, node: str) -> bool:
    """Whether every Deployment has its pods, and none of them is on the node."""
    listed = release.cluster.get("deployments", namespace=release.namespace)
    short = [each for each in listed if each["status"].get("readyReplicas", 0) < each["spec"]["replicas"]]
    running = [pod for pod in release.pods() if pod["status"].get("phase") == "Running"]
    return not short and all(pod["spec"].get("nodeName") != node for pod in running)


def accounted_for(trial: Trial, cameras: Cameras) -> None:
    """Fails unless every frame that was taken is scored, once, and none was refused."""
    ledger = trial.settled(trial.count(FRAMES))
    scored = Counter((each.station, each.epoch, each.seq) for scores in ledger.scores.values() for each in scores)
    assert cameras.failed == []
    assert len(cameras.taken) > 100
    assert set(cameras.taken) <= scored.keys()
    assert ledger.faults() == {}
    assert trial.count(DEAD_LETTERS) == 0


def every_page_once(trial: Trial, paged: Paged) -> None:
    """Fails unless people were told of every turn of every incident, once."""
    trial.until(lambda: turns(trial).keys() <= paged.told.keys(), "every page to be told")
    assert turns(trial)
    assert paged.told == Counter(dict.fromkeys(turns(trial), 1))


def show(rolled: Sequence[Rolled], blind: Mapping[str, float], cameras: Cameras, paged: Paged) -> None:
    """Tells the figures; pytest -rP shows them."""
    took = {each.name: each.ended - each.began for each in rolled}
    lines = [f"  {name:16} {seconds:5.1f} s  (it took {took[name]:.0f} s)" for name, seconds in blind.items()]
    told = f"{len(cameras.taken)} frames were taken, {paged.told.total()} pages told so far"
    print("\n".join(["longest time without a score at a station, by what was replaced:", *lines, told]))  # noqa: T201
