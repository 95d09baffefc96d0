"""Every pod of the chart, for rules that hold for all: those of the examples, and of all that can be switched on."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml
from guarded import CHART, Manifest, pods, render

Pod = dict[str, Any]
EVERYTHING: dict[str, Any] = {
    "services": {"machines": {"enabled": True}, "shadow-scoring": {"enabled": True}},
    "schedules": {"drill": {"enabled": True}, "heartbeat": {"enabled": True}},
    "demo": {"enabled": True},
    "people": {"secret": "people"},
    "secrets": ["shared"],
    "certificates": {"secret": "tls"},
}
EXAMPLES = sorted(path.parent.name for path in CHART.glob("examples/*/values.yaml"))
CASES = ("minimal", "gpu", "production", "everything")


@cache
def values_of(case: str) -> dict[str, Any]:
    """What a case is installed with."""
    if case == "everything":
        return EVERYTHING
    return dict(yaml.safe_load((CHART / "examples" / case / "values.yaml").read_text()))


@cache
def manifests(case: str) -> list[Manifest]:
    """All that a case gives."""
    return render(values_of(case))


@cache
def pods_of(case: str) -> dict[str, Pod]:
    """Its pods, by component."""
    return pods(manifests(case))


def containers(pod: Pod) -> Iterator[dict[str, Any]]:
    """All of a pod's, those that run before the others first."""
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def long_running(case: str) -> dict[str, Manifest]:
    """The Deployments of a case, by component."""
    return long_running_of(manifests(case))


def long_running_of(rendered: list[Manifest]) -> dict[str, Manifest]:
    """The Deployments among them, by component."""
    found = [each for each in rendered if each["kind"] == "Deployment"]
    return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each for each in found}


def variables(container: dict[str, Any]) -> dict[str, str]:
    """Its environment."""
    return {each["name"]: each["value"] for each in container["env"]}
