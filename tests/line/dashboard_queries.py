"""Every query of every dashboard, its variables replaced as Grafana does, asked of a real Prometheus."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

DASHBOARDS = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
REFERENCE = "only with a drift reference, which takes a shift to learn"
INCIDENT = "only while an incident is open"
GPU = "only with a GPU"
HEARTBEAT = "only after a heartbeat: the demo's first comes after half a minute"
WITHOUT: Mapping[str, str] = {
    "andon-drift: Reference age A": REFERENCE,
    "andon-drift: Reference frames A": REFERENCE,
    "andon-drift: A false ticket every A": REFERENCE,
    "andon-drift: Charts alarming A": REFERENCE,
    "andon-drift: Statistic over limit: $chart A": REFERENCE,
    "andon-drift: Numbers, nearest to their limit first A": REFERENCE,
    "andon-drift: Numbers, nearest to their limit first B": REFERENCE,
    "andon-drift: Numbers, nearest to their limit first C": "only after a drift was told",
    "andon-drift: Faults of the camera A": "only after a fault of the camera",
    "andon-drift: Readings of sensors A": "only with sensors",
    "andon-drift: marks of References": "only once a reference was learned anew",
    "andon-fleet: Open incidents A": INCIDENT,
    "andon-pipeline: Dead letters A": "only after a dead letter",
    "andon-pipeline: Until Kafka deletes it A": "only while something waits that Kafka will delete",
    "andon-pipeline: GPU memory A": GPU,
    "andon-pipeline: GPU memory B": GPU,
    "andon-pipeline: GPU utilisation A": GPU,
    "andon-pipeline: Pages sent and failed B": "only after a sink refused a page",
    "andon-pipeline: Redis rebuilds, stale scores B": "only after a score came twice",
    "andon-station: Left out, dead-lettered, late, missing A": "only after an image was left out",
    "andon-station: Heartbeat A": HEARTBEAT,
    "andon-station: Inspection seen right A": HEARTBEAT,
    "andon-station: False calls A": "only after people answered",
    "andon-station: False calls C": "only after people answered",
    "andon-station: False calls D": "only after people answered",
    "andon-station: Escapes A": "only with answers of the audit",
    "andon-station: Escapes B": "only with answers of the audit",
    "andon-station: Escapes C": "only with answers of the audit",
    "andon-station: Incidents A": INCIDENT,
    **{
        f"{board}: marks of {name}": why
        for board in ("andon-drift", "andon-fleet", "andon-pipeline", "andon-station")
        for name, why in {
            "Swaps of bundles": "only after a swap",
            "Changeovers": "only after a changeover",
            "Incidents": INCIDENT,
        }.items()
    },
}
"""What a short demo may not show, and why. That the metrics exist with these labels: tests/docs/test_dashboards.py."""


@dataclass(frozen=True)
class Asked:
    """One query: where it stands, and what Prometheus is asked."""

    where: str
    expr: str


def asked(values: Mapping[str, str]) -> Iterator[Asked]:
    """Every query of panels and annotations. `values`: what $name stands for; `.*` for All."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Asked(f"{board['uid']}: {panel['title']} {target['refId']}", replaced(target["expr"], values))
        for mark in board["annotations"]["list"]:
            yield Asked(f"{board['uid']}: marks of {mark['name']}", replaced(mark["expr"], values))


def replaced(expr: str, values: Mapping[str, str]) -> str:
    """With every variable's value in its place. Raises KeyError for one that has none."""
    return re.sub(r"\$\{?(\w+)\}?", lambda name: values[name[1]], expr)


def choices(client: httpx.Client, variable: str) -> set[str]:
    """What people may choose from for a variable of the Station board, with every line chosen."""
    board = json.loads((DASHBOARDS / "andon-station.json").read_text())
    (query,) = (each["query"]["query"] for each in board["templating"]["list"] if each["name"] == variable)
    told = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert told, query
    answer = client.get(f"/api/v1/label/{told[2]}/values", params={"match[]": replaced(told[1], {"line": ".*"})})
    return set(answer.json()["data"])


def has_data(client: httpx.Client, query: Asked) -> bool:
    """Whether Prometheus answers with a number now. AssertionError, with what it says, where it cannot answer."""
    answer = client.post("/api/v1/query", data={"query": query.expr}).json()
    assert answer["status"] == "success", f"{query.where}: {query.expr}: {answer.get('error')}"
    return any(not math.isnan(float(each["value"][1])) for each in answer["data"]["result"])
