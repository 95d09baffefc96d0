"""`make scale`: does a frame cost more when it comes from one of a thousand stations than from one of ten?

The same number of small frames, from 10, 100 and 1,000 stations, goes as fast as it can through one machine's whole
line on real Kafka and Redis: ingest, preprocess, scoring, drift, alerting and the ledger. Servers and services are new
each time, so that memory is that of so many stations. Rounds take the counts in turn, each round beginning with another
one, so that what else the machine does falls on all alike. CPU is what the kernel charged to each process between two
moments at which nothing was in flight, less what it takes with nothing to do.

A little goes with stations and time, not with frames: every service that took a frame of a station tells the ledger so
every ten seconds. A thousand stations at a thousand frames a second send one each; ten send a hundred.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer
from machine import load, machine
from report import Floor, Table, floors_table, write
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from andon.bundle import Bundle
from andon.errors import Broken
from andon.kafka.clients import admin
from andon.kafka.standing import SPEC, committed_of, offsets_of
from andon.logs import set_up_logs
from andon.preparation import Preparation
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.testing.hostile import jpeg, photo
from andon.testing.models import proven_bundle, tiny_model
from andon.topics import DEAD_LETTERS, DRIFT, FRAMES, INCIDENTS, LEDGER, PREPARED, SCORES
from andon_demo.servers.supervise import Servers
from andon_demo.trial import PARTITIONS, Trial

RESULTS = Path(__file__).parent / "results" / "stations"
COUNTS = (10, 100, 1000)
READS = {
    "preprocess": ("preprocess", (FRAMES,)),
    "scoring": ("scoring", (PREPARED,)),
    "drift": ("drift", (SCORES,)),
    "alerting": ("alerting", (SCORES,)),
    "ledger-watch": ("ledger", (SCORES, LEDGER)),
}
"""Each service's group, and what of the frames' way it reads."""
SERVICES = ("ingest", *READS)
DATA = "redis, its data"
PATIENCE_S, ANSWER_S = 120.0, 20.0
RESTS, REST_S = 3, 2.0
FLAT = 1.3
"""At most so many times of ten stations' CPU may a frame of a thousand stations' cost."""


@dataclass(frozen=True)
class Run:
    """One stream from `stations`: CPU-seconds and MiB of each process; `wall_s` from its first score to its last;
    `commands` that Redis was given for a frame."""

    stations: int
    frames: int
    wall_s: float
    cpu_s: Mapping[str, float]
    mib: Mapping[str, float]
    commands: float
    findings: int

    def cpu_ms(self, name: str) -> float:
        """Of one frame, in one process."""
        return 1000 * self.cpu_s[name] / self.frames

    @property
    def services_ms(self) -> float:
        """CPU of one frame in all services."""
        return sum(map(self.cpu_ms, SERVICES))


class Watched:
    """A line on servers of its own, whose processes are counted."""

    def __init__(self, trial: Trial, folder: Path, tell: Callable[[int], None]) -> None:
        self._trial = trial
        self._folder = folder
        self._tell = tell
        self._admin = admin(trial.kafka)
        self._done, self._moved = 0, time.monotonic()
        pids = {name: trial.service(name).process.pid for name in READS}
        pids |= {name: trial.servers[name].process.pid for name in ("kafka", "redis")}
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    def run(self, stations: int, warm_up: int, frames: int) -> Run:
        """`frames` from so many stations, after `warm_up` from the same. Taken off is what an ingest takes to start, as
        the warm-up tells, and what a process takes in that time with nothing to do."""
        started, _, _ = self._stream(stations, warm_up)
        resting = self._resting()
        before, began, asked = self._cpu_s(), time.monotonic(), self._redis("total_commands_processed")
        ingest, ingest_mib, wall_s = self._stream(stations, frames)
        took_s = time.monotonic() - began
        used = {name: cpu_s - before[name] - took_s * resting[name] for name, cpu_s in self._cpu_s().items()}
        used["ingest"] = max(0.0, ingest - started) * frames / (frames - warm_up)
        mib = {name: process.memory_info().rss / 2**20 for name, process in self._processes.items()}
        mib[DATA] = self._redis("used_memory") / 2**20
        commands = (self._redis("total_commands_processed") - asked) / frames
        findings = sum(self._trial.count(topic) for topic in (DRIFT, INCIDENTS, DEAD_LETTERS))
        return Run(stations, frames, wall_s, used, mib | {"ingest": ingest_mib}, commands, findings)

    def _redis(self, number: str) -> float:
        """What Redis says of itself."""
        with closing(connect(RedisSettings(url=self._trial.servers.redis.url))) as redis:
            return float(redis.info()[number])

    def _resting(self) -> dict[str, float]:
        """The share of a core that each process takes with nothing to do: the least of a few looks, since what was
        told after the last frame is read in one of them."""
        looks = [self._look() for _ in range(RESTS)]
        return {name: min(look[name] for look in looks) for name in self._processes}

    def _look(self) -> dict[str, float]:
        before = self._cpu_s()
        time.sleep(REST_S)
        return {name: (cpu_s - before[name]) / REST_S for name, cpu_s in self._cpu_s().items()}

    def _stream(self, stations: int, frames: int) -> tuple[float, float, float]:
        """Until all of it has had its last effect. CPU-seconds and MiB of ingest; seconds from first score to last."""
        before, sources = self._trial.count(SCORES), [f"cam-{n:04}={self._folder}" for n in range(stations)]
        froms = [part for each in sources for part in ("--from", each)]
        ingest = self._trial.ingest("folder", *froms, "--loop", "--count", str(frames // stations))
        own, cpu_s, mib, began = psutil.Process(ingest.process.pid), 0.0, 0.0, 0.0
        while (done := self._scored()) < before + frames or ingest.process.running:
            with suppress(psutil.Error):
                cpu_s, mib = _cpu_s(own), max(mib, own.memory_info().rss / 2**20)
            began = began or (time.monotonic() if done > before else 0.0)
            if ingest.process.returncode:
                raise Broken(ingest.process.tail())
        wall_s = time.monotonic() - began
        while any(self._behind(group, topics) for group, topics in READS.values()):
            self._scored()
        return cpu_s, mib, wall_s

    def _behind(self, group: str, topics: Sequence[str]) -> bool:
        """Whether a group has not committed all that these topics hold."""
        done = committed_of(self._admin, f"{self._trial.kafka.group_prefix}.{group}", ANSWER_S)
        places = [(topic, part) for topic in topics for part in range(PARTITIONS)]
        ends = offsets_of(self._admin, places, SPEC.latest(), ANSWER_S)
        return any(done.get(place, 0) < end for place, end in ends.items())

    def _scored(self) -> int:
        """How many scores there are, told; a moment later. Raises Broken when a service ended or nothing goes on."""
        self._trial.line.check()
        time.sleep(0.05)
        done = self._trial.count(SCORES)
        if done > self._done:
            self._done, self._moved = done, time.monotonic()
        elif time.monotonic() - self._moved > PATIENCE_S:
            raise Broken(f"nothing was scored for {PATIENCE_S:.0f} s, and the line has not come to rest")
        self._tell(done)
        return done

    def _cpu_s(self) -> dict[str, float]:
        return {name: _cpu_s(process) for name, process in self._processes.items()}


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def small_bundle() -> Bundle:
    """A model of next to no size, over 64x64 in colour: what is left is what a frame costs by itself."""
    preparation = Preparation(width=64, height=64, channels=3)
    return proven_bundle(preparation=preparation, model=tiny_model(preparation.shape))


def small_images(folder: Path) -> int:
    """Sixteen JPEGs of some kilobytes, each of another part, none that the model calls; their mean size in bytes."""
    folder.mkdir()
    images = [jpeg(photo(160, 120, seed) // 3) for seed in range(16)]
    for number, data in enumerate(images):
        (folder / f"{number:02}.jpg").write_bytes(data)
    return round(statistics.mean(map(len, images)))


@contextmanager
def line(folder: Path, images: Path, tell: Callable[[int], None]) -> Iterator[Watched]:
    """New servers, new services."""
    with Servers(state=folder / "servers") as servers:
        env = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with Trial(servers, folder, env, random.SystemRandom()) as trial:
            trial.assign(small_bundle())
            trial.start(*READS)
            yield Watched(trial, images, tell)


def turns(rounds: int, counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(round, stations): every round begins with another count."""
    for number in range(rounds):
        for at in range(len(counts)):
            yield number, counts[(number + at) % len(counts)]


def measured(counts: Sequence[int], rounds: int, frames: int, images: Path, screen: Console) -> Iterator[list[Run]]:
    """All runs so far, after every round; their warm-up is a frame of each of the most stations."""
    runs: list[Run] = []
    columns = (*Progress.get_default_columns()[:3], TextColumn("{task.description}"), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="andon-stations-") as made, Progress(*columns, console=screen) as bar:
        task = bar.add_task("", total=rounds * len(counts) * (counts[-1] + frames))
        for number, stations in turns(rounds, counts):
            bar.update(task, description=f"round {number + 1} of {rounds}, {stations} stations")
            done, folder = len(runs) * (counts[-1] + frames), Path(made) / f"{number}-{stations}"
            folder.mkdir()
            with line(folder, images, lambda at, done=done: bar.update(task, completed=done + at)) as watched:
                runs.append(watched.run(stations, counts[-1], frames))
            screen.print(told(runs[-1]))
            if len(runs) % len(counts) == 0:
                yield runs


def told(run: Run) -> str:
    """A run in a line."""
    speed = f"{run.frames / run.wall_s:.0f} frames/s, {run.services_ms:.2f} CPU-ms a frame in all services"
    most = max(READS, key=lambda name: run.mib[name])
    return f"{run.stations} stations: {run.frames} frames, {speed}; {most} has most memory, {run.mib[most]:.0f} MiB"


def middle(runs: Sequence[Run], stations: int, of: Callable[[Run], float]) -> float:
    """The median over rounds."""
    return statistics.median(of(run) for run in runs if run.stations == stations)


def ratios(runs: Sequence[Run], few: int, many: int) -> list[float]:
    """CPU of a frame at `many` stations to that at `few`, round by round."""
    by = {count: [run.services_ms for run in runs if run.stations == count] for count in (few, many)}
    return [most / least for least, most in zip(by[few], by[many], strict=True)]


def all_tables(runs: Sequence[Run], counts: Sequence[int]) -> tuple[list[Table], Floor]:
    """The figures for people; and whether a frame costs the same."""
    ratio = statistics.median(ratios(runs, counts[0], counts[-1]))
    flat = Floor(f"CPU of a frame, {counts[-1]:,} stations to {counts[0]}, median", ratio, FLAT, "times")
    return [floors_table([flat]), cpu_table(runs, counts), memory_table(runs, counts)], flat


def cpu_table(runs: Sequence[Run], counts: Sequence[int]) -> Table:
    """By service, and by frame."""
    rows = [
        _row(name, [middle(runs, n, lambda run, name=name: run.cpu_ms(name)) for n in counts], 3) for name in SERVICES
    ]
    rows.append(_row("all services", [middle(runs, n, lambda run: run.services_ms) for n in counts], 3))
    rows += [
        _row(name, [middle(runs, n, lambda run, name=name: run.cpu_ms(name)) for n in counts], 3)
        for name in ("kafka", "redis")
    ]
    rows.append(
        _row("wall, ms a frame", [middle(runs, n, lambda run: 1000 * run.wall_s / run.frames) for n in counts], 3)
    )
    rows.append(_row("commands to redis", [middle(runs, n, lambda run: run.commands) for n in counts], 2))
    found = ratios(runs, counts[0], counts[-1])
    remark = (
        f"Medians of {len(found)} rounds. All services, {counts[-1]:,} stations to {counts[0]}, round by round: "
        f"{', '.join(f'{each:.2f}' for each in found)}. Findings, incidents and dead letters, over all: "
        f"{sum(run.findings for run in runs)}."
    )
    return Table("CPU-ms of a frame", _head(counts, "ratio"), rows, remark)


def memory_table(runs: Sequence[Run], counts: Sequence[int]) -> Table:
    """By service; and what a station adds."""
    rows = []
    for name in (*SERVICES, "kafka", "redis", DATA):
        held = [middle(runs, n, lambda run, name=name: run.mib[name]) for n in counts]
        each = 1024 * (held[-1] - held[0]) / (counts[-1] - counts[0])
        rows.append([name, *(f"{mib:.0f}" for mib in held), f"{max(0.0, each):.0f}"])
    remark = (
        "Resident, when all is done; ingest at its highest. Kafka's grows to what its heap may take, whatever comes."
    )
    return Table("Memory, MiB", _head(counts, "kB a station"), rows, remark)


def _head(counts: Sequence[int], last: str) -> list[str]:
    return ["", *(f"{count:,} stations" for count in counts), last]


def _row(name: str, values: Sequence[float], digits: int) -> list[str]:
    ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ""
    return [name, *(f"{value:.{digits}f}" for value in values), ratio]


def main(
    frames: Annotated[int, typer.Option(min=2000, help="Frames of each stream, in thousands.")] = 12_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each count is measured.")] = 3,
    counts: Annotated[str, typer.Option(help="Stations, from few to many, comma separated.")] = "10,100,1000",
    results: Annotated[Path, typer.Option(help="Where the figures go, without suffix.")] = RESULTS,
) -> None:
    """Measure what a frame costs at 10, 100 and 1,000 stations. Exit status 1 where it is not the same."""
    set_up_logs("bench", "warning", "console")
    wanted, screen, before = tuple(map(int, counts.split(","))), Console(stderr=True, highlight=False), machine()
    frames -= frames % wanted[-1]
    with tempfile.TemporaryDirectory() as made:
        images = Path(made) / "images"
        stream = {"frames": frames, "bytes": small_images(images), "prepared": "64x64x3"}
        for runs in measured(wanted, rounds, frames, images, screen):
            tables, flat = all_tables(runs, wanted)
            told_of = before | {"load average at the end": load()}
            if wanted == COUNTS:  # after every round: whoever stops it keeps what there is
                write(results, "What a frame costs, by stations", told_of, tables, {"stream": stream, "runs": runs})
    for table in tables:
        table.show(Console(highlight=False))
    if not flat.reached:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
