"""What a dashboard is made of here: queries, panels, rows, and the JSON of each.

The JSON is Grafana's classic model (its documentation: "Dashboard JSON model"), which 10 to 13 load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

Json = dict[str, Any]
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
"""Columns of Grafana's grid."""


@dataclass(frozen=True)
class Query:
    """PromQL and how its series are called. `once`: the value now, for tables and numbers. `dots`: its exemplars too.
    `buckets`: a histogram's, for a heat map.
    """

    expr: str
    legend: str = ""
    once: bool = False
    dots: bool = False
    buckets: bool = False

    def json(self, ref: str, *, table: bool) -> Json:
        """As a panel's target."""
        form = "table" if table else "heatmap" if self.buckets else "time_series"
        return {
            "datasource": SOURCE,
            "editorMode": "code",
            "exemplar": self.dots,
            "expr": self.expr,
            "format": form,
            "instant": self.once,
            "legendFormat": self.legend or "__auto",
            "range": not self.once,
            "refId": ref,
        }


@dataclass(frozen=True)
class Panel:
    """One picture. `text` says what it shows and when to worry; `width` of 24 columns, `height` of 30 pixels each.

    `defaults` and `overrides` are its field configuration, `options` its own; `extra` is merged into the panel.
    """

    kind: str
    title: str
    text: str
    queries: tuple[Query, ...]
    width: int
    height: int
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    options: Json = field(default_factory=dict)
    extra: Json = field(default_factory=dict)

    def json(self, number: int, x: int, y: int) -> Json:
        """As Grafana has it, with its id and place."""
        targets = [
            query.json(ref, table=self.kind == "table")
            for ref, query in zip(ascii_uppercase, self.queries, strict=False)
        ]
        return {
            "datasource": SOURCE,
            "description": self.text,
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "id": number,
            "options": self.options,
            "targets": targets,
            "title": self.title,
            "type": self.kind,
            **self.extra,
        }


@dataclass(frozen=True)
class Row:
    """Panels under a heading, from left to right; they wrap."""

    title: str
    panels: tuple[Panel, ...]


def placed(rows: Sequence[Row]) -> list[Json]:
    """All panels with ids and places: each row below the one before, none over another."""
    made: list[Json] = []
    y = 0
    for row in rows:
        made.append(_heading(row.title, len(made) + 1, y))
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            made.append(panel.json(len(made) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def _heading(title: str, number: int, y: int) -> Json:
    place = {"h": 1, "w": WIDTH, "x": 0, "y": y}
    return {"collapsed": False, "gridPos": place, "id": number, "panels": [], "title": title, "type": "row"}


@dataclass(frozen=True)
class Board:
    """A dashboard. `uid` is what links and rules call it by, for good."""

    uid: str
    title: str
    text: str
    rows: tuple[Row, ...]
    variables: tuple[Json, ...]
    annotations: tuple[Json, ...]
    links: tuple[Json, ...]
    since: str = "now-6h"

    def json(self) -> Json:
        """As Grafana has it: without a numeric id, which is the database's own."""
        return {
            "annotations": {"list": list(self.annotations)},
            "description": self.text,
            "editable": True,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "links": list(self.links),
            "panels": placed(self.rows),
            "refresh": "30s",
            "schemaVersion": 39,
            "tags": ["andon"],
            "templating": {"list": list(self.variables)},
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
        }


def override(name: str, properties: Mapping[str, object]) -> Json:
    """Field settings for the series or column of this name."""
    return _override("byName", name, properties)


def override_like(pattern: str, properties: Mapping[str, object]) -> Json:
    """Field settings for the series whose names match."""
    return _override("byRegexp", f"/{pattern}/", properties)


def _override(by: str, name: str, properties: Mapping[str, object]) -> Json:
    told = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": by, "options": name}, "properties": told}
