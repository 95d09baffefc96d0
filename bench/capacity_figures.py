"""The figures that the arithmetic of capacity.py stands on: what bench/ measured, and what others published."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from andon.testing.crowd import OF_STATION

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One number that the arithmetic stands on: what it is, in which unit, and where it is from."""

    what: str
    value: float
    unit: str
    source: str


Known = Mapping[str, Figure]


def figures(results: Path = RESULTS) -> dict[str, Figure]:
    """Everything that was measured or published, by the name that formulas use."""
    return {**_services(results), **_states(results), **PUBLISHED}


def _services(results: Path) -> dict[str, Figure]:
    line = _read(results, "line")["bundles"]["fitted bundle"]["half_load"]["cpu_ms"]
    drift = _read(results, "drift")["ways"][-1]
    ledger = _read(results, "ledger")["ways"][-1]
    found = {
        name: Figure(f"{name}, CPU of a frame", line[name], "ms", "line.md, half load")
        for name in ("ingest", "preprocess", "scoring", "alerting", "redis")
    }
    found["drift"] = Figure("drift, CPU of a score", 1000 * drift["cpu_s"] / drift["scores"], "ms", "drift.md")
    found["ledger-watch"] = Figure(
        "ledger-watch, CPU of a score", 1000 * ledger["cpu_s"] / ledger["scores"], "ms", "ledger.md"
    )
    return found


def _states(results: Path) -> dict[str, Figure]:
    console, heads = _read(results, "console"), _read(results, "many_bundles_gaussian")
    shared, evidence = heads["ways"][0], _read(results, "evidence")
    head_mib = (shared["loaded_mib"] - shared["empty_mib"]) / heads["stations"]
    each = console["board, 1 client"]["cores"] / console["stations"]
    scrape = median(_read(results, "scrape")["ways"][0]["ms"])
    crowd = int(_numbers(results / "scrape.md", r"Scrapes of ([\d,]+) series")[0])
    data = _of_station(results, "redis, its data")
    return {
        "console": Figure("console, CPU of a score a second", 1000 * each, "ms", "console.md"),
        "head": Figure("memory of a fitted bundle beside its backbone", head_mib, "MiB", "many_bundles_gaussian.md"),
        "evidence": Figure("evidence, frames a second", evidence["frames"] / evidence["took_s"], "1/s", "evidence.md"),
        "scrape": Figure("a scrape, of a thousand series", 1000 * scrape / crowd, "ms", "scrape.md"),
        "hash": Figure("redis, data of a station", data, "kB", "stations.md"),
    }  # fmt: skip


def by_stations(results: Path = RESULTS) -> tuple[list[int], dict[str, list[float]], dict[str, list[float]]]:
    """Counts of stations; by process, and by count, CPU-ms of a frame and MiB held: medians over rounds. "all
    services" is the sum of the services, round by round."""
    runs = _read(results, "stations")["runs"]
    counts = sorted({run["stations"] for run in runs})
    servers = ("kafka", "redis")
    names = sorted(runs[0]["cpu_s"], key="ingest".__ne__)  # the way of a frame
    groups = {name: [name] for name in names if name not in servers}
    groups |= {"all services": list(groups)} | {name: [name] for name in servers}

    def medians(kind: str, members: list[str], count: int) -> float:
        return median(sum(run[kind][each] for each in members) for run in runs if run["stations"] == count)

    costs = {
        name: [1000 * medians("cpu_s", members, count) / runs[0]["frames"] for count in counts]
        for name, members in groups.items()
    }
    held = {name: [medians("mib", members, count) for count in counts] for name, members in groups.items()}
    return counts, costs, held


def _of_station(results: Path, name: str) -> float:
    """What a station adds to what a process holds, in kB, by the medians of fewest and most."""
    runs = _read(results, "stations")["runs"]
    counts = sorted({run["stations"] for run in runs})
    held = [median(run["mib"][name] for run in runs if run["stations"] == n) for n in (counts[0], counts[-1])]
    return 2**20 / 1000 * (held[1] - held[0]) / (counts[-1] - counts[0])


def _read(results: Path, name: str) -> Any:
    return json.loads((results / f"{name}.json").read_text())


def _numbers(path: Path, pattern: str) -> list[float]:
    return [float(each.replace(",", "")) for each in re.findall(pattern, path.read_text())]


PUBLISHED = {
    "broker": Figure("a broker: written to it by producers, three replicas", 200 / 3, "MB/s", "[1]"),
    "replicas": Figure("a broker: replicas of partitions", 4000, "", "[2]"),
    "series": Figure("Prometheus, memory of a series", 3.0, "kB", "[3]"),
    "gpu": Figure("a graphics card: frames of EfficientAD-S, RTX A6000", 600, "1/s", "[4]"),
}
"""Not measured here; the page names the sources."""
SERIES = Figure("series of a station, over all services, at most", OF_STATION, "", "tests/shared/test_metrics.py")
