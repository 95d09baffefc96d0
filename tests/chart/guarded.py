"""The chart rendered for tests of what guards the line, and the sentence it refuses with."""

import json
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "andon"
HELM = ROOT / ".cache" / "tools" / "helm"
BASE: dict[str, Any] = {
    "settings": {"kafka": {"bootstrap_servers": "kafka.kafka:9092"}, "redis": {"url": "redis://redis.redis:6379/0"}}
}
Manifest = dict[str, Any]


class Refused(Exception):
    """Helm did not render; its text says why."""


def render(values: dict[str, Any] | None = None) -> list[Manifest]:
    """Every manifest of release andon in namespace andon, hooks included, with `values` over a Kafka and a Redis."""
    return _rendered(json.dumps(over(BASE, values or {})))


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Those of a kind, by name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Every pod that the chart or its trainer makes, `metadata` and `spec`, by component."""
    found = [pod for each in manifests for pod in _pods_of(each)]
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in found}


def _pods_of(manifest: Manifest) -> list[Manifest]:
    match manifest["kind"]:
        case "Pod":
            return [manifest]
        case "Deployment" | "Job":
            return [manifest["spec"]["template"]]
        case "CronJob":
            return [manifest["spec"]["jobTemplate"]["spec"]["template"]]
        case "ConfigMap" if "job.yaml" in manifest["data"]:
            return _pods_of(yaml.safe_load(manifest["data"]["job.yaml"]))
    return []


@cache
def _rendered(values: str) -> list[Manifest]:
    done = subprocess.run(
        [HELM, "template", "andon", CHART, "--namespace", "andon", "--values", "-"],
        input=values,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise Refused(done.stderr)
    return [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]


def over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values over values, as Helm lays them: maps are joined, all else stands in the place of what was there."""
    both = deepcopy(below)
    for key, value in above.items():
        held = both.get(key)
        both[key] = over(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return both
