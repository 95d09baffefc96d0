"""A node for the tests' cluster: runs the pods that the scheduler gives it as processes of this machine.

It does what a kubelet does for pods like Andon's: volumes (emptyDir, claims, ConfigMaps and Secrets that change while
they are mounted, service-account tokens), environment, init containers, probes, restarts, graceful ends, status, logs.
Every container is a process in a mount namespace of its own, as the manifest's user, without capabilities, its root
read-only where the manifest says so, and `andon` is that of this checkout's environment.

What it does not do: no images (every one is this checkout), no network of a pod's own (all share the machine's; instead
of 0.0.0.0 a pod listens on an address of 127.0.0.0/8 that is its own), hence no Services, DNS or NetworkPolicies; no
limits of memory or CPU; no attach or port-forward, `kubectl exec` without input; no seccomp profile.
"""

import itertools
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from control_plane import TOKEN
from kube import Cluster
from node_api import Api, Json
from node_container import Container
from node_pod import PodRun, path_of
from node_server import serve

TURN_S = 0.25
BEATS_EVERY = 20  # turns between two renewals of the lease that says the node is alive
HELD = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "100Gi", "pods": "110"}


class Node:
    """One node. `claims` are the volumes' folders, which nodes share."""

    def __init__(
        self, api: Api, name: str, folder: Path, claims: Path, draw: random.Random, service: dict[str, str]
    ) -> None:
        self.name = name
        self._api = api
        self._folder = folder
        self.claims = claims
        self._service = service
        self._addresses = addresses(draw)
        self._pods: dict[str, PodRun] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name=name)

    def register(self, logs_port: int) -> None:
        """Tells the cluster that it is there and ready."""
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        self._api.post("/api/v1/nodes", {"kind": "Node", "metadata": {"name": self.name, "labels": labels}})
        status = {
            "capacity": HELD,
            "allocatable": HELD,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Tests", "lastHeartbeatTime": moment()}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": self.name}],
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],  # else `kubectl exec` would speak SPDY to us
            "daemonEndpoints": {"kubeletEndpoint": {"Port": logs_port}},
        }
        self._api.patch(f"/api/v1/nodes/{self.name}/status", {"status": status})
        self._beat()

    def _beat(self) -> None:
        """Renews the lease by which the cluster knows that the node is alive."""
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": moment()}
        if self._api.patch(f"{path}/{self.name}", {"spec": spec}) is None:
            self._api.post(path, {"kind": "Lease", "metadata": {"name": self.name}, "spec": spec})

    def find(self, namespace: str, pod: str, container: str) -> Container | None:
        """A container by names."""
        wanted = (namespace, pod)
        runs = (run for run in self._pods.values() if names(run.pod) == wanted)
        return next((found for run in runs if (found := run.container(container))), None)

    def reached(self, namespace: str, component: str) -> list[str]:
        """The addresses that a Service would lead to: of ready pods; and of those that leave, until it has heard."""
        mine = [run for run in list(self._pods.values()) if run.pod["metadata"]["namespace"] == namespace]
        wanted = [run for run in mine if run.pod["metadata"]["labels"].get("app.kubernetes.io/component") == component]
        return [run.address for run in wanted if run.reached]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends every pod at once, as a machine that is switched off."""
        self._stopping.set()
        self._thread.join()
        for run in self._pods.values():
            run.leave(1)
        for run in self._pods.values():
            run.join()

    def _live(self) -> None:
        for turn in itertools.count():
            if self._stopping.wait(TURN_S):
                return
            self._turn()
            if turn % BEATS_EVERY == 0:
                self._beat()

    def _turn(self) -> None:
        provide_claims(self._api, self.claims)
        mine = self._api.items("/api/v1/pods", fieldSelector=f"spec.nodeName={self.name}")
        for pod in mine:
            self._look_after(pod)
        there = {pod["metadata"]["uid"] for pod in mine}
        for uid, run in list(self._pods.items()):
            if uid not in there:
                run.leave(0.1)  # deleted by force: nobody waits for it
            if run.over:
                del self._pods[uid]

    def _look_after(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if uid not in self._pods and "deletionTimestamp" in pod["metadata"]:
            self._api.delete(path_of(pod), {"gracePeriodSeconds": 0})  # of a node that was called like this one
            return
        if uid not in self._pods:
            folder = self._folder / f"{pod['metadata']['name']}-{uid[:8]}"
            run = PodRun(self._api, pod, folder, self.claims, next(self._addresses), self._service)
            self._pods[uid] = run
            run.start()
        if "deletionTimestamp" in pod["metadata"]:
            self._pods[uid].leave(float(pod["metadata"].get("deletionGracePeriodSeconds", 30)))


def provide_claims(api: Api, claims: Path) -> None:
    """A volume for every claim that waits for one: a folder, kept as long as the tests run."""
    for claim in api.items("/api/v1/persistentvolumeclaims"):
        if claim.get("status", {}).get("phase") != "Pending" or claim["spec"].get("volumeName"):
            continue
        namespace, name = names(claim)
        spec = {
            "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"],
            "storageClassName": claim["spec"].get("storageClassName", ""),
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": namespace, "name": name, "uid": claim["metadata"]["uid"]},
            "hostPath": {"path": str(claims / namespace / name)},
        }
        metadata = {"name": f"volume-{claim['metadata']['uid']}"}
        api.post("/api/v1/persistentvolumes", {"kind": "PersistentVolume", "metadata": metadata, "spec": spec})


def addresses(draw: random.Random) -> Iterator[str]:
    """Addresses of this machine alone, an own one for each pod; others who test on it draw other ones."""
    second, third = draw.randrange(1, 255), draw.randrange(0, 200)
    return (f"127.{second}.{third + n // 250}.{n % 250 + 2}" for n in itertools.count())


def names(thing: Json) -> tuple[str, str]:
    """Namespace and name."""
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


def moment() -> str:
    """Now, as leases write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@contextmanager
def nodes(cluster: Cluster, count: int, folder: Path) -> Iterator[list[Node]]:
    """Nodes of the cluster, for as long as the block runs; they take what the scheduler gives them."""
    certificates = cluster.ca.parent
    host, port = cluster.url.removeprefix("https://").split(":")
    service = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    api = Api(cluster.url, str(cluster.ca), TOKEN)
    draw = random.SystemRandom()
    with ExitStack() as stack:
        stack.callback(api.close)
        made = [
            Node(api, f"node-{n}", folder / f"node-{n}", folder / "claims", draw, service) for n in range(1, count + 1)
        ]
        for node in made:
            port_of_logs = stack.enter_context(
                serve(node.find, certificates / "broker.crt", certificates / "broker.key")
            )
            node.register(port_of_logs)
            stack.callback(cluster.kubectl, "delete", "node", node.name)
            stack.callback(node.stop)
            node.start()
        yield made
