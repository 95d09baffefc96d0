"""The learner: student, optimiser and the running mean of the weights, one step at a time."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .batches import Batch
from .loss import Losses, Metric, losses
from .student import Student

TOP_RATE, LAST_RATE, WARM_STEPS, FLAT_SHARE = 2e-3, 1e-6, 300, 0.45
WEIGHT_DECAY, CLIP, MEMORY = 0.02, 5.0, 0.999


def learning_rate(step: int, share: float) -> float:
    """Warm-up by steps, then flat, then a half cosine to nothing; `share` is how much of the run is over, 0..1."""
    left = 1.0 if share < FLAT_SHARE else 0.5 * (1 + math.cos(math.pi * (share - FLAT_SHARE) / (1 - FLAT_SHARE)))
    return TOP_RATE * min(1.0, step / WARM_STEPS) * left + LAST_RATE


def _optimiser(student: nn.Module) -> torch.optim.AdamW:
    """AdamW that lets biases and batch norms alone."""
    kernels = [p for p in student.parameters() if p.ndim > 1]
    others = [p for p in student.parameters() if p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=TOP_RATE)


@dataclass(frozen=True)
class Told:
    """What a step was like, both strides."""

    s8: Losses
    s16: Losses

    def numbers(self) -> list[float]:
        """Plain, whitened, pairs at stride 8, then at stride 16."""
        return [float(v.detach()) for at in (self.s8, self.s16) for v in (at.plain, at.whitened, at.pairs)]


class Learner:
    """Everything that changes while learning. `mean_student` is what is exported: good at any moment of the run."""

    def __init__(self, s8: Metric, s16: Metric, student: Student | None = None) -> None:
        self.metrics = (s8, s16)
        self.student = (student or Student()).to(memory_format=torch.channels_last)
        self.mean_student = copy.deepcopy(self.student).eval()
        self.optimiser = _optimiser(self.student)
        self.steps = 0

    def step(self, batch: Batch, share: float) -> Told:
        """Learns one batch, `share` of the run (0..1) being over."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.steps, share)
        told = self._compared(batch)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(told.s8.total() + told.s16.total())
        nn.utils.clip_grad_norm_(self.student.parameters(), CLIP)
        self.optimiser.step()
        self.steps += 1
        self._remember()
        return told

    def _compared(self, batch: Batch) -> Told:
        pictures = _floats(batch.pictures).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            s8, s16 = self.student(pictures)
        fine, wide = self.metrics
        return Told(losses(fine, s8.float(), _floats(batch.s8)), losses(wide, s16.float(), _floats(batch.s16)))

    @torch.no_grad()
    def _remember(self) -> None:
        """Moves the mean of weights and batch norm statistics; its memory grows with the steps, to about 1,000."""
        keep = min(MEMORY, (1 + self.steps) / (10 + self.steps))
        now = self.student.state_dict()
        for name, mean in self.mean_student.state_dict().items():
            if mean.dtype.is_floating_point:
                mean.lerp_(now[name], 1 - keep)
            else:
                mean.copy_(now[name])

    def state(self) -> dict[str, Any]:
        """All of it, for torch.save: tensors and plain numbers alone."""
        return {
            "steps": self.steps,
            "student": self.student.state_dict(),
            "mean_student": self.mean_student.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "metrics": [vars(metric) for metric in self.metrics],
        }

    @classmethod
    def resumed(cls, state: dict[str, Any]) -> "Learner":
        """The learner whose `state` this is: it goes on as if it had never stopped."""
        s8, s16 = (Metric(**metric) for metric in state["metrics"])
        learner = cls(s8, s16)
        learner.student.load_state_dict(state["student"])
        learner.mean_student.load_state_dict(state["mean_student"])
        learner.optimiser.load_state_dict(state["optimiser"])
        learner.steps = state["steps"]
        return learner


def _floats(array: NDArray[np.float16]) -> Tensor:
    return torch.from_numpy(array).float()
