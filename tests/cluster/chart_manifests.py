"""The chart's examples as manifests, and the pods that would come of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kube import Cluster

CHART = Path(__file__).parents[2] / "helm" / "andon"
EXAMPLES = sorted(path.parent for path in CHART.glob("examples/*/values.yaml"))
Manifest = dict[str, Any]


def render(cluster: Cluster, namespace: str, *arguments: str) -> list[Manifest]:
    """What `helm install andon` would create, hooks too."""
    told = cluster.helm("template", "andon", str(CHART), "--namespace", namespace, *arguments)
    return [each for each in yaml.safe_load_all(told) if each]


def example(cluster: Cluster, namespace: str, folder: Path) -> list[Manifest]:
    """One of the examples."""
    return render(cluster, namespace, "--values", str(folder / "values.yaml"))


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Every pod that comes of them, as a pod by itself: of Deployments, Jobs, CronJobs, and of the trainer's Jobs."""
    for each in manifests:
        if (template := template_of(each)) is not None:
            name = f"{each['kind'].lower()}-{each['metadata'].get('name', 'training')}"
            spec = {"restartPolicy": "Never"} | template["spec"]
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"] | {"name": name}, "spec": spec}


def template_of(manifest: Manifest) -> Manifest | None:
    """The pod template within; None where there is none."""
    match manifest["kind"]:
        case "Pod":
            return manifest
        case "Deployment" | "Job":
            return dict(manifest["spec"]["template"])
        case "CronJob":
            return dict(manifest["spec"]["jobTemplate"]["spec"]["template"])
        case "ConfigMap" if "job.yaml" in (manifest.get("data") or {}):
            return template_of(yaml.safe_load(manifest["data"]["job.yaml"]))
    return None


def component(manifest: Manifest) -> str:
    """Which part of Andon it belongs to."""
    return str(manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))
