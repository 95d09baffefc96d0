"""The line on real servers, loaded and measured: CPU of every process, verdicts and when they were written."""

import random
import resource
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
from prometheus_client.parser import text_string_to_metric_families

from andon.errors import Broken
from andon.kafka import TopicReader
from andon.records import Score, read_event
from andon.settings import KafkaSettings
from andon.topics import SCORES
from andon_demo.follow import Follower
from andon_demo.line import Line, run_to_end
from andon_demo.servers.supervise import Servers
from andon_demo.tally import Tally

PATIENCE_S = 120.0
SERVICES = ("ingest", "preprocess", "scoring", "drift", "alerting")
BATCHES = "andon_inference_batch_frames"


@dataclass(frozen=True)
class Feed:
    """What ingest streams: `count` frames from each station, `rate` a second (0: as fast as Kafka takes)."""

    stations: Mapping[str, Path]
    count: int
    rate: float = 0.0

    @property
    def frames(self) -> int:
        """Of all stations."""
        return self.count * len(self.stations)

    def arguments(self) -> list[str]:
        """The command."""
        folders = [part for name, folder in self.stations.items() for part in ("--from", f"{name}={folder}")]
        return ["ingest", "folder", *folders, "--loop", "--count", str(self.count), "--rate", str(self.rate), "--json"]


@dataclass(frozen=True)
class Run:
    """One feed, streamed and scored to its end. `cpu_s` is by process; `batches` the frames in batches of each size;
    `verdicts` is (captured at, written at) in Unix seconds, in the order they were written.
    """

    frames: int
    cpu_s: Mapping[str, float]
    batches: dict[int, float]
    verdicts: Sequence[tuple[float, float]]

    @property
    def frames_per_s(self) -> float:
        """From the first capture to the last verdict."""
        return self.frames / (max(written for _, written in self.verdicts) - min(at for at, _ in self.verdicts))

    def latencies_ms(self, skip_s: float = 0.0) -> list[float]:
        """Camera to verdict, in order of capture, without those of the first `skip_s` seconds."""
        begin = min(at for at, _ in self.verdicts) + skip_s
        return [(written - at) * 1000 for at, written in sorted(self.verdicts) if at >= begin]

    def latency_ms(self, share: float, skip_s: float) -> float:
        """A percentile of them."""
        return float(np.percentile(self.latencies_ms(skip_s), share))


class Rig:
    """A line that runs. `run` streams a feed and waits until all of it is scored and alerting has seen it."""

    def __init__(self, servers: Servers, line: Line, env: Mapping[str, str], logs: Path) -> None:
        self._kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        self._line = line
        self._env = env
        self._logs = logs
        self._follower = Follower(self._kafka, Tally())
        watched = {name: service.process.pid for name, service in line.services.items()}
        watched |= {name: servers[name].process.pid for name in ("kafka", "redis")}
        self._processes = {name: psutil.Process(pid) for name, pid in watched.items()}

    def run(self, feed: Feed) -> Run:
        """Streams `feed` to its end. Nothing is in flight before or after."""
        starts, cpu, batches = self._follower.written(SCORES), self._cpu_s(), self._batches()
        ingest = _children_cpu_s()
        run_to_end("ingest", feed.arguments(), self._logs, self._env, within_s=600)
        ingest = _children_cpu_s() - ingest
        self._settle(sum(starts.values()) + feed.frames)
        used = {name: after - cpu[name] for name, after in self._cpu_s().items()} | {"ingest": ingest}
        seen = {size: count - batches.get(size, 0) for size, count in self._batches().items()}
        return Run(feed.frames, used, {size: n for size, n in seen.items() if n > 0}, list(self._verdicts(starts)))

    def measure(self, feed: Feed, warm_up: int) -> Run:
        """As `run`, after a warm-up of `warm_up` frames from each station, whose ingest CPU (mostly its start) is
        taken off: what is left belongs to the frames in between.
        """
        warm = self.run(Feed(feed.stations, warm_up))
        run = self.run(feed)
        share = feed.frames / (feed.frames - warm.frames)
        ingest = (run.cpu_s["ingest"] - warm.cpu_s["ingest"]) * share
        return Run(run.frames, {**run.cpu_s, "ingest": ingest}, run.batches, run.verdicts)

    def close(self) -> None:
        """Gives back the connections."""
        self._follower.close()

    def _settle(self, scores: int) -> None:
        deadline, before = time.monotonic() + PATIENCE_S, 0
        while (done := sum(self._follower.written(SCORES).values())) < scores:
            self._line.check()
            if done > before:
                before, deadline = done, time.monotonic() + PATIENCE_S
            if time.monotonic() > deadline:
                raise Broken(f"{scores - done} frames got no score within {PATIENCE_S:.0f} s of silence")
            time.sleep(0.1)
        while self._follower.behind("alerting", SCORES):
            self._line.check()
            time.sleep(0.1)

    def _cpu_s(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: each.user + each.system for name, each in times.items()}

    def _batches(self) -> dict[int, float]:
        """Frames so far in graph calls of each size, from scoring's histogram; a bucket counts as its upper edge."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._line.services['scoring'].port}/metrics") as page:
            families = {family.name: family for family in text_string_to_metric_families(page.read().decode())}
        samples = [each for each in families[BATCHES].samples if each.name.endswith("_bucket")]
        below = [(float(each.labels["le"]), each.value) for each in samples if each.labels["le"] != "+Inf"]
        return {int(edge): (calls - fewer) * edge for (_, fewer), (edge, calls) in pairwise([(0.0, 0.0), *below])}

    def _verdicts(self, starts: Mapping[int, int]) -> Iterator[tuple[float, float]]:
        reader = TopicReader(self._kafka, SCORES, starts=starts)
        for record in reader.read_to_end():
            yield read_event(Score, record.value).captured_at.timestamp(), record.timestamp_ms / 1000
        reader.close()


@contextmanager
def rig(servers: Servers, env: Mapping[str, str], draw: random.Random) -> Iterator[Rig]:
    """The four services' standing three started; ingest is started by each run."""
    folder = servers.folder
    if folder is None:
        raise Broken("the servers do not run")
    line = Line(folder / "logs", env, draw)
    try:
        line.start()
        loaded = Rig(servers, line, env, folder / "logs")
        yield loaded
        loaded.close()
    finally:
        line.stop()


def _children_cpu_s() -> float:
    """CPU of our children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
