"""Fifty swaps under load: `python bench/swap.py --help`.

Four stations stream 1 MP JPEGs through real servers; every bundle that is assigned takes over from the one before. Each
loads a model of its own. Shown: whether a frame was lost, scored by a mixture or delayed, and how memory goes.
"""

import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from images import draw_images
from machine import load, machine
from report import Floor, Table, floors_table, write
from rich.console import Console

from andon.bundle import Bundle, make_bundle
from andon.logs import set_up_logs
from andon.records import Score, read_event
from andon.topics import SCORES
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial
from andon_training.choose import Fixed
from andon_training.fit import FitSettings, fit_bundle
from andon_training.folder import good_frames
from andon_training.options import Lighting, Method

STATIONS = 4
WARM_UP = 5  # swaps after which memory is looked at first
RESULTS = Path(__file__).parent / "results" / "swap"


@dataclass(frozen=True)
class Swapped:
    """One swap: when it was asked for and when the last station had it, Unix seconds; MiB of scoring after it."""

    asked: float
    done: float
    mib: float


@dataclass(frozen=True)
class Found:
    """What came of it. Delays are from capture to the score in Kafka, in ms."""

    frames: int
    faults: dict[str, int]
    mixed: int
    calm_ms: Sequence[float]
    swapping_ms: Sequence[float]
    swaps: Sequence[Swapped]

    @property
    def added_ms(self) -> float:
        """How much longer than the slowest frame of calm times the slowest one took while bundles were swapped."""
        return max(0.0, max(self.swapping_ms) - max(self.calm_ms))

    @property
    def growth(self) -> float:
        """Memory after the last swap against that after the warm-up, in percent."""
        return (self.swaps[-1].mib / self.swaps[WARM_UP - 1].mib - 1) * 100


def bundles_of(folder: Path, count: int) -> list[Bundle]:
    """`count` bundles: of two fits with unlike eyes, in turn, each a hair from the one before, so that none is the
    same."""
    images = draw_images(folder)
    sources = good_frames(images.part)
    made = [
        fit_bundle(
            sources,
            FitSettings(budget=0.02, fixed=Fixed(256, Method.GAUSSIAN, lighting, None, registered=False)),
            andon_version="bench",
        )
        for lighting in (Lighting.LEVELLED, Lighting.AS_IS)
    ]
    return [nudged(made[number % 2], 1 + number * 1e-6) for number in range(count)]


def nudged(bundle: Bundle, by: float) -> Bundle:
    """`bundle` with its threshold multiplied: another bundle, for all that a line knows."""
    return make_bundle(
        bundle.manifest.model_copy(update={"threshold": bundle.manifest.threshold * by}),
        model=bundle.model,
        backbone=bundle.backbone,
        reference=bundle.reference,
        sample=bundle.calibration_sample,  # type: ignore[arg-type]
        golden={frame.name: bundle.golden_image(frame) for frame in bundle.manifest.golden},
    )


def memory_mib(pid: int) -> float:
    """VmRSS of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def swapped(trial: Trial, bundles: Sequence[Bundle], pause_s: float) -> list[Swapped]:
    """Assigns one after the other, each when all stations have the one before."""
    scoring = trial.service("scoring")
    found: list[Swapped] = []
    for number, bundle in enumerate(bundles, 2):
        asked = time.time()
        trial.assign(bundle)
        trial.until(lambda: scoring.gauge("andon_bundle_swaps_total") == STATIONS * number, "the swap", pause_s=0.05)  # noqa: B023
        done = time.time()
        time.sleep(pause_s)
        found.append(Swapped(asked, done, memory_mib(scoring.process.pid)))
    return found


def run(folder: Path, count: int, rate: float, calm_s: float, pause_s: float) -> Found:
    """The line, its swaps, and its end."""
    bundles = bundles_of(folder, count + 1)
    env = {"ANDON_MODELS__THREADS": "1", "ANDON_THREADS": "1", "ANDON_POLICY__SILENT_AFTER_S": "3600"}
    with Servers() as servers, Trial(servers, folder, env, random.SystemRandom()) as trial:
        trial.assign(bundles[0])
        trial.start()
        each = sorted((folder / "each").iterdir())
        sources = [part for number in range(STATIONS) for part in ("--from", f"press-{number}={each[number]}")]
        ingest = trial.ingest("folder", *sources, "--loop", "--rate", str(rate / STATIONS))
        trial.until(lambda: trial.count(SCORES) > 10 * STATIONS, "scores to flow")
        began = time.time()
        time.sleep(calm_s)
        swaps = swapped(trial, bundles[1:], pause_s)
        time.sleep(calm_s)
        ingest.process.stop(grace_s=25)
        ended = time.time()
        ledger = trial.settled(trial.count("camera.frames"))
        scores = [(record.timestamp_ms / 1000, read_event(Score, record.value)) for record in trial.read(SCORES)]
        trial.line.check()
    calm, swapping = delays(scores, swaps, began, ended)
    allowed = {(bundle.digest, bundle.manifest.threshold) for bundle in bundles}
    return Found(len(ledger.scores), ledger.faults(), mixed(scores, bundles, allowed), calm, swapping, swaps)


def delays(
    scores: Sequence[tuple[float, Score]], swaps: Sequence[Swapped], began: float, ended: float
) -> tuple[list[float], list[float]]:
    """Of frames captured in calm times, and of those captured from when the first swap was asked for to the last."""
    calm: list[float] = []
    swapping: list[float] = []
    for written, score in scores:
        captured = score.captured_at.timestamp()
        if began <= captured <= ended:
            busy = swaps[0].asked <= captured <= swaps[-1].done
            (swapping if busy else calm).append((written - captured) * 1000)
    return calm, swapping


def mixed(scores: Sequence[tuple[float, Score]], bundles: Sequence[Bundle], allowed: set[tuple[str, float]]) -> int:
    """Scores whose threshold is not their bundle's, or that came from a bundle after its station had a later one."""
    order = {bundle.digest: number for number, bundle in enumerate(bundles)}
    wrong, at = 0, defaultdict(int)
    for _, score in sorted(scores, key=lambda pair: (pair[1].station, pair[1].epoch, pair[1].seq)):
        number = order.get(score.bundle or "", -1)
        wrong += (score.bundle, score.threshold) not in allowed or number < at[score.station]
        at[score.station] = max(number, at[score.station])
    return wrong


def main(
    swaps: Annotated[int, typer.Option(min=WARM_UP + 1, help="How often.")] = 50,
    rate: Annotated[float, typer.Option(min=1, help="Frames a second, of all stations together.")] = 40.0,
    calm: Annotated[float, typer.Option(min=1, help="Seconds before and after in which nothing is swapped.")] = 10.0,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between swaps.")] = 0.5,
) -> None:
    """Swap bundles under load. Exit status 1 when a frame is lost, mixed or late, or memory grows."""
    set_up_logs("bench", "warning", "console")
    before = load()
    with tempfile.TemporaryDirectory() as made:
        found = run(Path(made), swaps, rate, calm, pause)
    floors = [
        Floor("frames lost, repeated with another verdict, or out of order", sum(found.faults.values()), 0, ""),
        Floor("scores by a mixture of bundles", found.mixed, 0, ""),
        Floor("longest delay while swapping, beyond the longest in calm times", found.added_ms, 250, "ms"),
        Floor(f"memory after {swaps} swaps, against after {WARM_UP}", found.growth, 5, "%"),
    ]
    took = [(each.done - each.asked) * 1000 for each in found.swaps]
    rows = [
        [name, str(len(values)), *(f"{np.percentile(values, q):.0f}" for q in (50, 99, 100))]
        for name, values in (("calm", found.calm_ms), ("swapping", found.swapping_ms), ("assigned to served", took))
    ]
    title = f"{swaps} swaps under {rate:g} frames a second: ms from capture to the score in Kafka"
    tables = [
        Table(title, ["", "n", "p50", "p99", "most"], rows),
        Table(
            "Memory of scoring, MiB",
            ["after swaps", "MiB"],
            [[str(n), f"{found.swaps[n - 1].mib:.0f}"] for n in sorted({1, WARM_UP, *range(10, swaps + 1, 10), swaps})],
        ),
        floors_table(floors),
    ]
    console = Console()
    for table in tables:
        table.show(console)
    told = machine() | {"load average before": before}
    figures = {"swaps": found.swaps, "frames": found.frames, "floors": floors}
    if swaps >= 50:
        write(RESULTS, "Swapping bundles under load", told, tables, figures)
    sys.exit(0 if all(floor.reached for floor in floors) else 1)


if __name__ == "__main__":
    typer.run(main)
