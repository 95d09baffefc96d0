"""What Prometheus and Grafana get: the same rules and dashboards as everywhere else, with their links made whole."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from admitted import mistakes
from guarded import CHART, ROOT, Manifest, of_kind, pods, render
from prometheus_client import CollectorRegistry

from andon.metrics import Metrics

RULES = ROOT / "deploy" / "prometheus" / "rules"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
OPERATORS_OWN = {"job", "instance", "namespace", "pod", "container", "endpoint", "node"}
"""Labels that a PodMonitor puts on every series."""
LINKS = {"dashboards": "https://grafana.factory/", "runbooks": "https://docs.factory/runbooks"}


def watched(**monitoring: Any) -> list[Manifest]:
    return render({"monitoring": monitoring})


def groups(manifests: list[Manifest]) -> list[Manifest]:
    return [group for each in of_kind(manifests, "PrometheusRule").values() for group in each["spec"]["groups"]]


def deployed(manifests: list[Manifest]) -> list[Manifest]:
    return [each["spec"]["template"] for each in of_kind(manifests, "Deployment").values()]


def own_groups() -> list[Manifest]:
    return [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]


def test_nothing_of_it_is_there_unless_asked_for() -> None:
    kinds = {each["kind"] for each in render()}
    assert not kinds & {"PodMonitor", "PrometheusRule"}
    assert not [name for name in of_kind(render(), "ConfigMap") if "dashboard" in name]


def test_a_pod_monitor_finds_every_pod_with_metrics_and_calls_it_as_the_rules_do() -> None:
    manifests = watched(podMonitor={"enabled": True, "labels": {"release": "kps"}})
    (monitor,) = of_kind(manifests, "PodMonitor").values()
    assert mistakes(monitor) == []
    assert monitor["metadata"]["labels"]["release"] == "kps"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    for name, pod in pods(manifests).items():
        labels = pod["metadata"]["labels"]
        assert wanted <= labels.items()
        assert labels[monitor["spec"]["jobLabel"]] == name
    ports = {
        each["name"]
        for pod in pods(manifests).values()
        for c in pod["spec"]["containers"]
        for each in c.get("ports", [])
    }
    assert endpoint["port"] in ports


def test_jobs_are_called_as_compose_calls_them() -> None:
    targets = json.loads((ROOT / "deploy" / "prometheus" / "targets.json").read_text())
    services = {name for name, pod in pods(render()).items() if "ports" in pod["spec"]["containers"][0]}
    assert {each["labels"]["job"] for each in targets} <= services


def test_no_metric_has_a_label_that_the_operator_puts_on_it() -> None:
    """It would be renamed to exported_..., and the rules would ask in vain."""
    made = [each for each in vars(Metrics(CollectorRegistry())).values() if hasattr(each, "_labelnames")]
    assert made
    assert not {label for each in made for label in each._labelnames} & OPERATORS_OWN


def test_the_rules_are_those_of_deploy_prometheus_and_none_is_missing() -> None:
    manifests = watched(rules={"enabled": True, "labels": {"release": "kps"}})
    rules = of_kind(manifests, "PrometheusRule")
    assert [mistakes(each) for each in rules.values()] == [[]] * len(rules)
    assert {each["metadata"]["labels"]["release"] for each in rules.values()} == {"kps"}
    assert groups(manifests) == own_groups()


def test_links_lead_where_values_say_and_nothing_else_changes() -> None:
    text = json.dumps(groups(watched(rules={"enabled": True, **LINKS})))
    assert "externalLabels" not in text
    assert "https://grafana.factory/d/andon-pipeline" in text
    assert "{{ $value | humanizePercentage }}" in text
    back = text.replace("https://grafana.factory/d/", "{{ $externalLabels.andon_dashboards }}/d/")
    back = re.sub(r"https://docs\.factory/runbooks/", "{{ $externalLabels.andon_runbooks }}/", back)
    assert json.loads(back) == own_groups()


@pytest.mark.servers  # promtool comes with Prometheus
@pytest.mark.parametrize("links", [{}, LINKS], ids=["external labels", "addresses"])
def test_prometheus_takes_the_rendered_rules(links: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": groups(watched(rules={"enabled": True, **links}))}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{sum(len(each['rules']) for each in own_groups())} rules found" in done.stdout


def test_dashboards_are_those_of_deploy_grafana_byte_by_byte() -> None:
    manifests = watched(dashboards={"enabled": True, "namespace": "grafana"})
    found = {name: each for name, each in of_kind(manifests, "ConfigMap").items() if "-dashboard-" in name}
    held = {name: text for each in found.values() for name, text in each["data"].items()}
    assert held == {path.name: path.read_text() for path in DASHBOARDS.glob("*.json")}
    for each in found.values():
        assert each["metadata"]["namespace"] == "grafana"
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"] == {"grafana_folder": "Andon"}
        assert len(json.dumps(each)) < 1_000_000  # what a ConfigMap holds


def test_what_the_chart_copies_is_fresh() -> None:
    from values.guards_files import stale

    assert stale(CHART) == [], "make chart"


def test_a_copy_that_is_old_or_nobodys_is_told(tmp_path: Path) -> None:
    from values.guards_files import files, stale, write

    write(tmp_path)
    assert stale(tmp_path) == []
    (tmp_path / "rules" / "pages.yml").write_text("groups: []\n")
    (tmp_path / "dashboards" / "gone.json").write_text("{}")
    assert stale(tmp_path) == ["dashboards/gone.json", "rules/pages.yml"]
    write(tmp_path)
    assert {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*.*")} == set(files())
