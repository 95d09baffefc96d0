"""How long a model learns, unless the operator says so: what its authors, or anomalib's own examples, take."""

import math
from dataclasses import dataclass

from andon.errors import Mistake

DEFAULT_EPOCHS = 100
EPOCHS = {"stfpm": 100, "reverse_distillation": 200, "fastflow": 500, "supersimplenet": 300}
STEPS = {"efficient_ad": 70_000, "dinomaly": 5_000, "inp_former": 5_000}
BATCH = {"efficient_ad": 1}  # its quantiles and its penalty are defined for single frames
DEFAULT_BATCH = 16


@dataclass(frozen=True)
class Length:
    """`epochs` over the learned frames, cut off after `steps` batches; -1 for no such cut."""

    epochs: int
    steps: int

    def batches(self, in_an_epoch: int) -> int:
        """How many batches that is."""
        whole = self.epochs * in_an_epoch
        return whole if self.steps < 0 else min(whole, self.steps)


def length_of(name: str, own: int | None, epochs: int | None, steps: int | None, in_an_epoch: int) -> Length:
    """How long `name` learns. `own` is how many epochs the model itself insists on, where it does.

    Raises Mistake when it does and the operator asks for another length.
    """
    if own is not None:
        if epochs not in (None, own) or steps is not None:
            raise Mistake(f"{name} looks at every frame {_times(own)}, no more; leave out --epochs and --steps")
        return Length(own, -1)
    if epochs is None and steps is None:
        epochs, steps = EPOCHS.get(name), STEPS.get(name)
    if steps is not None:
        enough = math.ceil(steps / in_an_epoch)
        return Length(enough if epochs is None else min(enough, epochs), steps)
    return Length(epochs or DEFAULT_EPOCHS, -1)


def batch_of(name: str, asked: int | None) -> int:
    """How many frames at once. Raises Mistake when the model takes only one number."""
    fixed = BATCH.get(name)
    if fixed is not None and asked not in (None, fixed):
        raise Mistake(f"{name} takes {fixed} frame at a time; leave out --batch")
    return fixed or asked or DEFAULT_BATCH


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
