"""The dashboards are what their code makes, ask for metrics that there are, and lead where they say."""

import copy
import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from andon.metrics import Metrics

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
FILES = sorted(path.name for path in (GRAFANA / "dashboards").glob("*.json"))
UIDS = ("andon-drift", "andon-fleet", "andon-pipeline", "andon-station")
SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds."""
NAMES = re.compile(r"\bandon_[a-z0-9_]+\b")
SELECTED = re.compile(r"\b(andon_[a-z0-9_]+)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPED = re.compile(r"\b(?:by|on|without|group_left) \(([^)]*)\)")
Json = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def builder() -> Iterator[None]:
    """deploy/grafana on the path, as for `python deploy/grafana/build.py`."""
    sys.path.insert(0, str(GRAFANA))
    yield
    sys.path.remove(str(GRAFANA))


@cache
def board(name: str) -> Json:
    read: Json = json.loads((GRAFANA / "dashboards" / name).read_text())
    return read


def exprs(board: Json) -> list[str]:
    """Everything that Prometheus is asked: panels and annotations."""
    panels = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    return panels + [each["expr"] for each in board["annotations"]["list"]]


@cache
def labels_of() -> dict[str, frozenset[str]]:
    """The labels of every metric of Andon, by every name that its series have."""
    known: dict[str, frozenset[str]] = {}
    for metric in vars(Metrics(CollectorRegistry())).values():
        if not hasattr(metric, "describe"):
            continue
        (family,) = metric.describe()
        labels = frozenset(metric._labelnames)
        if family.type == "histogram":
            known |= {f"{family.name}_sum": labels, f"{family.name}_count": labels}
            known[f"{family.name}_bucket"] = labels | {"le"}
        else:
            known[family.name + ("_total" if family.type == "counter" else "")] = labels
    return known


def test_every_dashboard_is_what_its_code_makes():
    import build

    assert build.files() == {name: (GRAFANA / "dashboards" / name).read_text() for name in FILES}, (
        "run: make dashboards"
    )


def test_they_are_four_by_the_names_that_rules_and_links_call_them():
    assert sorted(board(name)["uid"] for name in FILES) == list(UIDS)
    assert [f"{uid}.json" for uid in UIDS] == FILES


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_wrong_with_a_dashboard(name: str):
    from boards.check import faults

    assert faults(board(name)) == []


def spoil(path: str, value: object) -> Callable[[Json], None]:
    """Sets what lies at a path of keys and places; None takes it away."""

    def change(spoilt: Json) -> None:
        *way, last = path.split("/")
        at: Any = spoilt
        for part in way:
            at = at[int(part)] if isinstance(at, list) else at[part]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (spoil("id", 7), "it has an id or __inputs"),
        (spoil("__inputs", []), "it has an id or __inputs"),
        (spoil("uid", ""), "it has no uid or no tags"),
        (spoil("tags", []), "it has no uid or no tags"),
        (spoil("panels/1/id", 1), "id 1 stands on 2 panels"),
        (spoil("panels/1/gridPos/y", 0), "lie over each other"),
        (spoil("panels/1/gridPos/w", 25), "it reaches beyond column 24"),
        (spoil("panels/1/type", "graph"), "its type 'graph' is none of"),
        (spoil("panels/1/description", ""), "it does not say what it shows"),
        (spoil("panels/1/fieldConfig/defaults/unit", None), "it has no unit"),
        (spoil("panels/10/fieldConfig/overrides", []), "column 'Stations' has no unit"),
        (spoil("panels/1/targets", []), "it asks nothing"),
        (spoil("panels/1/targets/0/datasource", {"type": "prometheus", "uid": "P1"}), "goes to another data source"),
        (spoil("panels/1/targets/0/expr", "rate(x[5m])"), "query A looks back 5m"),
        (spoil("panels/1/targets/0/expr", 'x{station="$camera"}'), "variable camera is used and nowhere chosen"),
        (spoil("annotations/list/0/datasource", {"uid": "P1"}), "a data source is named by its uid"),
    ],
)
def test_what_is_wrong_is_found(change: Callable[[Json], None], fault: str):
    from boards.check import faults

    spoilt = copy.deepcopy(board("andon-fleet.json"))
    change(spoilt)
    assert [each for each in faults(spoilt) if fault in each]


@pytest.mark.parametrize("name", FILES)
def test_every_metric_that_is_asked_for_is_one_that_andon_has(name: str):
    asked = {metric for expr in exprs(board(name)) for metric in NAMES.findall(expr)}
    assert len(asked) > 8
    assert asked - labels_of().keys() == set()


@pytest.mark.parametrize("name", FILES)
def test_every_label_that_is_asked_for_is_one_that_the_metric_has(name: str):
    wrong: list[str] = []
    for expr in exprs(board(name)):
        for metric, selector in SELECTED.findall(expr):
            told = set(LABEL.findall(selector)) - {"line"} - SCRAPED  # line: left out by All, see boards/asked.py
            wrong += [f"{metric}: {label}" for label in told - labels_of().get(metric, told)]
        has = frozenset[str]().union(*(labels_of().get(metric, ()) for metric in NAMES.findall(expr)))
        grouped = {label.strip() for group in GROUPED.findall(expr) for label in group.split(",")} - {""}
        if "andon_" in expr:
            wrong += [f"{expr}: {label}" for label in grouped - has - SCRAPED - {"line"}]
    assert wrong == []


@pytest.mark.parametrize("name", FILES)
def test_what_a_legend_names_is_what_its_query_leaves(name: str):
    for panel in board(name)["panels"]:
        for target in panel.get("targets", ()):
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            left = {label.strip() for group in GROUPED.findall(target["expr"]) for label in group.split(",")}
            assert named <= left | {"le"}, f"{panel['title']}: {target['expr']}"


@pytest.mark.parametrize("name", FILES)
def test_every_link_between_dashboards_leads_to_one_and_chooses_what_it_has(name: str):
    for uid, query in re.findall(r'"/d/([^?"]+)\?([^"]+)"', json.dumps(board(name))):
        target = board(f"{uid}.json")
        variables = {each["name"] for each in target["templating"]["list"]}
        assert {*re.findall(r"var-(\w+)=", query), *re.findall(r"\$\{(\w+):queryparam\}", query)} <= variables


@pytest.mark.parametrize("name", FILES)
def test_every_link_to_the_console_is_a_page_that_it_has(name: str):
    sources = "".join(path.read_text() for path in (ROOT / "services/console/andon_console/pages").glob("*.py"))
    routes = {re.sub(r"\{\w+\}", "{}", route) for route in re.findall(r'@router\.get\("([^"]+)"', sources)}
    links = re.findall(r"\$\{console\}((?:/[^\s\"?)]*)?)", json.dumps(board(name)).replace("${console:queryparam}", ""))
    assert links
    assert {re.sub(r"\$\{[\w.]+\}", "{}", link) or "/" for link in links} <= routes


def test_each_dashboard_shows_swaps_changeovers_and_incidents():
    for name in FILES:
        shown = {each["name"] for each in board(name)["annotations"]["list"]}
        assert {"Swaps of bundles", "Changeovers", "Incidents"} <= shown


def test_the_console_may_be_anywhere():
    import build

    text = build.files("https://andon.example.org")["andon-fleet.json"]
    assert '"https://andon.example.org"' in text
    assert "localhost" not in text
