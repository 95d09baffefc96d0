"""How many scores a second one drift process takes in on one core: `python bench/drift.py --help`.

Scores of many stations are made once, as scoring writes them: with framing, embedding and the map's highest place.
Every station has a reference of all its numbers, and its charts look at every block of ten frames: the dearest case.
In memory the real stage runs over given records; then the real command runs over real Kafka and Redis on a backlog.
Counted is CPU time, without the first frames of each station, in which its charts are made.
"""

import base64
import cProfile
import gc
import pstats
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer
from given import Given
from machine import machine
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from report import Table, write
from rich.console import Console

from andon.bundle import Bundle, make_bundle
from andon.charts import Learned, Sample, learn
from andon.framing import BINS, Template, find_all, write_framing
from andon.health import ImageHealth
from andon.ids import frame_id
from andon.logs import set_up_logs
from andon.manifest import Distribution, DriftReference, FramingReference
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink
from andon.metrics import Metrics
from andon.records import Baseline, FramePlace, Score, Verdict, read_score, write_event
from andon.redis_client import Patience
from andon.stage import Message, Record, Stage
from andon.testing.models import proven_bundle
from andon.topics import BASELINES, SCORES
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial
from andon_drift.drift import Board, Drifting
from andon_drift.findings import Findings
from andon_drift.limits import Limits, limits_of
from andon_drift.numbers import NAMES
from andon_drift.observe import Shown, counted
from andon_drift.remember import Remembering, Saving
from andon_drift.settings import FaultSettings
from andon_drift.watch.baselines import Baselines
from andon_drift.watch.place import PlaceId
from andon_drift.watch.rules import Rules
from andon_drift.watch.status import shown_text

RESULTS = Path(__file__).parent / "results" / "drift"
MEANS = np.array([0.4, 0.2, 0.02, 0.03, 5.0, 0.01, 1.0, 0.9])
SPREADS = np.array([0.01, 0.005, 0.004, 0.004, 0.1, 0.0005, 0.01, 0.01])
DIMENSIONS, CALLED = 32, 0.004
SIZE = 2048, 1536
PROFILE = np.hanning(BINS) * 200
PARTITIONS = 4
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
WANTED = 10_000
"""Scores a second: a thousand stations at ten frames a second."""
WARM = 0.2
"""The share of the scores that is not counted."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """One way of running it: scores counted, seconds of CPU, MiB of the process, findings."""

    name: str
    scores: int
    cpu_s: float
    mib: float
    findings: int

    @property
    def microseconds(self) -> float:
        """CPU of one score."""
        return 1e6 * self.cpu_s / self.scores

    def row(self) -> Sequence[str]:
        cells = f"{self.microseconds:.0f}", f"{1e6 / self.microseconds:,.0f}"
        return [self.name, f"{self.scores:,}", *cells, f"{self.mib:.0f}", str(self.findings)]


def framings(count: int, seed: int) -> NDArray[np.uint8]:
    """uint8 [count, 2, BINS]: one part, and noise."""
    noise = np.random.default_rng(seed).normal(0, 4, (count, 2, BINS))
    return (PROFILE + noise).clip(0, 255).astype(np.uint8)


def flat(values: Floats) -> Distribution:
    """As a bundle keeps a number."""
    quantiles = tuple(np.quantile(values, np.linspace(0, 1, 200)).tolist())
    return Distribution(quantiles=quantiles, mean=float(values.mean()), sd=float(values.std()), n=len(values))


def bundle() -> Bundle:
    """Made of good frames that are as the scores."""
    rng, made, shown = np.random.default_rng(5), proven_bundle(), framings(500, 6)
    values = rng.normal(MEANS, SPREADS, (500, 8)).clip(0)
    health = {name: flat(values[:, at]) for at, name in enumerate(ImageHealth.model_fields)}
    shifts = [flat(find_all([Template(PROFILE)] * 500, shown[:, way])[0]) for way in (0, 1)]
    profile = tuple(PROFILE.tolist())
    framing = FramingReference(columns=profile, rows=profile, right=shifts[0], down=shifts[1])
    reference = DriftReference(health=health, score=flat(rng.normal(0.05, 0.005, 500)), framing=framing)
    golden = {frame.name: made.golden_image(frame) for frame in made.manifest.golden}
    sample = made.calibration_sample
    assert sample is not None
    return make_bundle(made.manifest, model=made.model, reference=reference, sample=sample, golden=golden)


def baseline(digest: str, limits: Limits) -> Baseline:
    """Learned once, from 6,000 frames; every station gets a copy."""
    rng, shown = np.random.default_rng(1), framings(6000, 3)
    axes = [(limits.right, SIZE[0]), (limits.down, SIZE[1])]
    found = [find_all([Template(PROFILE)] * 6000, shown[:, way])[0] for way in (0, 1)]
    shifts = [(at - axis.usual) * side for at, (axis, side) in zip(found, axes, strict=True) if axis]
    values = np.column_stack([rng.normal(MEANS, SPREADS, (6000, 8)).clip(0), *shifts, rng.normal(0.05, 0.005, 6000)])
    embedding, peak = rng.normal(size=(6000, DIMENSIONS)).astype("f4"), rng.integers(0, 144, 6000).astype(np.int16)
    run_length = 30 * 864_000 * 25.0
    learned = learn(Sample(values, NAMES, rng.random(6000) < CALLED, embedding, peak), run_length=run_length)
    assert isinstance(learned, Learned)
    return Baseline(
        station="any",
        bundle=digest,
        since=START - timedelta(hours=8),
        until=START,
        frames=6000,
        period_s=0.1,
        run_length=run_length,
        tickets=1,
        watched=learned.watched,
        embedding=learned.embedding,
        rejects=learned.rejects,
        places=learned.places,
    )


def name_of(number: int) -> str:
    """Of a station."""
    return f"station-{number:04}"


def scores(digest: str, stations: int, frames: int) -> Iterator[Score]:
    """Frame by frame, all stations in turn; each frame with its own numbers."""
    rng, shown = np.random.default_rng(2), framings(5000, 4)
    for seq in range(frames):
        values = rng.normal(MEANS, SPREADS, (stations, 8)).clip(0)
        embeddings = rng.normal(size=(stations, DIMENSIONS)).astype("<f2")
        at = START + timedelta(seconds=0.1 * (seq + 1))
        for number in range(stations):
            bad = rng.random() < CALLED
            yield Score(
                frame_id=frame_id(name_of(number), 1, seq),
                station=name_of(number),
                epoch=1,
                seq=seq,
                captured_at=at,
                scored_at=at,
                verdict=Verdict.ANOMALOUS if bad else Verdict.OK,
                score=0.2 if bad else abs(rng.normal(0.05, 0.005)),
                threshold=0.1,
                bundle=digest,
                runtime="onnxruntime 1.23.2, CPU",
                width=SIZE[0],
                height=SIZE[1],
                frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
                health=ImageHealth(**dict(zip(ImageHealth.model_fields, values[number].tolist(), strict=True))),
                framing=write_framing(shown[int(rng.integers(5000))]),
                embedding=base64.b64encode(embeddings[number].tobytes()).decode(),
                peak=(int(rng.integers(SIZE[0])), int(rng.integers(SIZE[1]))),
                sha256=f"{seq * stations + number:064x}",
            )


class Words:
    """A topic that does not change."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def read_to_end(self) -> Iterator[Record]:
        return iter(self._records)

    def changes(self) -> list[Record]:
        return []

    def close(self) -> None: ...


class Forgetful:
    """A memory that keeps nothing."""

    def load(self, _stations: Sequence[str]) -> dict[str, dict[str, str]]:
        return {}

    def save(self, saving: Saving) -> None: ...

    def series(self, _station: str, _place: PlaceId, _stride: int) -> bytes:
        return b""


def in_memory(records: Sequence[Record], words: Sequence[Record], limits: Limits, batch: int, profile: bool) -> Way:
    """The real stage over given records."""
    board, metrics, rules, kafka = Board(), Metrics(CollectorRegistry()), Rules(), MemoryKafka()
    baselines = Baselines(Words(words))
    source = Remembering(
        given := Given(records, batch),
        Forgetful(),
        board,
        Findings(Words([])),
        Patience(lambda: None, 1),
        baselines=baselines,
        show=lambda card: shown_text(card.station, card.watched, card.state.resting, baselines.word, rules, START),
    )
    handle = Drifting(board, lambda _: limits, FaultSettings(), baselines, rules)
    shown = Shown(metrics, lambda: [(SCORES, n) for n in range(PARTITIONS)], board, baselines.word, rules)
    stage = Stage("drift", source, counted(handle, board, metrics), MemorySink(kafka), MemoryDeadLetters(kafka))

    def until(at: float) -> None:
        while given.at < at:
            stage.step(lambda: START)
            shown.tidy()

    until(WARM * len(records))
    shown._due = 0.0  # the first time, every series is made
    shown.tidy()
    gc.collect()
    gc.freeze()  # the records are no part of it
    done = given.at
    with profiled(profile):
        cpu = time.process_time()
        until(len(records))
        cpu = time.process_time() - cpu
    findings = len(kafka.records("drift"))
    return Way("in memory", len(records) - done, cpu, psutil.Process().memory_info().rss / 2**20, findings)


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Shows afterwards where the time went."""
    profile = cProfile.Profile()
    if wanted:
        profile.enable()
    yield
    if wanted:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        pstats.Stats(profile).sort_stats("cumtime").print_stats("andon", 50)


def reading_alone(records: Sequence[Record]) -> Way:
    """The yardstick: nothing but reading each score's JSON."""
    few = records[:20_000]
    cpu = time.process_time()
    for record in few:
        read_score(record)
    cpu = time.process_time() - cpu
    return Way("reading the JSON alone", len(few), cpu, psutil.Process().memory_info().rss / 2**20, 0)


def on_servers(trial: Trial, messages: Callable[[], Iterator[Message]], words: Sequence[Message], count: int) -> Way:
    """The real command, alone with a backlog."""
    trial.write(*words)
    trial.write(*messages())
    trial.start("drift")
    process = trial.service("drift").process
    watched = psutil.Process(process.pid)

    def seen() -> int:
        return count - trial.behind("drift", SCORES)

    trial.until(lambda: seen() >= WARM * count, "drift to have begun", 600, pause_s=0.05)
    before, cpu = seen(), _cpu_s(watched)
    trial.until(lambda: seen() >= count, "drift to have seen all", 900, pause_s=0.1)
    used = _cpu_s(watched) - cpu
    mib = watched.memory_info().rss / 2**20
    process.stop(grace_s=25)
    return Way("andon drift on Kafka and Redis", count - before, used, mib, trial.count("drift"))


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def main(
    stations: Annotated[int, typer.Option(min=1, help="How many stations there are.")] = 1000,
    frames: Annotated[int, typer.Option(min=20, help="Frames of each.")] = 100,
    batch: Annotated[int, typer.Option(help="Scores in a turn, in memory.")] = 512,
    profile: Annotated[bool, typer.Option(help="Show where the time goes, in memory.")] = False,
    servers: Annotated[bool, typer.Option(help="Measure on real Kafka and Redis, too.")] = True,
) -> None:
    """Measure how many scores a second drift takes in; writes bench/results/drift.md."""
    set_up_logs("bench", "warning", "console")
    made = bundle()
    limits = limits_of(made.manifest, made.reference)
    usual = baseline(made.digest, limits)
    references = [usual.model_copy(update={"station": name_of(number)}) for number in range(stations)]
    words = [Record(BASELINES, 0, at, each.key.encode(), write_event(each)) for at, each in enumerate(references)]
    records = [
        Record(SCORES, at % PARTITIONS, at, each.station.encode(), write_event(each))
        for at, each in enumerate(scores(made.digest, stations, frames))
    ]
    ways = [reading_alone(records), in_memory(records, words, limits, batch, profile)]
    size = sum(len(record.value) for record in records) / len(records)

    def messages() -> Iterator[Message]:
        return (Message(SCORES, record.key, record.value) for record in records)

    if servers:
        with tempfile.TemporaryDirectory() as folder, Servers() as started:
            env = {"OMP_NUM_THREADS": "1", "ANDON_KAFKA__BATCH_RECORDS": str(batch)}
            with Trial(started, Path(folder), env, random.SystemRandom()) as trial:
                trial.bundles.put(made)
                said = [Message(BASELINES, record.key, record.value) for record in words]
                ways.append(on_servers(trial, messages, said, len(records)))
    title = f"{stations} stations, {frames} frames of each, {size:.0f} bytes a score"
    head = ["", "scores", "µs of CPU a score", "scores a second on one core", "MiB", "findings"]
    remark = (
        f"Wanted: {WANTED:,} scores a second on one core, {1e6 / WANTED:.0f} µs each. All charts look at every block "
        "here; a station of ten frames a second that was learned from a shift is looked at in one block of 64."
    )
    table = Table(title, head, [way.row() for way in ways], remark)
    table.show(Console())
    if servers and stations >= 1000:
        write(RESULTS, "How many scores a second drift takes in", machine(), [table], {"ways": ways})


if __name__ == "__main__":
    typer.run(main)
