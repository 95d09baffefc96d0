"""The chart's examples, as Helm renders them: a file for each component, and for each kind that belongs to none."""

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "andon"
EXAMPLES = CHART / "examples"
HELM = ROOT / ".cache" / "tools" / "helm"
COMPONENT = "app.kubernetes.io/component"
LEFT_OUT = {"GrafanaDashboard", "PrometheusRule"}
"""Large, and the same as deploy/grafana/dashboards and deploy/prometheus/rules: tests hold them equal to those."""


def names() -> list[str]:
    """The examples."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/values.yaml"))


def template(*args: str, chart: Path = CHART) -> str:
    """What `helm template andon` prints for the namespace andon. Raises RuntimeError with what it complains about."""
    command = [str(HELM), "template", "andon", str(chart), "--namespace", "andon", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def manifests(text: str) -> list[str]:
    """Each manifest by itself, without the line that parts them."""
    return [f"{each.strip()}\n" for each in re.split(r"^---$", text, flags=re.MULTILINE) if _says_something(each)]


def rendered(name: str) -> dict[str, str]:
    """By file below `rendered`, what an example gives."""
    files: dict[str, list[str]] = {}
    for each in manifests(template("--values", str(EXAMPLES / name / "values.yaml"))):
        if (file := _file(yaml.safe_load(each))) is not None:
            files.setdefault(file, []).append(each)
    return {file: "---\n".join(each) for file, each in sorted(files.items())}


def files() -> dict[str, str]:
    """By path within the chart, what every example gives."""
    return {f"examples/{name}/rendered/{file}": text for name in names() for file, text in rendered(name).items()}


def _says_something(manifest: str) -> bool:
    return any(line and not line.startswith("#") for line in manifest.splitlines())


def _file(manifest: dict[str, Any]) -> str | None:
    labels = manifest["metadata"].get("labels", {})
    kind = "GrafanaDashboard" if "grafana_dashboard" in labels else manifest["kind"]
    return None if kind in LEFT_OUT else f"{labels.get(COMPONENT) or kind.lower()}.yaml"
