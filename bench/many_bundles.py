"""A hundred stations in one scoring process: `python bench/many_bundles.py --help`.

The same bundles twice: as `andon fit` makes them, heads of one backbone that runs once over a batch of all stations,
and as whole models of their own. Each way in a process of its own: memory is what that process takes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import typer
from images import draw_images
from machine import load, machine
from onnx import compose
from prometheus_client import CollectorRegistry
from report import Table, write
from rich.console import Console

from andon.allocator import keep_memory, one_arena
from andon.bundle import Bundle, make_bundle
from andon.health import ImageHealth
from andon.ids import frame_id
from andon.logs import set_up_logs
from andon.metrics import Metrics
from andon.records import Frame, PreparedFrame, prepared_headers
from andon.settings import StoreSettings
from andon.stage import Record
from andon.store import BundleStore
from andon.topics import FRAMES, PREPARED
from andon_scoring.load import Loader, resident_bytes
from andon_scoring.score import Loaded, Scoring
from andon_scoring.settings import ModelSettings, ScoringSettings
from andon_training.choose import Fixed
from andon_training.fit import FitSettings, fit_bundle
from andon_training.folder import good_frames
from andon_training.options import Lighting, Method

RESULTS = Path(__file__).parent / "results" / "many_bundles"
BATCHES = (8, 64)
ROUNDS = 12
NOW = datetime(2026, 1, 2, tzinfo=UTC)
HEALTH = ImageHealth(**dict.fromkeys(ImageHealth.model_fields, 0.5))


@dataclass(frozen=True)
class Way:
    """How one way went: MiB of the process without and with all bundles and after scoring, seconds of loading, and by
    frames in a batch the milliseconds a frame (the median) and the CPU-milliseconds (the least).
    """

    way: str
    empty_mib: float
    loaded_mib: float
    scored_mib: float
    load_s: float
    wall_ms: dict[int, float]
    cpu_ms: dict[int, float]


def variant(bundle: Bundle, number: int, model: bytes, backbone: bytes | None) -> Bundle:
    """Another bundle of the same scores: its threshold is a hair off."""
    return make_bundle(
        bundle.manifest.model_copy(update={"threshold": bundle.manifest.threshold * (1 + number * 1e-6)}),
        model=model,
        backbone=backbone,
        reference=bundle.reference,
        sample=bundle.calibration_sample,  # type: ignore[arg-type]
        golden={frame.name: bundle.golden_image(frame) for frame in bundle.manifest.golden},
    )


def whole_model(bundle: Bundle) -> bytes:
    """Backbone and head in one graph."""
    first, second = (onnx.load_model_from_string(data) for data in (bundle.backbone, bundle.model))
    joints = [(value.name, value.name) for value in first.graph.output]
    first = compose.add_prefix(first, "b/", rename_inputs=False, rename_outputs=False)
    merged: bytes = compose.merge_models(first, second, io_map=joints).SerializeToString()
    return merged


def fitted(folder: Path, method: Method) -> Bundle:
    """A bundle as fit makes it."""
    fixed = Fixed(256, method, Lighting.LEVELLED, None, registered=False)
    return fit_bundle(
        good_frames(draw_images(folder).part), FitSettings(budget=0.02, fixed=fixed), andon_version="bench"
    )


def put_all(bundle: Bundle, store: BundleStore, stations: int, *, whole: bool) -> list[str]:
    """A bundle a station; their digests."""
    model, backbone = (whole_model(bundle), None) if whole else (bundle.model, bundle.backbone)
    return [store.put(variant(bundle, number, model, backbone)) for number in range(stations)]


def measure(way: str, store: str, digests: Sequence[str]) -> Way:
    """In this process: loads them all, then scores batches that mix the stations."""
    keep_memory()
    one_arena()
    settings = ScoringSettings(models=ModelSettings(threads=1), store=StoreSettings(bundles=store))
    loader = Loader(settings, Metrics(CollectorRegistry()))
    empty, began = resident_bytes(), time.perf_counter()
    bundles = [loader(digest) for digest in digests]
    load_s, loaded = time.perf_counter() - began, resident_bytes()
    times = {size: scored(bundles, size) for size in BATCHES}
    mib = [value / 2**20 for value in (empty, loaded, resident_bytes())]
    wall, cpu = ({size: found[kind] for size, found in times.items()} for kind in (0, 1))
    return Way(way, *mib, load_s, wall, cpu)


def scored(bundles: Sequence[Loaded], size: int) -> tuple[float, float]:
    """Wall and CPU milliseconds a frame, in turns of `size` frames, each of the next station."""
    by_station = {f"s-{number}": bundle for number, bundle in enumerate(bundles)}
    handle = Scoring(lambda prepared: (by_station[prepared.frame.station],), 32)
    wall, cpu = [], []
    for turn in range(ROUNDS):
        records = [frame_of(bundles, turn * size + number) for number in range(size)]
        began, before = time.perf_counter(), time.process_time()
        assert len(handle(records, NOW)) == size
        wall.append((time.perf_counter() - began) * 1000 / size)
        cpu.append((time.process_time() - before) * 1000 / size)
    return float(np.median(wall)), min(cpu)


def frame_of(bundles: Sequence[Loaded], number: int) -> Record:
    """A frame of grey noise, from the station whose turn it is."""
    station, shape = f"s-{number % len(bundles)}", bundles[0].model.shape
    tensor = np.random.default_rng(number).integers(90, 110, shape, np.uint8)
    frame = Frame(station, 1, number, frame_id(station, 1, number), NOW, topic=FRAMES, partition=0, offset=number)
    preparation = bundles[number % len(bundles)].preparation
    prepared = PreparedFrame(frame, shape, preparation, *shape[1::-1], (0, 0, *shape[1::-1]), HEALTH)
    return Record(PREPARED, 0, number, station.encode(), tensor.tobytes(), prepared_headers(prepared))


def in_own_process(way: str, store: str, digests: Sequence[str]) -> Way:
    """As `measure`, in a process that has done nothing else."""
    given = json.dumps([way, store, list(digests)])
    answer = subprocess.run(
        [sys.executable, __file__, "--measure", "-"], input=given, capture_output=True, text=True, check=True
    )
    found = json.loads(answer.stdout.splitlines()[-1])
    kinds = {kind: {int(size): ms for size, ms in found.pop(kind).items()} for kind in ("wall_ms", "cpu_ms")}
    return Way(**found, **kinds)


def main(
    stations: Annotated[int, typer.Option(min=2, help="How many, a bundle each.")] = 100,
    method: Annotated[Method, typer.Option(help="How what is good is remembered.")] = Method.GAUSSIAN,
    measure_one: Annotated[str, typer.Option("--measure", hidden=True)] = "",
) -> None:
    """Measure many bundles in one process, with a shared backbone and without."""
    set_up_logs("bench", "warning", "console")
    if measure_one:
        typer.echo(json.dumps(asdict(measure(*json.load(sys.stdin)))))
        return
    before = load()
    with tempfile.TemporaryDirectory() as made:
        store = BundleStore(str(Path(made) / "bundles"))
        bundle = fitted(Path(made), method)
        ways = [
            in_own_process(name, store.url, put_all(bundle, store, stations, whole=whole))
            for name, whole in (("one backbone, a head a station", False), ("a whole model a station", True))
        ]
    heads = [f"{unit}, batch {size}" for size in BATCHES for unit in ("images/s", "CPU-ms")]
    rows = [
        [way.way, *(f"{value:.0f}" for value in (way.loaded_mib - way.empty_mib, way.scored_mib - way.empty_mib))]
        + [f"{way.load_s:.1f}"]
        + [text for size in BATCHES for text in (f"{1000 / way.wall_ms[size]:.0f}", f"{way.cpu_ms[size]:.2f}")]
        for way in ways
    ]
    title = f"{stations} stations in one process, {method}, 256x256 in colour, one CPU thread"
    remark = "Every frame of a batch is of another station. CPU-ms is a frame's, scores written out included."
    head = ["", "MiB loaded", "MiB after scoring", "s to load", *heads]
    table = Table(title, head, rows, remark)
    table.show(Console())
    write(
        RESULTS.with_name(f"many_bundles_{method.value.split('-')[0]}"),
        "Many bundles in one process",
        machine() | {"load average before": before},
        [table],
        {"stations": stations, "ways": ways},
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    typer.run(main)
