"""Metrics as a whole factory fills them, at the worst that is real: to see what they cost."""

import math
from collections.abc import Iterator

from prometheus_client import Counter, Gauge, Histogram

from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import Verdict

OF_STATION, OF_ALL = 300, 60_000
"""How many series a station may be, and 200 of them in one registry with all the rest."""

MANY: dict[tuple[str, ...], int] = {
    (): 1,
    ("verdict",): len(Verdict),
    ("cause",): 6,  # of sixteen, at one station, in the life of one process
    ("feature", "chart"): 50,  # andon_drift.observe.MOST_CHARTS
    ("product", "shift"): 6,  # three products, in the shift that is on and in the last day
    ("side",): 2,
    ("way",): 2,
    ("state",): 4,
    ("outcome",): 6,
    ("reason",): 3,
    ("line",): 1,
}
"""How many values the labels beside `station` take at one station, at the worst that is real."""

FEW: dict[str, int] = {"drift_detections": 10, "incident_open": 4, "readings": 3}
"""Of these there are fewer: alarms that were told, causes at one time, what becomes of a reading."""

BESIDE: dict[str, int] = {
    "stage": 6,
    "topic": 4,
    "partition": 24,
    "reason": len(Reason),
    "verdict": len(Verdict),
    "sink": 3,
    "kind": 6,
    "outcome": 6,
    "group": 8,
    "file": 1,
    "service": 1,
    "version": 1,
    "why": 30,
    "late": 2,
    "origin": 2,
    "gpu": 8,
    "hop": 6,
    "phase": 5,
}
"""How many values a label takes in one process, where no station stands beside it."""

Labels = tuple[str, ...]
Labelled = Counter | Gauge | Histogram


def families(metrics: Metrics) -> Iterator[tuple[str, Labels, Labelled]]:
    """Name without prefix, labels and the metric itself, of each."""
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            yield metric._name.removeprefix("andon_"), tuple(metric._labelnames), metric


def children(name: str, labels: Labels) -> int:
    """How many children a metric has: at one station, or in all where no label names one. Raises KeyError for labels
    of which the tables above do not say how many values they take: whoever adds one says it there.
    """
    if "station" not in labels:
        return math.prod(BESIDE[each] for each in labels)
    return FEW.get(name) or MANY[tuple(each for each in labels if each != "station")]


def fill(metrics: Metrics, stations: int) -> None:
    """As the services of a factory with so many stations fill it, in one registry."""
    for name, labels, metric in families(metrics):
        for station in _stations(stations) if "station" in labels else [""]:
            for number in range(children(name, labels) if labels else 0):
                metric.labels(*(station if each == "station" else f"{each}-{number}" for each in labels))


def series(metrics: Metrics) -> int:
    """How many a scrape of it all is."""
    return sum(len(family.samples) for family in metrics.registry.collect())


def _stations(count: int) -> list[str]:
    return [f"hall-2.line-7.press-{number:03}" for number in range(count)]
