"""What must hold of a dashboard, whoever wrote it: asked before one is written, and by the tests."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from boards.shape import SOURCE, WIDTH, Json

KINDS = {"row", "timeseries", "stat", "table", "heatmap", "state-timeline", "text"}
NO_DATA = {"row", "text"}
OWN = re.compile(r"\$\{?(\w+)")
"""A variable as Grafana reads it, $name or ${name...}; those that begin with `__` are its own."""
WINDOW = re.compile(r"\[(\$?\w+)\]")


def faults(board: Json) -> list[str]:
    """What is wrong with it, each in a sentence; nothing where all is well."""
    found = [*_frame(board), *_places(board), *_variables(board)]
    for panel in board["panels"]:
        found += [f"panel {panel['title']!r}: {fault}" for fault in _panel(panel)]
    return found


def _frame(board: Json) -> Iterator[str]:
    if "id" in board or "__inputs" in board:
        yield "it has an id or __inputs, which belong to one database: leave them out"
    if not board.get("uid") or not board.get("tags"):
        yield "it has no uid or no tags"
    if re.search(r'"uid": "(?!\$\{datasource\})', json.dumps([board["panels"], board["annotations"]])):
        yield "a data source is named by its uid: use ${datasource}"


def _places(board: Json) -> Iterator[str]:
    ids = Counter(panel["id"] for panel in board["panels"])
    yield from (f"id {number} stands on {count} panels" for number, count in ids.items() if count > 1)
    for one, other in combinations(board["panels"], 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"panels {one['title']!r} and {other['title']!r} lie over each other"


def _overlap(one: Json, other: Json) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


def _variables(board: Json) -> Iterator[str]:
    known = {variable["name"] for variable in board["templating"]["list"]}
    used = {name for name in OWN.findall(json.dumps(board)) if not name.startswith("__")}
    yield from (f"variable {name} is used and nowhere chosen" for name in sorted(used - known))


def _panel(panel: Json) -> Iterator[str]:
    kind, place = panel["type"], panel["gridPos"]
    if kind not in KINDS:
        yield f"its type {kind!r} is none of {', '.join(sorted(KINDS))}"
    if place["x"] + place["w"] > WIDTH:
        yield f"it reaches beyond column {WIDTH}"
    if kind != "row" and not panel.get("description"):
        yield "it does not say what it shows (description)"
    if kind not in NO_DATA:
        yield from _unit(panel)
        yield from _queries(panel)


def _unit(panel: Json) -> Iterator[str]:
    config = panel["fieldConfig"]
    if not config["defaults"].get("unit"):
        yield "it has no unit"
    if panel["type"] != "table":
        return
    units = {
        each["matcher"]["options"] for each in config["overrides"] for p in each["properties"] if p["id"] == "unit"
    }
    (organised,) = [each["options"] for each in panel["transformations"] if each["id"] == "organize"]
    yield from (f"column {name!r} has no unit" for name in organised["renameByName"].values() if name not in units)


def _queries(panel: Json) -> Iterator[str]:
    if not panel["targets"]:
        yield "it asks nothing"
    for target in panel["targets"]:
        if target["datasource"] != SOURCE:
            yield f"query {target['refId']} goes to another data source"
        windows = set(WINDOW.findall(target["expr"]))
        yield from (
            f"query {target['refId']} looks back {window}: use $__rate_interval or $__range"
            for window in sorted(windows - {"$__rate_interval", "$__range"})
        )
