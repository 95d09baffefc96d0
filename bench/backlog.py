"""How much memory each service takes on a backlog: `python bench/backlog.py --help`.

Ingest fills camera.frames, then each service in turn meets all of it at once, alone, and works it off. Shown side by
side: resident memory when ready, and its highest (VmHWM of /proc/PID/status), against the limit.
"""

import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import typer
from machine import machine
from report import Table, write
from rich.console import Console

from andon.logs import set_up_logs
from andon.preparation import Preparation
from andon.testing.hostile import jpeg, photo
from andon.testing.models import proven_bundle, tiny_model
from andon.topics import FRAMES, PREPARED, SCORES
from andon_demo.line import ServiceProcess
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

LIMIT_MIB = 300.0
PATIENCE_S = 900.0
STATIONS = 4
RESULTS = Path(__file__).parent / "results" / "backlog"


@dataclass(frozen=True)
class Use:
    """What one service took: MiB when ready (0 where it was not looked at) and at most, and for how long it worked."""

    service: str
    ready_mib: float
    peak_mib: float
    took_s: float

    @property
    def within(self) -> bool:
        return self.peak_mib <= LIMIT_MIB

    def row(self) -> Sequence[str]:
        ready = f"{self.ready_mib:.0f}" if self.ready_mib else "–"  # noqa: RUF001  a dash, not a minus
        return [self.service, ready, f"{self.peak_mib:.0f}", f"{self.took_s:.0f}", "yes" if self.within else "NO"]


def memory_mib(pid: int, name: str) -> float:
    """VmRSS or VmHWM of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name + ":"))


def capture(trial: Trial, folder: Path, frames: int) -> Use:
    """Fills the backlog."""
    sources = [part for number in range(STATIONS) for part in ("--from", f"press-{number}={folder}")]
    began, peak = time.monotonic(), 0.0
    ingest = trial.ingest("folder", *sources, "--loop", "--count", str(frames // STATIONS))
    while ingest.process.running:
        peak = max(peak, _peak_mib(ingest))
        time.sleep(0.05)
    assert ingest.process.returncode == 0, ingest.process.tail()
    return Use("ingest", 0.0, peak, time.monotonic() - began)


def _peak_mib(service: ServiceProcess) -> float:
    try:
        return memory_mib(service.process.pid, "VmHWM")
    except (OSError, StopIteration):  # it has just ended
        return 0.0


def work_off(trial: Trial, name: str, topic: str) -> Use:
    """One service, alone with its backlog."""
    began = time.monotonic()
    trial.start(name)
    process = trial.service(name).process
    ready = memory_mib(process.pid, "VmRSS")
    trial.until(lambda: not process.running or not trial.behind(name, topic), name, PATIENCE_S, pause_s=0.5)
    assert process.running, process.tail()
    use = Use(name, ready, memory_mib(process.pid, "VmHWM"), time.monotonic() - began)
    process.stop(grace_s=25)
    return use


def main(
    frames: Annotated[int, typer.Option(min=STATIONS, help="How long the backlog is.")] = 20_000,
    side: Annotated[int, typer.Option(min=8, max=1024, help="Side of the prepared frames, in colour.")] = 256,
    kilobytes: Annotated[int, typer.Option(min=5, max=2000, help="Size of each image.")] = 50,
) -> None:
    """Measure the memory of each service on a backlog. Exit status 1 when one takes more than it may."""
    set_up_logs("bench", "warning", "console")
    preparation = Preparation(width=side, height=side, channels=3)
    with tempfile.TemporaryDirectory() as made, Servers() as servers:
        folder = Path(made) / "parts"
        folder.mkdir()
        image = image_of(kilobytes * 1000)
        (folder / "part.jpg").write_bytes(image)
        with Trial(servers, Path(made), {}, random.SystemRandom()) as trial:
            trial.assign(proven_bundle(preparation=preparation, model=tiny_model(preparation.shape)))
            uses = [capture(trial, folder, frames)]
            uses += [
                work_off(trial, name, topic)
                for name, topic in (("preprocess", FRAMES), ("scoring", PREPARED), ("alerting", SCORES))
            ]
            assert trial.count(SCORES) == frames
    title = f"Memory on a backlog of {frames} frames of {len(image) / 1000:.0f} kB"
    head = ["service", "MiB ready", "MiB at most", "s", f"within {LIMIT_MIB:.0f}"]
    table = Table(title, head, [use.row() for use in uses], "Scoring with a model of next to no size.")
    table.show(Console())
    if frames >= 20_000:
        write(RESULTS, "How much memory the line takes", machine(), [table], {"services": uses})
    sys.exit(0 if all(use.within for use in uses) else 1)


def image_of(size: int) -> bytes:
    """A JPEG of about `size` bytes."""
    side = 64
    while len(data := jpeg(cv2.GaussianBlur(photo(side * 4 // 3, side), (3, 3), 0), 85)) < size:
        side += 32
    return data


if __name__ == "__main__":
    typer.run(main)
