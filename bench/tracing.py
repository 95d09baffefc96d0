"""What tracing costs a frame: off, on, on for one frame in a hundred, and on with a receiver that is away.

    python bench/tracing.py [--rounds 15]

A stage that copies records, as a service runs one (counted, over Kafka's twin), takes turns of 1 and of 64 frames. The
figure is CPU time of the whole process for a frame, the sending of spans by their own thread included: the least of the
rounds, minus that of the same stage without tracing. The receiver is another process. Writes
bench/results/tracing.{json,md}.
"""

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from machine import machine
from prometheus_client import CollectorRegistry
from report import Table, write
from rich.console import Console

from andon.logs import set_up_logs
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink
from andon.metrics import Metrics
from andon.observe import observed
from andon.settings import TracingSettings
from andon.stage import Message, Record, Result, Stage
from andon.tracing.opening import open_tracing
from andon.tracing.spans import no_span

RESULTS = Path(__file__).parent / "results" / "tracing"
FRAMES = 6400
BATCHES = (1, 64)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
AWAY = "http://127.0.0.1:9"
RECEIVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Case:
    """One way to trace: with which endpoint and OTEL_ variables, and whether frames say that they are sampled."""

    name: str
    endpoint: str | None
    env: dict[str, str]
    sampled: bool = True


@dataclass(frozen=True)
class Cost:
    """CPU microseconds a frame, over the stage without tracing; spans that were sent, and dropped."""

    case: str
    batch: int
    added_us: float
    sent: int
    dropped: int


class Turns:
    """A source whose every poll is the same batch, for so many turns."""

    def __init__(self, batch: Sequence[Record], turns: int) -> None:
        self._batch, self.left = batch, turns

    @property
    def ended(self) -> bool:
        return self.left <= 0

    def poll(self) -> Sequence[Record]:
        self.left -= 1
        return self._batch

    def commit(self) -> None: ...

    def hold(self, records: Sequence[Record]) -> None: ...

    def idle(self) -> None: ...

    def close(self) -> None: ...


def copy(records: Sequence[Record], _now: datetime) -> Iterable[Result]:
    return [Message("out", each.key, each.value, each.headers) for each in records]


class Nowhere(MemorySink):
    """Keeps nothing."""

    def send(self, messages: Sequence[Message], idle: object) -> None:
        """They are gone."""


def batch_of(size: int, sampled: bool) -> list[Record]:
    flags = "01" if sampled else "00"
    return [
        Record("in", 0, n, b"press-4", b"x", (("traceparent", f"00-{n + 1:032x}-{n + 1:016x}-{flags}".encode()),))
        for n in range(size)
    ]


def once(case: Case, batch: int) -> tuple[float, int, int]:
    """CPU microseconds a frame of a run, spans sent and dropped."""
    registry = CollectorRegistry()
    metrics, kafka = Metrics(registry), MemoryKafka()
    with patch.dict(os.environ, case.env):
        tracing = open_tracing(TracingSettings(endpoint=case.endpoint), "bench", "0", metrics)
        source = Turns(batch_of(batch, case.sampled), FRAMES // batch)
        stage = Stage("bench", source, copy, Nowhere(kafka), MemoryDeadLetters(kafka))
        stage = tracing.traced(observed(stage, metrics), consumes=True)
        gc.collect()
        began = time.process_time()
        while not source.ended:
            stage.step(lambda: NOW)
        tracing.close()
        took = time.process_time() - began
    dropped = sum(
        registry.get_sample_value("andon_trace_spans_dropped_total", {"reason": each}) or 0 for each in REASONS
    )
    return took / FRAMES * 1e6, int(registry.get_sample_value("andon_trace_spans_exported_total") or 0), int(dropped)


REASONS = ("queue_full", "not_taken")


def costs(cases: Sequence[Case], rounds: int) -> Iterator[Cost]:
    """Each case against the first, round by round so that a busy moment hits them all."""
    for batch in BATCHES:
        found: list[list[tuple[float, int, int]]] = [[] for _ in cases]
        for _ in range(rounds):
            for number, case in enumerate(cases):
                found[number].append(once(case, batch))
        least = [min(each) for each in found]
        for case, (took, sent, dropped) in zip(cases[1:], least[1:], strict=True):
            yield Cost(case.name, batch, took - least[0][0], sent, dropped)


def span_ns() -> float:
    """A graph call's span where there is no tracing: nanoseconds of CPU, the least of ten."""

    def block() -> float:
        began = time.process_time()
        for _ in range(100_000):
            with no_span("graph call", frames=32):
                pass
        return (time.process_time() - began) * 1e9 / 100_000

    return min(block() for _ in range(10))


@contextmanager
def receiver() -> Iterator[str]:
    """A process that takes every span and keeps none."""
    process = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measures, shows, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    set_up_logs("bench", "error")
    told = machine()
    with receiver() as endpoint:
        cases = [
            Case("no tracing", None, {}),
            Case("off", None, {}),
            Case("on", endpoint, {"OTEL_BSP_MAX_QUEUE_SIZE": "100000"}),
            Case("on, 1 turn in 100", endpoint, _sampler("0.01")),
            Case("on, frames not sampled", endpoint, {}, sampled=False),
            Case("on, receiver away", AWAY, {}),
        ]
        found = list(costs(cases, rounds))
    rows = [[each.case, str(each.batch), f"{each.added_us:.2f}", str(each.sent), str(each.dropped)] for each in found]
    nothing = span_ns()
    remark = (
        f"{FRAMES} frames a round, the least of {rounds} rounds. A turn is a span with a link a frame, one of handling "
        f"and one of sending. A graph call asks for a span in {nothing:.0f} ns where there is none."
    )
    head = ["tracing", "frames a turn", "added, CPU us a frame", "spans sent", "spans dropped"]
    table = Table("What tracing adds to a frame", head, rows, remark)
    table.show(Console())
    write(RESULTS, "Tracing", told, [table], {"costs": found, "no_span_ns": nothing})


def _sampler(share: str) -> dict[str, str]:
    return {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}


if __name__ == "__main__":
    main()
