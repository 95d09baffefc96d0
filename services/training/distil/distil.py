"""Distils a small backbone from a large one on generated pictures alone.

Two processes: one draws pictures and asks the teacher, this one teaches the student. A checkpoint is written every
minute and a backbone every ten, from the running mean of the weights; the same call goes on where it stopped.
"""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .batches import Batch, Task, produced
from .export import export
from .learner import Learner
from .loss import metric_of

METRIC_BATCHES = 16
log = logging.getLogger("distil")


@dataclass
class Every:
    """True once in `seconds`."""

    seconds: float
    last: float = field(default_factory=time.monotonic)

    def due(self, now: float) -> bool:
        """Whether it is time again."""
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


@dataclass
class Run:
    """A run of distillation: how long it has taken in all, and which seed comes next."""

    learner: Learner
    out: Path
    seconds: float
    spent: float = 0.0
    seed: int = 0
    told: list[list[float]] = field(default_factory=list)

    def learn(self, batches: Iterator[Batch]) -> None:
        """Learns until the time is spent, then writes the last checkpoint and backbone."""
        save, snapshot, last = Every(60), Every(600), time.monotonic()
        for batch in batches:
            self.told.append(self.learner.step(batch, self.spent / self.seconds).numbers())
            now = time.monotonic()
            self.spent, self.seed, last = self.spent + now - last, batch.seed, now
            if save.due(now):
                self.save()
            if snapshot.due(now):
                export(self.learner, self.out.with_suffix(".onnx"))
            if self.spent >= self.seconds:
                break
        self.save()
        export(self.learner, self.out.with_suffix(".onnx"))

    def save(self) -> None:
        """Writes the checkpoint and says how it goes."""
        means = np.mean(self.told, 0).round(4).tolist() if self.told else []
        log.info("%.0f s, %d steps, seed %d", self.spent, self.learner.steps, self.seed)
        log.info("losses (plain, whitened, pairs): s8 %s, s16 %s", means[:3], means[3:])
        self.told.clear()
        fresh = self.out.with_suffix(".part")
        torch.save({"learner": self.learner.state(), "spent": self.spent, "seed": self.seed}, fresh)
        os.replace(fresh, self.out.with_suffix(".pt"))


def resumed(out: Path, seconds: float) -> Run | None:
    """The run whose checkpoint stands at `out`, None where there is none."""
    path = out.with_suffix(".pt")
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return Run(Learner.resumed(state["learner"]), out, seconds, state["spent"], state["seed"])


def started(batches: Iterator[Batch], out: Path, seconds: float) -> tuple[Run, list[Batch]]:
    """A new run, and the batches that were looked at to learn how the teacher's features vary."""
    first = list(islice(batches, METRIC_BATCHES))
    metrics = metric_of([batch.s8 for batch in first]), metric_of([batch.s16 for batch in first])
    return Run(Learner(*metrics), out, seconds), first


def distil(task: Task, out: Path, seconds: float) -> None:
    """Runs, or goes on with, a distillation: `out`.pt is its checkpoint and `out`.onnx the backbone."""
    run = resumed(out, seconds)
    first: list[Batch] = []
    rest = Task(task.teacher, run.seed, task.size, task.groups) if run else task
    with produced(rest) as batches:
        if run is None:
            run, first = started(batches, out, seconds)
        run.learn(chain(first, batches))
