"""What watching costs: `python bench/scrape.py --help`.

One registry as all services of 200 stations fill it, every label at its worst, an exemplar in every bucket, answered
over HTTP as Prometheus asks for it: OpenMetrics, packed. Beside it prometheus_client's own writer, what a scrape does
to a loop at work in the same process, and what one verdict costs to count.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Annotated
from uuid import UUID

import typer
from machine import load, machine
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from report import Floor, Table, floors_table, write
from rich.console import Console

from andon.exposition import OPENMETRICS, PLAIN, Exposition
from andon.heart import Heart
from andon.http import serve_health
from andon.logs import set_up_logs
from andon.metrics import Metrics
from andon.records import FramePlace, Score, Verdict
from andon.settings import HttpSettings
from andon.testing.crowd import OF_ALL, fill, series
from andon.topics import SCORES
from andon_scoring.observe import Verdicts
from andon_scoring.score import Scored

RESULTS = Path(__file__).parent / "results" / "scrape"
AT = datetime(2026, 1, 2, tzinfo=UTC)
MOST_MS = 250.0
PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
TRACE = (("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),)


@dataclass(frozen=True)
class Scrape:
    """Milliseconds of each scrape, and the bytes of one."""

    way: str
    ms: Sequence[float]
    size: int

    @property
    def row(self) -> list[str]:
        ordered = sorted(self.ms)
        return [
            self.way,
            f"{ordered[0]:.0f}",
            f"{median(ordered):.0f}",
            f"{ordered[-1]:.0f}",
            f"{self.size / 1e6:.2f}",
        ]


def scored(station: str, age_s: float, ratio: float) -> Scored:
    """A verdict, so long after its frame was taken and so far on its threshold."""
    score = Score.model_construct(
        frame_id=UUID(int=7),
        station=station,
        captured_at=AT,
        scored_at=AT + timedelta(seconds=age_s),
        verdict=Verdict.OK,
        score=ratio,
        threshold=1.0,
        frame=FramePlace(topic="camera.frames", partition=0, offset=0),
        golden=None,
        replayed=None,
    )
    return Scored(SCORES, station.encode(), b"", TRACE, score=score)


def crowded(stations: int) -> Metrics:
    """Filled, with an exemplar in every bucket of every station's ratio."""
    metrics = Metrics(CollectorRegistry())
    fill(metrics, stations)
    verdicts = Verdicts(metrics, 2.5)
    names = sorted({labels[0] for labels in metrics.score_ratio._metrics})
    for station in names:
        for ratio in metrics.score_ratio._kwargs["buckets"]:
            verdicts.count(scored(station, ratio / 4, ratio))
    return metrics


def timed(way: str, act: Callable[[], bytes], rounds: int) -> Scrape:
    """`act`, again and again, once before it counts."""
    act()
    took, size = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        size = len(act())
        took.append(1000 * (time.perf_counter() - began))
    return Scrape(way, took, size)


def get(port: int) -> bytes:
    """One scrape over HTTP."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics", headers=PROMETHEUS)
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


@contextmanager
def at_work(pauses: list[float]) -> Iterator[None]:
    """A loop beside it that never rests: how long each of its turns of a millisecond took."""
    end = threading.Event()

    def turn() -> None:
        while not end.is_set():
            began = time.perf_counter()
            while time.perf_counter() - began < 0.001:
                pass
            pauses.append(1000 * (time.perf_counter() - began))

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def counted(metrics: Metrics, times: int) -> float:
    """Microseconds to count one verdict, exemplars and all."""
    verdicts, one = Verdicts(metrics, 2.5), scored("press-1", 0.2, 0.4)
    began = time.perf_counter()
    for _ in range(times):
        verdicts.count(one)
    return 1e6 * (time.perf_counter() - began) / times


def main(
    stations: Annotated[int, typer.Option(min=1, help="How many stations one registry holds.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Scrapes of each way.")] = 20,
    results: Annotated[Path, typer.Option(help="Where the figures go, without suffix.")] = RESULTS,
) -> None:
    """Scrapes, and tells how long it took."""
    set_up_logs("bench", "warning")
    before, metrics = load(), crowded(stations)
    exposition, count = Exposition(metrics.registry), series(metrics)
    pauses: list[float] = []
    with serve_health(HttpSettings(), metrics.registry, Heart(90)) as port:
        ways = [
            timed("over HTTP, as Prometheus asks", partial(get, port), rounds),
            timed("OpenMetrics, written", partial(exposition, OPENMETRICS), rounds),
            timed("text, written", partial(exposition, PLAIN), rounds),
            timed("OpenMetrics by prometheus_client", partial(generate_latest, metrics.registry), rounds),
        ]
        with at_work(pauses):
            busy = timed("over HTTP, beside a busy loop", partial(get, port), rounds)
    each_us = counted(metrics, 20_000)
    floors = [Floor("series", count, OF_ALL, ""), Floor("scrape over HTTP, median", median(ways[0].ms), MOST_MS, "ms")]
    tables = [
        Table(
            f"Scrapes of {count:,} series ({stations} stations), milliseconds",
            ["", "least", "median", "most", "MB"],
            [each.row for each in (*ways, busy)],
        ),
        Table(
            "Beside the work",
            ["", ""],
            [
                ["the longest pause of a busy loop while it is scraped, ms", f"{max(pauses):.0f}"],
                ["to count one verdict, with its exemplars, microseconds", f"{each_us:.1f}"],
            ],
            f"Load average before: {before}.",
        ),
        floors_table(floors),
    ]
    for table in tables:
        table.show(Console())
    write(results, "What a scrape costs", machine(), tables, {"ways": [*ways, busy], "pauses_ms": max(pauses)})


if __name__ == "__main__":
    typer.run(main)
