"""The kinds of panels: lines over time, one number, a table, a heat map, states over time, words."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from boards.shape import Json, Panel, Query, override, override_like

GOOD, WORSE, BAD = "green", "orange", "red"
VERDICTS = {"ok": "green", "anomalous": "red", "unscorable": "yellow"}


def steps(*limits: tuple[float, str], base: str = GOOD) -> Json:
    """Thresholds: `base` at first, another colour from each limit on."""
    made: list[Json] = [{"color": base, "value": None}]
    return {"mode": "absolute", "steps": made + [{"color": colour, "value": limit} for limit, colour in limits]}


def fixed(colour: str) -> Json:
    """Always this colour."""
    return {"mode": "fixed", "fixedColor": colour}


@dataclass(frozen=True)
class Band:
    """Limits of a line: what is named `high` is filled down to what is named `low`. Either may be missing."""

    low: str = ""
    high: str = ""

    def overrides(self) -> list[Json]:
        """Thin, grey and dashed; shaded between."""
        dashed = {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}, "color": fixed("#8e8e8e")}
        plain = {**dashed, "custom.lineWidth": 1, "custom.fillOpacity": 0}
        shaded = {"custom.fillBelowTo": self.low, "custom.fillOpacity": 12} if self.low and self.high else {}
        return [
            *([override(self.low, plain)] if self.low else []),
            *([override(self.high, plain | shaded)] if self.high else []),
        ]


def over_time(
    title: str,
    text: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    height: int = 8,
    stack: bool = False,
    limit: float | None = None,
    low: float | None = 0,
    high: float | None = None,
    band: Band | None = None,
    colours: dict[str, str] | None = None,
    repeat: str = "",
    empty: str = "nobody says",
) -> Panel:
    """Lines. `empty` is shown where there is no series. `limit`: a dashed red line. `low`, `high`: ends of the scale
    that hold at least. `repeat`: once for each value of that variable."""
    named = [override_like(f"^{name}$", {"color": fixed(colour)}) for name, colour in (colours or {}).items()]
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    return Panel(
        "timeseries",
        title,
        text,
        queries,
        width,
        height,
        _drawn(stack, limit, high) | {"unit": unit, "noValue": empty} | ({} if low is None else {"min": low}),
        [*named, *(band.overrides() if band else [])],
        {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}},
        {"repeat": repeat, "repeatDirection": "h", "maxPerRow": 3} if repeat else {},
    )


def _drawn(stack: bool, limit: float | None, high: float | None) -> Json:
    """How lines are drawn, and up to where the scale reaches at least."""
    custom: Json = {
        "fillOpacity": 30 if stack else 8,
        "lineWidth": 1,
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
    }
    drawn: Json = {"custom": custom, "color": {"mode": "palette-classic-by-name"}}
    if (top := limit if high is None else high) is not None:
        custom["axisSoftMax"] = top
    if limit is not None:
        custom["thresholdsStyle"] = {"mode": "dashed"}
        drawn["thresholds"] = steps((limit, BAD), base="transparent")
    return drawn


def number(
    title: str,
    text: str,
    unit: str,
    query: Query,
    *,
    colours: Json | None = None,
    width: int = 3,
    empty: str = "-",
    decimals: int | None = None,
    name: bool = False,
) -> Panel:
    """One number, now. `colours`: thresholds; plain without. `name`: the series' name is what is shown."""
    defaults: Json = {"unit": unit, "noValue": empty, "thresholds": colours or steps(base="text")}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if name else "value",
    }
    return Panel("stat", title, text, (query,), width, 4, defaults, (), options)


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, what is in it, in which unit; `colours` colour its background."""

    title: str
    query: Query
    unit: str
    colours: Json | None = None
    width: int | None = None

    def override(self) -> Json:
        """Its field settings."""
        shown: Json = {"unit": self.unit}
        if self.width:
            shown["custom.width"] = self.width
        if self.colours:
            shown |= {"thresholds": self.colours, "custom.cellOptions": {"type": "color-background", "mode": "basic"}}
        return override(self.title, shown)


def table(
    title: str,
    text: str,
    key: str,
    columns: Sequence[Column],
    *,
    links: Sequence[Json] = (),
    sort: str = "",
    height: int = 8,
    width: int = 24,
) -> Panel:
    """A row for each value of the label `key` (several: comma between), a column for each query, joined by label.

    A cell without a value is empty: nobody says. `links` open from the key.
    """
    keys = key.split(",")
    renamed = {f"Value #{ref}": column.title for ref, column in zip(ascii_uppercase, columns, strict=False)}
    if len(columns) == 1:
        renamed["Value"] = columns[0].title
    order = {name: place for place, name in enumerate([*keys, *renamed])}
    return Panel(
        "table",
        title,
        text,
        tuple(column.query for column in columns),
        width,
        height,
        {"custom": {"align": "auto", "filterable": False}, "noValue": "-", "unit": "short"},
        [override(keys[0], {"links": list(links)}), *(column.override() for column in columns)],
        {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": sort or keys[0], "desc": bool(sort)}]},
        {
            "transformations": [
                {"id": "merge", "options": {}},
                {
                    "id": "organize",
                    "options": {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": renamed},
                },
            ]
        },
    )


def heat(title: str, text: str, unit: str, query: Query, *, width: int = 24, height: int = 9) -> Panel:
    """How a histogram's buckets fill over time; `unit` is that of the buckets."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "YlOrRd", "steps": 48, "exponent": 0.4, "fill": "dark-orange"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        "cellValues": {"unit": "short", "decimals": 0},
        "exemplars": {"color": "rgba(87, 148, 242, 0.9)"},
    }
    return Panel("heatmap", title, text, (query,), width, height, {"unit": unit}, (), options)


def states(title: str, text: str, *queries: Query, words: dict[int, tuple[str, str]], height: int = 6) -> Panel:
    """What was so, and when. `words`: for each value the word and colour it is shown as."""
    mapped = {str(value): {"text": word, "color": colour, "index": i} for i, (value, (word, colour)) in _each(words)}
    defaults: Json = {
        "unit": "none",
        "custom": {"fillOpacity": 80, "lineWidth": 0},
        "mappings": [{"type": "value", "options": mapped}],
        "color": {"mode": "thresholds"},
        "thresholds": steps(base="transparent"),
        "noValue": "nobody says",
    }
    options = {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "legend": {"showLegend": False}}
    return Panel("state-timeline", title, text, queries, 24, height, defaults, (), options)


def _each(words: dict[int, tuple[str, str]]) -> list[tuple[int, tuple[int, tuple[str, str]]]]:
    return list(enumerate(words.items()))


def words(title: str, text: str, markdown: str, *, width: int = 24, height: int = 3) -> Panel:
    """Markdown: what to do, and links."""
    return Panel("text", title, text, (), width, height, options={"mode": "markdown", "content": markdown})
