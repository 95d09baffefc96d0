"""Files of the chart that are written from elsewhere: Helm reads nothing outside the chart's own folder."""

from pathlib import Path

import yaml

from andon.topics import ALL
from values.rights import as_values

ROOT = Path(__file__).parents[2]
COPIED = {"rules": ("deploy/prometheus/rules", "*.yml"), "dashboards": ("deploy/grafana/dashboards", "*.json")}
"""Folder of the chart, and what lies in it: where it comes from."""
HEAD = "# Written by `make chart` from {}. Do not edit.\n"


def files() -> dict[str, str]:
    """By path within the chart, the text that must stand there."""
    copied = {
        f"{folder}/{path.name}": path.read_text()
        for folder, (of, pattern) in COPIED.items()
        for path in sorted((ROOT / of).glob(pattern))
    }
    return copied | {
        "kafka/topics.yaml": HEAD.format("shared/andon/topics.py") + _text(topics()),
        "kafka/rights.yaml": HEAD.format("helm/values/rights.py") + _text(as_values()),
    }


def topics() -> list[dict[str, object]]:
    """Every topic as `andon topics create` makes it; partitions and copies are the operator's to say."""
    return [{"name": each.name, "spread": each.spread, "config": each.config()} for each in ALL]


def stale(chart: Path) -> list[str]:
    """The files that are not as they must be, and those that nobody writes any more."""
    wanted = files()
    wrong = [name for name, text in wanted.items() if _held(chart / name) != text]
    folders = {name.split("/")[0] for name in wanted}
    held = {str(path.relative_to(chart)) for folder in folders for path in (chart / folder).glob("*")}
    return sorted([*wrong, *held - wanted.keys()])


def write(chart: Path) -> None:
    """Makes them so."""
    wanted = files()
    for name in stale(chart):
        path = chart / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name])


def _held(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _text(of: object) -> str:
    return yaml.safe_dump(of, sort_keys=False, default_flow_style=None, width=130)
