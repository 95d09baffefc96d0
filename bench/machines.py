"""How quickly a gate is told: `python bench/machines.py --help`.

Latency: a line on real servers (ingest, preprocess, scoring, machines) at a steady rate; each frame from its capture
until an MQTT subscriber has its verdict, and until the OPC UA server has written its nodes. Rate: many verdicts that
already lie in Kafka, until the sink has the last.
"""

import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from machine import machine
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from report import Table, write
from rich.console import Console

from andon.bundle import read_bundle
from andon.ids import frame_id
from andon.logs import set_up_logs
from andon.records import FramePlace, Score, Verdict, read_score, write_event
from andon.stage import Message
from andon.topics import SCORES
from andon_demo.line import ServiceProcess, run_to_end
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.mosquitto import Mosquitto
from andon_demo.servers.ports import free_ports, is_open
from andon_demo.servers.process import Process
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

PLC = Path(__file__).parents[1] / "tests" / "servers" / "plc.py"
RESULTS = Path(__file__).parent / "results" / "machines"
TYPES = {
    "Verdict": "String", "Reject": "Boolean", "Score": "Double", "Threshold": "Double", "Part": "String",
    "FrameId": "String", "Late": "Boolean", "Seq": "UInt32", "IncidentOpen": "Boolean", "IncidentCause": "String",
    "Heartbeat": "UInt32",
}  # fmt: skip
DRAW = random.SystemRandom()


@contextmanager
def plc(folder: Path, stations: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """An OPC UA server in a process of its own: its address, and where it notes what was written."""
    port = free_ports(1, DRAW)[0]
    log = folder / f"writes-{port}.jsonl"
    log.touch()
    nodes = {f"Andon.{station}.{name}": kind for station in stations for name, kind in TYPES.items()}
    spec = {"url": f"opc.tcp://127.0.0.1:{port}/plc", "nodes": nodes, "log": str(log)}
    (folder / "plc.json").write_text(json.dumps(spec))
    with Process("plc", [sys.executable, str(PLC), str(folder / "plc.json")], log=folder / "plc.log") as process:
        process.wait_ready(lambda: is_open(port), within_s=60)
        yield str(spec["url"]), log


def written(log: Path) -> dict[str, float]:
    """When each frame's nodes were written, Unix seconds."""
    found: dict[str, float] = {}
    for line in log.read_text().splitlines():
        told = json.loads(line)
        for name, value in told["writes"]:
            if name.endswith(".FrameId"):
                found.setdefault(value, told["at"])
    return found


def listen(url: str, heard: Any) -> None:
    """Puts (frame, time) of each verdict on `heard`; runs in a process of its own, so that it costs nobody's time."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _u, message: heard.put((json.loads(message.payload)["resultId"], time.time()))
    host, port = url.rsplit("/", 1)[1].split(":")
    client.connect(host, int(port))
    client.subscribe("andon/+/verdict", qos=1)
    client.loop_start()
    time.sleep(3600)


@contextmanager
def mes(url: str) -> Iterator[Any]:
    """A subscriber."""
    context = multiprocessing.get_context("spawn")
    heard = context.Queue()
    process = context.Process(target=listen, args=(url, heard), daemon=True)
    process.start()
    time.sleep(3)
    try:
        yield heard
    finally:
        process.terminate()


def drained(heard: Any) -> dict[str, float]:
    """What the subscriber has heard so far, by frame."""
    found: dict[str, float] = {}
    while not heard.empty():
        frame, at = heard.get()
        found.setdefault(frame, at)
    return found


def machines(trial: Trial, folder: Path, env: Mapping[str, str]) -> ServiceProcess:
    """The service, ready."""
    service = ServiceProcess("machines", ["machines"], folder, {**trial.env, **env}, free_ports(1, DRAW)[0])
    service.process.start()
    service.process.wait_ready(service.ready, within_s=60)
    return service


def latency(servers: Servers, folder: Path, rate: float, stations: int, seconds: float) -> dict[str, Any]:
    """Milliseconds from capture to each sink, and to the verdict alone."""
    parts = folder / "parts"
    run_to_end("draw", ["ingest", "draw", str(parts), "--stations", str(stations)], folder, {}, 120)
    names = sorted(each.name for each in parts.iterdir())
    with (
        Trial(servers, folder, {}, DRAW) as trial,
        plc(folder, names) as (url, log),
        mes(servers["mosquitto"].url) as heard,
    ):
        for name in names:
            run_to_end("fit", ["fit", str(parts / name), "--out", str(folder / f"{name}.andon")], folder, {}, 300)
            trial.assign(read_bundle(folder / f"{name}.andon"), name)
        trial.start("preprocess", "scoring")
        service = machines(trial, folder, {"ANDON_OPCUA__URL": url, "ANDON_OPCUA__STATIONS": ",".join(names)})
        count = int(rate * seconds / stations)
        feed = ["--stations", str(stations), "--rate", str(rate / stations), "--count", str(count)]
        trial.ingest("generate", *feed)
        trial.until(lambda: len(written(log)) >= count * stations, "all verdicts at the PLC", seconds + 60, pause_s=1.0)
        time.sleep(1)
        service.process.stop()
        scores = [read_score(each) for each in trial.read(SCORES)]
        by_mqtt, by_opcua = drained(heard), written(log)
    every = {str(each.frame_id): each for each in scores if each.seq >= count // 10}  # the first tenth warms up
    captured = {frame: each.captured_at.timestamp() for frame, each in every.items()}
    return {
        "verdict": [(each.scored_at.timestamp() - captured[frame]) * 1000 for frame, each in every.items()],
        "mqtt": [(by_mqtt[frame] - at) * 1000 for frame, at in captured.items() if frame in by_mqtt],
        "opcua": [(by_opcua[frame] - at) * 1000 for frame, at in captured.items() if frame in by_opcua],
    }


def verdicts(stations: int, count: int) -> Iterator[Message]:
    """As many, spread over the stations."""
    now = datetime.now(UTC)
    for number in range(count):
        station, seq = f"press-{number % stations}", number // stations
        given = Score(
            frame_id=frame_id(station, 1, seq), station=station, epoch=1, seq=seq, captured_at=now, scored_at=now,
            verdict=Verdict.OK, score=0.5, threshold=1.0, width=640, height=480, part=f"P{seq}",
            frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
        )  # fmt: skip
        yield Message(SCORES, station.encode(), write_event(given))


def throughput(servers: Servers, folder: Path, sink: str, stations: int, count: int, age_ms: int) -> float:
    """Verdicts a second, from a backlog until the sink has all."""
    names = [f"press-{number}" for number in range(stations)]
    prefix = {"ANDON_KAFKA__GROUP_PREFIX": f"b{time.time_ns()}", "ANDON_MACHINES__MAX_AGE_MS": str(age_ms)}
    with Trial(servers, folder, prefix, DRAW) as trial, plc(folder, names) as (url, _log):
        env = {"ANDON_OPCUA__URL": url, "ANDON_OPCUA__STATIONS": ",".join(names), "ANDON_MQTT__URL": "none"}
        if sink == "mqtt":
            env = {}
        service = machines(trial, folder, env)
        trial.write(*verdicts(stations, 2 * stations))
        trial.until(lambda: done(service) >= 2 * stations, "its place in the topic to be kept")
        service.process.stop()
        trial.write(*verdicts(stations, count))
        service.process.start()
        trial.until(lambda: done(service) > 0, "the first", 60, pause_s=0.01)
        began, first = time.monotonic(), done(service)
        trial.until(lambda: done(service) >= count, "the last", 300, pause_s=0.05)
        took_s = time.monotonic() - began
        service.process.stop()
    return (count - first) / took_s


def done(service: ServiceProcess) -> float:
    """How many verdicts the sink has accepted."""
    return service.gauge("andon_machine_verdicts_total") or 0.0


def main(
    rate: Annotated[float, typer.Option(help="Frames a second, of all stations.")] = 20.0,
    seconds: Annotated[float, typer.Option(help="For how long.")] = 60.0,
    count: Annotated[int, typer.Option(help="Verdicts in a backlog.")] = 20_000,
) -> None:
    """Measure it; writes bench/results/machines.*."""
    set_up_logs("bench", "warning", "console")
    figures: dict[str, Any] = {}
    with Servers([Kafka(), Redis(), Mosquitto()]) as servers, tempfile.TemporaryDirectory() as folder:
        told = latency(servers, Path(folder), rate, 2, seconds)
        figures["latency_ms"] = {
            name: [float(np.percentile(each, p)) for p in (50, 99, 100)] for name, each in told.items()
        }
        figures["frames"] = {name: len(each) for name, each in told.items()}
        ask = [("mqtt", 16, 10**9), ("opcua", 1, 10**9), ("opcua", 16, 10**9), ("opcua", 16, 1)]
        figures["verdicts_per_s"] = {
            f"{sink}, {stations} stations, {'late' if age == 1 else 'in time'}": throughput(
                servers, Path(folder), sink, stations, count, age
            )
            for sink, stations, age in ask
        }
    names = {"verdict": "scored", "mqtt": "MQTT subscriber has it", "opcua": "nodes are written"}
    rows = [
        [names[each], str(figures["frames"][each]), *(f"{ms:.0f}" for ms in figures["latency_ms"][each])]
        for each in names
    ]
    tables = [
        Table(f"ms from capture, at {rate:g} frames a second", ["until", "frames", "p50", "p99", "most"], rows),
        Table(
            "Verdicts a second from a backlog",
            ["sink", ""],
            [[a, f"{b:.0f}"] for a, b in figures["verdicts_per_s"].items()],
        ),
    ]
    for table in tables:
        table.show(Console())
    write(RESULTS, "How quickly machines are told", machine(), tables, figures)


if __name__ == "__main__":
    typer.run(main)
