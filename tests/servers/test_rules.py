"""The rules as Prometheus' own tools see them, and one on its way through a real Prometheus and Alertmanager."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.hurried import Hurried, shortened
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"


def promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_right_and_none_stands_there_twice() -> None:
    files = [str(path) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", *files).count("SUCCESS") == len(files)


def test_the_configuration_is_right_and_finds_them() -> None:
    assert "rule files found" in promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


@pytest.mark.parametrize("name", ["pages", "tickets"])
def test_each_fires_when_it_should_and_only_then(name: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", str(PROMETHEUS / "tests" / f"{name}.yml"))


def test_a_drill_shortens_durations_and_nothing_else() -> None:
    rule = "expr: increase(x[5m] offset 1m) / 5 > 300\nfor: 6m\nkeep_firing_for: 1h\ninterval: 1m\nlabels: {window: 1h}"
    assert shortened(rule, 20) == (
        "expr: increase(x[15000ms] offset 3000ms) / 5 > 300\n"
        "for: 18000ms\nkeep_firing_for: 180000ms\ninterval: 3000ms\nlabels: {window: 1h}"
    )


@pytest.fixture(scope="module")
def both() -> Iterator[Servers]:
    with Servers([Alertmanager(), Hurried()]) as servers:
        yield servers


def eventually(ask: Callable[[], Any], within_s: float = 20.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def test_an_alert_reaches_alertmanager_with_its_links_and_without_what_they_are_made_of(both: Servers) -> None:
    def watchdogs() -> list[dict[str, Any]]:
        query = {"filter": 'alertname="AndonWatchdog"'}
        found: list[dict[str, Any]] = httpx.get(f"{both.alertmanager.url}/api/v2/alerts", params=query).json()
        return found

    (alert,) = eventually(watchdogs)
    assert alert["labels"] == {"alertname": "AndonWatchdog", "severity": "none", "service": "prometheus"}
    assert alert["receivers"] == [{"name": "watchdog-prometheus"}]
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/watchdog.md"
    assert alert["annotations"]["dashboard_url"] == "http://localhost:3000/d/andon-fleet"


def test_every_rule_is_evaluated_without_an_error_where_there_is_nothing_yet(both: Servers) -> None:
    def evaluated() -> list[dict[str, Any]]:
        groups = httpx.get(f"{both.prometheus.url}/api/v1/rules").json()["data"]["groups"]
        known: list[dict[str, Any]] = [rule for group in groups for rule in group["rules"]]
        return known if all(rule["health"] != "unknown" for rule in known) else []

    rules = eventually(evaluated)
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == ["AndonWatchdog"]
