"""How many scores a second one ledger-watch takes in on one core: `python bench/ledger.py --help`.

Scores of many stations are made once, as scoring writes them, with what three services say passed them every ten
seconds. In memory the real stage runs over given records; then the real command runs over real Kafka and Redis on a
backlog. Counted is CPU time, and what the ledger of each station takes in memory and in Redis.
"""

import cProfile
import gc
import pstats
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import psutil
import typer
from given import Given
from machine import machine
from prometheus_client import CollectorRegistry
from report import Table, write
from rich.console import Console

from andon.ids import frame_id
from andon.logs import set_up_logs
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink
from andon.metrics import Metrics
from andon.passing import Passing
from andon.records import Frame, FramePlace, Score, Verdict, frame_headers, identity_headers, write_event
from andon.redis_client import Patience as Restful
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.stage import Message, Record, Stage
from andon.topics import DEAD_LETTERS, FRAMES, LEDGER, PREPARED, SCORES
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.booking import Booking
from andon_alerting.ledger.keeping import Keeping
from andon_alerting.ledger.observe import Shown
from andon_alerting.ledger.opened import Opened
from andon_alerting.ledger.station import Station
from andon_alerting.ledger.sweep import Sweep
from andon_alerting.ledger.telling import Patience
from andon_alerting.ledger.watching import Watching
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

RESULTS = Path(__file__).parent / "results" / "ledger"
PARTITIONS = 4
WANTED = 10_000
"""Scores a second: a thousand stations at ten frames a second."""
REPORTED = 100
"""Frames of a station between two reports of a service: ten seconds."""
FILLING = "".join(f"{n:02x}" for n in range(256)) * 2
"""What a score carries beside the rest: health, framing, embedding, of about as many bytes."""


@dataclass(frozen=True)
class Way:
    """One way of running it: scores counted, seconds of CPU, MiB of the process."""

    name: str
    scores: int
    cpu_s: float
    mib: float

    @property
    def microseconds(self) -> float:
        """CPU of one score."""
        return 1e6 * self.cpu_s / self.scores

    def row(self) -> Sequence[str]:
        cells = f"{self.microseconds:.0f}", f"{1e6 / self.microseconds:,.0f}", f"{self.mib:.0f}"
        return [self.name, f"{self.scores:,}", *cells]


def name_of(number: int) -> str:
    """Of a station."""
    return f"station-{number:04}"


def messages(stations: int, frames: int, epoch: int, foreign: bool) -> Iterator[Message]:
    """Frame by frame, all stations in turn; and every REPORTED frames what the services say."""
    said = [Passing(name) for name in ("ingest", "preprocess", "scoring")]
    start = datetime.fromtimestamp(epoch / 1000, UTC)
    for seq in range(frames):
        at = start + timedelta(seconds=seq / 10)
        for number in range(stations):
            yield _score(
                name_of(number), seq * stations + number if foreign else seq, 0 if foreign else epoch, at, said
            )
        if (seq + 1) % REPORTED == 0 or seq + 1 == frames:
            yield from (message for each in said for message in each.told(at))


def _score(station: str, seq: int, epoch: int, at: datetime, said: Sequence[Passing]) -> Message:
    own = frame_id(station, epoch, seq)
    frame = Frame(
        station, epoch, seq, own, at, topic="camera.frames.x" if not epoch else FRAMES, partition=0, offset=seq
    )
    headers = frame_headers(frame) if epoch else ()
    captured = Record(frame.topic, 0, seq, station.encode(), b"", headers)
    ingest, preprocess, scoring = said
    if epoch:
        ingest.sent([Message(FRAMES, captured.key, b"", headers)])
    preprocess.took([captured])
    preprocess.sent([Message(PREPARED, captured.key, b"", identity_headers(frame))])
    scoring.took([Record(PREPARED, 0, seq, captured.key, b"", identity_headers(frame))])
    score = Score(
        frame_id=own, station=station, epoch=epoch, seq=seq, captured_at=at, scored_at=at, verdict=Verdict.OK,
        score=0.05, threshold=0.1, bundle="b" * 64, width=2048, height=1536,
        frame=FramePlace(topic=frame.topic, partition=0, offset=seq), subject=FILLING[:500],
    )  # fmt: skip
    message = Message(SCORES, station.encode(), write_event(score), identity_headers(frame))
    scoring.sent([message])
    return message


class Nothing:
    """A topic that holds nothing."""

    def read_to_end(self) -> Iterator[Record]:
        return iter(())

    def changes(self) -> list[Record]:
        return []

    def close(self) -> None: ...


class Forgetful:
    """A memory that keeps nothing."""

    def open_in(self, _partitions: Sequence[int]) -> list[str]:
        return []

    def load(self, _names: Sequence[str], _began: int | None = None) -> dict[str, Station]:
        return {}

    def save(self, _stations: Sequence[Station], _began: int, _looked: Mapping[int, int]) -> bool:
        return True

    def begin(self, _at: int) -> None: ...


class Silent:
    """A Kafka that nobody has read."""

    def ends(self, _topics: Sequence[str]) -> dict[tuple[str, int], int]:
        return {(SCORES, 0): 1}

    def committed(self, _group: str) -> dict[tuple[str, int], int]:
        return {}


def in_memory(name: str, records: Sequence[Record], began: int, batch: int, profile: bool) -> Way:
    """The real stage over given records."""
    board, kafka, places = Board(began), MemoryKafka(), [(LEDGER, part) for part in range(PARTITIONS)]
    given, opened = Given(records, batch), Opened(Nothing())
    keeping = Keeping(given, lambda: places, Forgetful(), board, opened, Restful(lambda: None, 1))
    sweep = Sweep(Silent(), ())
    watching = Watching(
        board,
        sweep,
        sweep,
        Patience(300, 3600),
        lambda: datetime.now(UTC),
        10,
        Shown(Metrics(CollectorRegistry())),
        lambda *_: [],
    )
    handle = Booking(board, 300_000, opened.told)
    stage = Stage("ledger-watch", keeping, handle, MemorySink(kafka), MemoryDeadLetters(kafka))
    gc.collect()
    gc.freeze()  # the records are no part of it
    with profiled(profile):
        cpu = time.process_time()
        while not given.ended:
            stage.step(lambda: datetime.now(UTC))
            watching()
        cpu = time.process_time() - cpu
    scores = sum(each.topic == SCORES for each in records)
    assert sum(each.totals.scored for each in board.stations.values()) == scores
    return Way(name, scores, cpu, psutil.Process().memory_info().rss / 2**20)


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Shows afterwards where the time went."""
    profile = cProfile.Profile()
    if wanted:
        profile.enable()
    yield
    if wanted:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def on_servers(trial: Trial, told: Sequence[Message], count: int) -> tuple[Way, int]:
    """The real command, from its first to its last record; and the bytes of a station in Redis."""
    trial.start("ledger-watch")
    process = trial.service("ledger-watch").process
    watched = psutil.Process(process.pid)

    def behind() -> int:
        return sum(trial.behind("ledger", topic) for topic in (SCORES, LEDGER, DEAD_LETTERS))

    cpu = _cpu_s(watched)
    trial.write(*told)
    trial.until(lambda: trial.count(SCORES) == count and not behind(), "the watch to have seen all", 900)
    used, mib = _cpu_s(watched) - cpu, watched.memory_info().rss / 2**20
    process.stop(grace_s=25)
    with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
        size = int(redis.memory_usage(f"andon:ledger:{name_of(0)}"))
    return Way("andon ledger-watch on Kafka and Redis", count, used, mib), size


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def main(
    stations: Annotated[int, typer.Option(min=1, help="How many stations there are.")] = 1000,
    frames: Annotated[int, typer.Option(min=20, help="Frames of each.")] = 200,
    batch: Annotated[int, typer.Option(help="Records in a turn, in memory.")] = 512,
    profile: Annotated[bool, typer.Option(help="Show where the time goes, in memory.")] = False,
    servers: Annotated[bool, typer.Option(help="Measure on real Kafka and Redis, too.")] = True,
) -> None:
    """Measure how many scores a second the ledger takes in; writes bench/results/ledger.md."""
    set_up_logs("bench", "warning", "console")
    began = int(time.time() * 1000) - 600_000
    ways, size = [], 0
    for name, foreign in (("foreign frames, in memory", True), ("in memory", False)):
        told = list(messages(stations, frames, began + 310_000, foreign))
        records = [
            Record(each.topic, at % PARTITIONS, at, each.key, each.value, each.headers, began + 310_000)
            for at, each in enumerate(told)
        ]
        ways.append(in_memory(name, records, began, batch, profile))
    bytes_each = sum(len(each.value) for each in told) / len(told)
    if servers:
        with tempfile.TemporaryDirectory() as folder, Servers() as started:
            env = {"OMP_NUM_THREADS": "1"}
            with Trial(started, Path(folder), env, random.SystemRandom()) as trial:
                way, size = on_servers(trial, told, stations * frames)
                ways.append(way)
    title = f"{stations} stations, {frames} frames of each, {bytes_each:.0f} bytes a record"
    head = ["", "scores", "µs of CPU a score", "scores a second on one core", "MiB"]
    redis = f" A station takes {size:,} bytes of Redis." if size else ""
    memory = "In memory the process holds all records, too."
    remark = f"Wanted: {WANTED:,} scores a second on one core, {1e6 / WANTED:.0f} µs each. {memory}{redis}"
    table = Table(title, head, [way.row() for way in ways], remark)
    table.show(Console())
    if servers and stations >= 1000:
        write(RESULTS, "How many scores a second the ledger takes in", machine(), [table], {"ways": ways})


if __name__ == "__main__":
    typer.run(main)
