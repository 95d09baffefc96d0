"""`make bench`: what the line costs and how quick it is, on real Kafka and Redis, beside a plain loop.

CPU is what the kernel charged to each process, user and system, between two moments at which nothing was in flight.
"Beyond decode, resize and model" takes off what those cost alone in a quiet process, on the same images.
"""

import random
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from images import Images, draw_images
from machine import load, machine
from pure import ModelCost, Plain, image_ms, null_bundle, plain_loop
from report import write
from rich.console import Console
from rig import Feed, Rig, Run, rig
from tables import all_tables

from andon.bundle import Bundle
from andon.kafka.admin import create_topics
from andon.preparation import Preparation
from andon.settings import KafkaSettings
from andon.store import BundleStore
from andon.topics import ALL
from andon_demo.line import SERVICES
from andon_demo.servers.main import get
from andon_demo.servers.supervise import Servers
from andon_demo.stations import Station, assign_all, fit_all

PARTITIONS = 6
STATIONS = 6
MANY = 1000
ROUNDS = 3
WARM_UP_S = 4.0  # a new ingest's first frames wait for its producer, and for the broker to know it
PAUSE_S = 10.0
RESULTS = Path(__file__).parent / "results"


def main(
    frames: Annotated[int, typer.Option(min=200, help="Frames of each measurement.")] = 3000,
    seconds: Annotated[float, typer.Option(min=5, help="Length of a latency measurement.")] = 30,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of it, to see that it works; writes nothing.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Where line.md and line.json go.")] = RESULTS,
) -> None:
    """Measure the line: CPU of each service, frames a second, latency, many stations; beside a plain loop."""
    screen = Console(stderr=True, highlight=False)
    frames, seconds = (300, 8.0) if quick else (frames, seconds)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="andon-bench-")))
        screen.print("drawing frames, starting servers")
        images = draw_images(scratch / "images")
        get(("kafka", "redis", "alertmanager"))
        servers = stack.enter_context(Servers(state=scratch / "servers"))
        figures = Bench(servers, scratch, images, screen, frames, seconds).all()
    tables = all_tables(figures)
    for table in tables:
        table.show(Console(highlight=False))
    if not quick:
        rest = {name: figures[name] for name in figures if name != "machine"}
        write(results / "line", "How fast the line is", figures["machine"], tables, rest)


class Bench:
    """All measurements, one after the other, on one set of servers."""

    def __init__(
        self, servers: Servers, scratch: Path, images: Images, screen: Console, frames: int, seconds: float
    ) -> None:
        self._servers = servers
        self._env = servers.env() | {
            "ANDON_STORE__BUNDLES": str(scratch / "bundles"),
            "ANDON_STORE__FRAMES": str(scratch / "frames"),
        }
        self._scratch = scratch
        self._images = images
        self._screen = screen
        self._frames = frames
        self._seconds = seconds
        self._draw = random.Random(1)
        self._store = BundleStore(str(scratch / "bundles"))
        self._kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        create_topics(self._kafka, ALL, PARTITIONS, 1)

    def all(self) -> dict[str, Any]:
        """Every figure, in a form that JSON takes."""
        bundles = {"null model": self._null(), "fitted bundle": self._fitted()}
        encoded = self._images.frames
        figures: dict[str, Any] = {
            "machine": machine(),
            "image": {
                "pixels": "1024x1024",
                "mean_bytes": round(statistics.mean(map(len, encoded))),
                "decode_and_resize_cpu_ms": image_ms(encoded, Preparation()),
            },
            "bundles": {name: self._bundle(name, bundle) for name, bundle in bundles.items()},
        }
        figures["stations"] = self._stations(bundles["null model"])
        figures["machine"]["load average at the end"] = load()
        return figures

    def _null(self) -> Bundle:
        bundle = null_bundle(self._images.frames[0])
        self._store.put(bundle)
        return bundle

    def _fitted(self) -> Bundle:
        self._screen.print("fitting a bundle")
        digests = fit_all([Station("part", self._images.part)], "2 per 1000", self._scratch, self._env)
        return self._store.get(digests["part"])

    def _bundle(self, name: str, bundle: Bundle) -> dict[str, Any]:
        """Cost and speed at saturation, latency at half of it, and the plain loop with the same model."""
        cost = ModelCost(bundle, self._images.frames)
        plain = plain_loop(self._images.frames, bundle, self._frames // 3)
        stations = {f"cam-{number}": self._images.part for number in range(STATIONS)}
        assign_all(self._kafka, {"*": bundle.digest})
        with rig(self._servers, self._env, self._draw) as line:
            self._screen.print(f"{name}: saturation")
            full = line.measure(Feed(stations, self._frames // STATIONS), 20)
            rate = full.frames_per_s / 2 / STATIONS
            self._screen.print(f"{name}: half load, {rate * STATIONS:.0f} frames/s")
            half = line.measure(Feed(stations, int(rate * (self._seconds + WARM_UP_S)), rate), 1)
            pauses = self._pauses(line)
        return {
            "saturation": _figures(full, cost.mixed(full.batches)),
            "half_load": _figures(half, cost.mixed(half.batches))
            | {f"p{share}_ms": half.latency_ms(share, WARM_UP_S) for share in (50, 90, 99)},
            "after_pause_ms": pauses,
            "plain_loop": _plain(plain),
        }

    def _pauses(self, line: Rig) -> list[float]:
        """Latencies of single frames, each after a pause of PAUSE_S; the first belongs to a starting ingest."""
        self._screen.print(f"single frames after pauses of {PAUSE_S:.0f} s")
        run = line.run(Feed({"cam-0": self._images.part}, 4, 1 / PAUSE_S))
        return run.latencies_ms()[1:]

    def _stations(self, bundle: Bundle) -> dict[str, Any]:
        """The same number of frames, from one station and from MANY; each of those shows one of the images.

        ROUNDS of both in turn, the cheaper of each counts: what a busy machine adds is no cost of ours.
        """
        each = self._images.each
        one = Feed({"only": self._images.part}, self._frames)
        many = Feed({f"cam-{n:04}": each[n % len(each)] for n in range(MANY)}, max(2, self._frames // MANY))
        assign_all(self._kafka, {"*": bundle.digest})
        cost = ModelCost(bundle, self._images.frames)
        found: dict[str, list[dict[str, Any]]] = {"1": [], str(MANY): []}
        for name, feed, warm_up in (("1", one, 100), (str(MANY), many, 1)) * ROUNDS:
            self._screen.print(f"{name} station{'s' * (name != '1')}")
            with rig(self._servers, self._env, self._draw) as line:
                run = line.measure(feed, warm_up)
            found[name].append(_figures(run, cost.mixed(run.batches)))
        return {name: min(runs, key=_services_ms) for name, runs in found.items()}


def _figures(run: Run, model_ms: float) -> dict[str, Any]:
    calls = sum(frames / size for size, frames in run.batches.items())
    return {
        "frames": run.frames,
        "load_average": load(),
        "frames_per_s": run.frames_per_s,
        "frames_in_a_graph_call": sum(run.batches.values()) / calls,
        "model_cpu_ms": model_ms,
        "cpu_ms": {name: used * 1000 / run.frames for name, used in run.cpu_s.items()},
    }


def _services_ms(figures: dict[str, Any]) -> float:
    return sum(figures["cpu_ms"][name] for name in ("ingest", *SERVICES))


def _plain(plain: Plain) -> dict[str, float]:
    return {"frames_per_s": plain.frames_per_s, "cpu_ms": plain.cpu_ms}


if __name__ == "__main__":
    typer.run(main)
