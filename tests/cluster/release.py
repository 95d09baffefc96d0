"""The chart, installed for a test of a running line: who is there, what stands at its doors, and what came of it."""

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from chart_manifests import CHART, component
from kube import Cluster, Refused
from node import Node

from andon.records import IncidentEvent, IncidentKind, read_event
from andon.store import BundleStore
from andon.topics import INCIDENTS
from andon_demo.trial import Trial

KEY = "a key for tests"


class Release:
    """`helm install andon` in a namespace, on nodes of the tests. `claims` are the folders of its volumes."""

    def __init__(self, cluster: Cluster, nodes: list[Node], namespace: str, claims: Path) -> None:
        self.cluster = cluster
        self.nodes = nodes
        self.namespace = namespace
        self.claims = claims / namespace

    def install(self, values: Any) -> None:
        """Returns when everything is ready. Raises Refused, with the pods that are not and their logs."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "paging"},
            "stringData": {"ANDON_WEBHOOK__KEY": KEY},
        }
        self.cluster.apply(secret, namespace=self.namespace)
        file = self.cluster.folder / f"{self.namespace}.json"
        file.write_text(json.dumps(values))
        self.helm(f"install andon {CHART} --wait -f {file}")

    def kubectl(self, words: str, within_s: float = 150) -> str:
        """kubectl, in the namespace."""
        return self.cluster.kubectl(*shlex.split(words), "-n", self.namespace, within_s=within_s)

    def helm(self, words: str) -> str:
        """helm, in the namespace."""
        try:
            return self.cluster.helm(*shlex.split(words), "-n", self.namespace, "--timeout", "280s")
        except Refused as error:
            raise Refused(f"{error}\n{self.state()}") from None

    def pods(self) -> list[Any]:
        """The pods there are."""
        return list(self.cluster.get("pods", namespace=self.namespace))

    def state(self) -> str:
        """The pods, and the ends of the logs of those that are not ready."""
        told = [self.kubectl("get pods -o wide")]
        return "\n".join(told + [self._log(pod["metadata"]["name"]) for pod in self.pods() if not is_ready(pod)])

    def _log(self, pod: str) -> str:
        try:
            return f"--- {pod}\n{self.kubectl(f'logs {pod} --tail=15 --all-containers')}"
        except Refused as error:
            return f"--- {pod}: {error}"

    def doors(self) -> list[str]:
        """Where cameras can push to now: what the Service would lead to."""
        found = [address for node in self.nodes for address in node.reached(self.namespace, "ingest")]
        return [f"http://{address}:8700" for address in found]

    def store(self) -> BundleStore:
        """The volume of bundles, as this machine sees it."""
        return BundleStore(str(self.claims / "andon-bundles"))

    def restarts(self) -> dict[str, int]:
        """How often a container ended by itself, by component."""
        found: Counter[str] = Counter()
        for pod in self.pods():
            found[component(pod)] += sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))
        return {name: count for name, count in found.items() if count}


def is_ready(pod: Any) -> bool:
    """Whether the cluster holds it to be ready."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))


def turns(trial: Trial) -> Counter[str]:
    """The pages that people must have got, by what alerting wrote: turns of incidents, and how often each stands."""
    kinds = (IncidentKind.OPENED, IncidentKind.RESOLVED)
    events = (read_event(IncidentEvent, record.value) for record in trial.read(INCIDENTS))
    return Counter(f"{each.incident_id}/{each.kind}" for each in events if each.kind in kinds)
