"""The rules of Prometheus say what people need, of metrics that there are, and lead to pages that exist."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from typer.main import get_command

from andon.cli import build
from andon.evidence import Lost
from andon.ids import DRILL
from andon.metrics import Metrics
from andon.records import Cause, Verdict
from andon_alerting.notifiers.alertmanager import NAMES, WATCHDOG
from andon_drift.watch.watcher import REJECTS
from andon_ingest.heartbeat.judging import Outcome

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
FAULTS = [each for each in Cause if each.startswith("station_") and each != Cause.STATION_SILENT] + [Cause.CAMERA_MOVED]
PROMETHEUS_OWN = {"scrape_duration_seconds": ("job", "instance")}
ALWAYS = {"job", "instance"}
VALUES: dict[tuple[str, str], set[str]] = {
    ("andon_heartbeats_total", "outcome"): {each.value for each in Outcome},
    ("andon_frames_scored_total", "verdict"): {each.value for each in Verdict},
    ("andon_evidence_frames_total", "outcome"): {"kept", *(each.value for each in Lost)},
    ("andon_frames_judged_total", "outcome"): {"in_time", "late", "unscorable"},
    ("andon_frames_received_total", "origin"): {"own", "foreign"},
    ("andon_drift_active", "feature"): {REJECTS},
    ("andon_stage_last_turn_timestamp_seconds", "stage"): {"alerting"},
    ("andon_records_consumed_total", "stage"): {"alerting"},
    ("andon_build_info", "service"): {"alerting"},
}
"""What a rule may ask a label for; the last of them are names of services."""
SELECTOR = re.compile(r"\b((?:andon|scrape|up|process)[a-z0-9_:]*)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def rules() -> Iterator[dict[str, Any]]:
    """Every rule, as its file says it."""
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


ALERTS = [each for each in rules() if "alert" in each]
NAMED = sorted({each["alert"] for each in ALERTS})
RECORDED = {each["record"] for each in rules() if "record" in each}


@cache
def labels_of() -> dict[str, tuple[str, ...]]:
    """The labels of every series of ours, by its name as Prometheus has it."""
    made = [each for each in vars(Metrics(CollectorRegistry())).values() if hasattr(each, "describe")]
    found: dict[str, tuple[str, ...]] = dict(PROMETHEUS_OWN)
    for metric in made:
        (family,) = metric.describe()
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        found |= {family.name + suffix: metric._labelnames for suffix in suffixes}
    return found


def name_of(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"]) + "/" + str(rule.get("labels", {}).get("window", ""))


@pytest.mark.parametrize("rule", list(rules()), ids=name_of)
def test_a_rule_asks_for_metrics_that_there_are_with_labels_that_they_have(rule: dict[str, Any]) -> None:
    known = labels_of()
    asked = SELECTOR.findall(re.sub(r'"[^"]*"', '"x"', rule["expr"]))
    assert asked or rule["expr"] == "vector(1)"
    names = {name for name, _ in asked}
    assert {name for name in names if name.startswith("andon:")} <= RECORDED
    assert {name for name in names if not name.startswith("andon:")} <= known.keys()
    for name, matchers in SELECTOR.findall(rule["expr"]):
        assert {label for label, _, _ in MATCHER.findall(matchers)} <= set(known.get(name, ()))
    kept = {label for name in names for label in known.get(name, ())} | ALWAYS
    grouped = re.findall(r"\b(?:by|on|without) ?\(([^)]*)\)", rule["expr"])
    assert {label.strip() for each in grouped for label in each.split(",")} - {""} <= kept


@pytest.mark.parametrize("rule", list(rules()), ids=name_of)
def test_a_rule_asks_for_values_that_there_are(rule: dict[str, Any]) -> None:
    for name, matchers in SELECTOR.findall(rule["expr"]):
        for label, how, value in MATCHER.findall(matchers):
            if label == "station":
                continue
            values = set(value.split("|")) if "~" in how else {value}
            assert values <= VALUES[name, label], f"{name}: {label}{how}{value}"


@pytest.mark.parametrize("rule", list(rules()), ids=name_of)
def test_a_rule_names_no_station_and_leaves_rehearsals_out(rule: dict[str, Any]) -> None:
    rehearsals = ("station", "!~", DRILL.replace(".", "[.]") + ".+")
    found = [each for each in MATCHER.findall(rule["expr"]) if each[0] == "station"]
    assert set(found) <= {rehearsals}
    if "by (station" in rule["expr"]:
        assert found or "andon_heartbeats_total" in rule["expr"] or "false_call" in rule["expr"]  # copies get neither


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_says_what_is_wrong_how_much_and_where_to_look(rule: dict[str, Any]) -> None:
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    assert "{{" not in said["summary"]
    assert said["summary"].endswith(".")
    assert "$value" in said["description"]
    assert re.search(
        r"limit|may be|needed|the least|stops at|of 1\b|within a day|against 0|allows", said["description"]
    )
    by_station = "by (station" in rule["expr"]
    assert ("$labels.station" in said["description"]) == by_station
    assert ("var-station={{ $labels.station }}" in said["dashboard_url"]) == by_station


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_does_not_flap(rule: dict[str, Any]) -> None:
    assert rule["alert"] == "AndonWatchdog" or rule["keep_firing_for"]


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_a_runbook_exists_and_has_its_four_parts(rule: dict[str, Any]) -> None:
    before, _, file = rule["annotations"]["runbook_url"].rpartition("/")
    assert before == "{{ $externalLabels.andon_runbooks }}"
    files = [f"{each}.md" for each in FAULTS] if "$labels.cause" in file else [file]
    for name in files:
        text = (RUNBOOKS / name).read_text()
        assert text.startswith(f"# {name.removesuffix('.md')}\n")
        assert re.findall(r"(?m)^## (.+)$", text)[:4] == ["Meaning", "Impact", "Diagnosis", "Mitigation"]


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_a_dashboard_exists_and_has_the_variable(rule: dict[str, Any]) -> None:
    files = (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")
    boards = {board["uid"]: board for board in (json.loads(path.read_text()) for path in files)}
    found = re.fullmatch(
        r"\{\{ \$externalLabels\.andon_dashboards \}\}/d/([a-z-]+)(?:\?var-(\w+)=.+)?",
        rule["annotations"]["dashboard_url"],
    )
    assert found
    assert found[1] in boards
    variables = {each["name"] for each in boards[found[1]]["templating"]["list"]}
    assert found[2] is None or found[2] in variables


def test_a_cause_of_a_rule_is_one_that_incidents_have() -> None:
    causes = {each["labels"]["cause"] for each in ALERTS if "cause" in each["labels"]}
    assert causes
    assert causes <= {each.value for each in Cause}


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_what_alerting_tells_is_told_by_a_rule_only_where_alerting_is_away(rule: dict[str, Any]) -> None:
    tells_as_well = "cause" in rule["labels"] or rule["alert"] in ("AndonImageFault", "AndonNobodyIsPaged")
    assert ("andon:alerting_at_work" in rule["expr"]) == tells_as_well


def test_names_are_ours_and_nobody_elses() -> None:
    assert all(re.fullmatch(r"Andon([A-Z][a-z]+)+", each) for each in NAMED)
    told_by_alerting = {"AndonIncident", "AndonNotice", *NAMES.values()}
    assert not told_by_alerting & set(NAMED)
    assert next(each for each in ALERTS if each["alert"] == WATCHDOG["alertname"])["labels"] == {
        "severity": "none",
        "service": "prometheus",
    }


@cache
def cases() -> dict[str, list[bool]]:
    """Whether it fires, of every case that promtool is asked of an alert."""
    found: dict[str, list[bool]] = {}
    for path in (PROMETHEUS / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                found.setdefault(case["alertname"], []).append(bool(case["exp_alerts"]))
    return found


@pytest.mark.parametrize("alert", NAMED)
def test_every_alert_has_a_case_where_it_fires_and_one_where_it_does_not(alert: str) -> None:
    assert True in cases()[alert]
    assert alert == "AndonWatchdog" or False in cases()[alert]


def test_there_is_no_case_of_an_alert_that_there_is_not() -> None:
    assert set(cases()) == set(NAMED)


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_is_listed_with_its_severity_and_its_runbook(rule: dict[str, Any]) -> None:
    row = rf"\| `{rule['alert']}` \| {rule['labels']['severity']} \| [^|]+ \| \[\w+\]\((\w+)\.md\)"
    listed = re.search(row, (RUNBOOKS / "README.md").read_text())
    assert listed
    file = rule["annotations"]["runbook_url"].rpartition("/")[2]
    assert "$labels.cause" in file or listed[1] == file.removesuffix(".md")
    assert f"`{rule['alert']}`" in (ROOT / "docs" / "monitoring.md").read_text()


def test_where_links_lead_stands_once_and_is_no_part_of_an_alert() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    given = set(config["global"]["external_labels"])
    used = {name for each in ALERTS for name in re.findall(r"externalLabels\.(\w+)", str(each["annotations"]))}
    assert given == used
    (relabelled,) = config["alerting"]["alert_relabel_configs"]
    assert relabelled["action"] == "labeldrop"
    assert all(re.fullmatch(relabelled["regex"], each) for each in given)


def commands_of_runbooks() -> set[str]:
    """What runbooks tell people to type, up to the end of the line."""
    texts = [path.read_text() for path in RUNBOOKS.glob("*.md")]
    indented = {each for text in texts for each in re.findall(r"(?m)^ +andon (.+)$", text)}
    return indented | {each for text in texts for each in re.findall(r"`andon ([^`]+)`", text)}


@pytest.mark.parametrize("line", sorted(commands_of_runbooks()))
def test_a_command_of_a_runbook_takes_what_it_is_given(line: str) -> None:
    words = line.split()
    command: Any = get_command(build(words[0]))
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {option for each in command.params for option in each.opts}
    assert getattr(command, "invoke_without_command", True), f"{line}: which of {list(command.commands)}?"
    assert {each for each in words if each.startswith("--")} <= known
