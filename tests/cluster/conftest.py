"""A Kubernetes control plane for the session."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "chaos")]  # control_plane.py and the others; rolled_line.py

if TYPE_CHECKING:
    from kube import Cluster
    from node import Node

    from andon_demo.servers.supervise import Servers


@pytest.fixture(scope="session")
def cluster() -> Iterator["Cluster"]:
    """The cluster: `cluster.kubectl(...)`, `cluster.helm(...)`, `cluster.namespace()`. Its nodes are those of tests."""
    from control_plane import TOOLS
    from kube import control_plane

    missing = [name for name in ("helm", "kubernetes", "etcd") if not (TOOLS / name).exists()]
    if missing:
        pytest.fail(f"not built: {', '.join(missing)}. Run: make test-cluster")
    with control_plane(random.SystemRandom()) as started:
        yield started


@pytest.fixture(scope="module")
def node(cluster: "Cluster", tmp_path_factory: pytest.TempPathFactory) -> Iterator["Node"]:
    """One node that runs pods, while the tests of a file last."""
    with running_nodes(cluster, 1, tmp_path_factory) as made:
        yield made[0]


@pytest.fixture(scope="module")
def two_nodes(cluster: "Cluster", tmp_path_factory: pytest.TempPathFactory) -> Iterator[list["Node"]]:
    """Two nodes, which share what volumes there are."""
    with running_nodes(cluster, 2, tmp_path_factory) as made:
        yield made


@contextmanager
def running_nodes(cluster: "Cluster", count: int, folders: pytest.TempPathFactory) -> Iterator[list["Node"]]:
    """So many nodes. Skips where this machine does not let us make sandboxes."""
    from node import nodes
    from node_container import may_isolate

    if not may_isolate():
        pytest.skip("the node makes sandboxes of its own and needs to be root for it: run this in a container")
    with nodes(cluster, count, folders.mktemp("nodes")) as made:
        yield made


@pytest.fixture(scope="module")
def outside() -> Iterator["Servers"]:
    """What the cluster of a customer has besides: an empty Kafka and a Redis."""
    from andon_demo.servers.kafka import Kafka
    from andon_demo.servers.redis import Redis
    from andon_demo.servers.supervise import Servers

    with Servers([Kafka(), Redis()]) as started:
        yield started
