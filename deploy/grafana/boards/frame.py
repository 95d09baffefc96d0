"""What every board has around its panels: variables, links between the boards and to the console, annotations."""

from boards.shape import SOURCE, Json

CONSOLE = "http://localhost:8600"
"""Where `make up` has the console; another by `build.py --console`, or in the box on the board."""
KEEP = "${__url_time_range}&${datasource:queryparam}&${console:queryparam}"
"""What a link from one board to another takes along."""


def source() -> Json:
    """Which Prometheus: a choice on the board, so that no uid of somebody's data source stands in the file."""
    return {
        "current": {},
        "hide": 0,
        "includeAll": False,
        "label": "Prometheus",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "type": "datasource",
    }


def pick(name: str, label: str, values: str, *, every: bool = False, multi: bool = False, hide: bool = False) -> Json:
    """A choice among the values of a label. `values`: Grafana's label_values(selector, label). `every`: All is one, and
    matches what has no such label too."""
    chosen = {"selected": True, "text": "All", "value": "$__all"}
    return {
        "current": chosen if every else {},
        "datasource": SOURCE,
        "definition": values,
        "hide": 2 if hide else 0,
        "includeAll": every,
        "label": label,
        "multi": multi,
        "name": name,
        "options": [],
        "query": {"query": values, "refId": f"{name}-values", "qryType": 1},
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "type": "query",
        **({"allValue": ".*"} if every else {}),
    }


def console(url: str) -> Json:
    """Where the console is, in a box: links to it begin so."""
    chosen = {"selected": True, "text": url, "value": url}
    return {
        "current": chosen,
        "hide": 0,
        "label": "Console",
        "name": "console",
        "options": [chosen],
        "query": url,
        "type": "textbox",
    }


def boards() -> Json:
    """The other boards, with the same time and choices."""
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "tags": ["andon"],
        "targetBlank": False,
        "title": "Andon",
        "tooltip": "",
        "type": "dashboards",
        "url": "",
    }


def out(title: str, url: str, tooltip: str) -> Json:
    """A link above the panels, to the console."""
    return {
        "asDropdown": False,
        "icon": "bolt",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": title,
        "tooltip": tooltip,
        "type": "link",
        "url": url,
    }


def to(uid: str, title: str, variables: str) -> Json:
    """A link from a cell to another board; `variables` in the way of a URL: var-station=${...}."""
    return {"title": title, "url": f"/d/{uid}?{variables}&{KEEP}", "targetBlank": False}


def away(title: str, url: str) -> Json:
    """A link from a cell to the console."""
    return {"title": title, "url": url, "targetBlank": True}


def marked(name: str, colour: str, expr: str, title: str, text: str, tags: str = "station", *, on: bool = True) -> Json:
    """Marks over every panel, where `expr` is above 0: one mark, or a stretch while it stays so.

    Read by Grafana's Prometheus data source (its annotations.ts): `expr`, `step` by 10 and 11, `target` by later ones.
    """
    target = {"expr": expr, "interval": "60s", "refId": "Anno", "datasource": SOURCE, "range": True, "instant": False}
    return {
        "datasource": SOURCE,
        "enable": on,
        "expr": expr,
        "hide": False,
        "iconColor": colour,
        "name": name,
        "step": "60s",
        "tagKeys": tags,
        "target": target,
        "textFormat": text,
        "titleFormat": title,
        "useValueForTime": False,
    }


def happenings(stations: str, *, incidents: bool = True) -> tuple[Json, ...]:
    """Swaps, changeovers and incidents of the stations of a selector, such as station="$station"."""
    return (
        marked(
            "Swaps of bundles",
            "blue",
            f"sum by (station) (increase(andon_bundle_swaps_total{{{stations}}}[2m])) > 0",
            "Bundle swapped",
            "{{station}}: another bundle serves from here on",
        ),
        marked(
            "Changeovers",
            "purple",
            f"sum by (station) (increase(andon_changeovers_total{{{stations}}}[2m])) > 0",
            "Changeover",
            "{{station}}: another product from here on",
        ),
        marked(
            "Incidents",
            "red",
            f"max by (station, cause) (andon_incident_open{{{stations}}})",
            "Incident: {{cause}}",
            "{{station}}: open",
            "station,cause",
            on=incidents,
        ),
    )
