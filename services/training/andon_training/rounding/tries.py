"""Ways to round a bundle's graphs, each tried on frames: what it costs, and which frame it moves furthest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from andon.bundle import Bundle, BundleError
from andon.errors import Mistake
from andon.inference import Model, open_model
from andon.manifest import Quantisation
from andon_training.precision import Precision, auroc, moved, not_finite, weighed
from andon_training.quantise import Ranges, int8_model
from andon_training.rounding.float16 import float16_everywhere, float16_where_it_sees
from andon_training.rounding.frames import Frames, TrialSet
from andon_training.rounding.saturation import likely_cause
from andon_training.rounding.seeing import seeing_nodes
from andon_training.rounding.tidy import tidied

Singles = NDArray[np.float32]
BATCH = 8


@dataclass(frozen=True)
class Graphs:
    """What a bundle runs: the whole model, or a head and its backbone. Frames go into `seen`, the part to round."""

    model: bytes
    backbone: bytes | None

    @property
    def seen(self) -> bytes:
        """The graph that takes frames."""
        return self.model if self.backbone is None else self.backbone

    def with_seen(self, data: bytes) -> "Graphs":
        """The same with another graph that takes frames: a head compares in float32, whatever its backbone gives."""
        return Graphs(data, None) if self.backbone is None else Graphs(self.model, data)

    def open(self) -> Model:
        """Ready to run on this machine's CPU, by ONNX Runtime."""
        return open_model(self.model, backbone=self.backbone)


@dataclass(frozen=True)
class Judged:
    """Scores, float32 [n], and the highest value of each map, float32 [n], of some frames."""

    scores: Singles
    peaks: Singles


@dataclass(frozen=True)
class Moved:
    """The frame whose score moved furthest, and what most likely moved it."""

    frame: str
    before: float
    after: float
    cause: str = ""

    def __str__(self) -> str:
        return f"{self.frame}: {self.before:.6g} in float32, {self.after:.6g} rounded" + (
            f"; likely {self.cause}" if self.cause else ""
        )


@dataclass(frozen=True)
class Try:
    """One way that was tried: what it gives, what it costs. `graphs` None: it cannot be made or run."""

    way: str
    found: Quantisation
    graphs: Graphs | None = None
    worst: Moved | None = None


@dataclass(frozen=True)
class Exact:
    """The bundle in float32, and what it says of the frames that rounding is tried on."""

    graphs: Graphs
    threshold: float
    trial: TrialSet
    good: Judged
    defective: Judged

    @classmethod
    def of(cls, bundle: Bundle, trial: TrialSet) -> "Exact":
        """Raises Mistake when it gives no finite scores."""
        graphs = Graphs(bundle.model, bundle.backbone)
        model = graphs.open()
        good, defective = judged(model, trial.good), judged(model, trial.defective)
        if good is None or defective is None:
            raise Mistake(f"bundle {bundle.digest[:12]} gives no finite score for some of these frames in float32")
        return cls(graphs, bundle.manifest.threshold, trial, good, defective)

    @property
    def scores(self) -> tuple[Singles, Singles]:
        """Of the good frames, and of the defective ones."""
        return self.good.scores, self.defective.scores


def judged(model: Model, frames: Frames) -> Judged | None:
    """What `model` says of `frames`; None when it says of any that it cannot be scored."""
    parts = [model.run(frames.tensors[i : i + BATCH]) for i in range(0, len(frames.tensors), BATCH)]
    if any(problem for part in parts for problem in part.problems):
        return None
    return Judged(
        np.concatenate([part.score for part in parts]), np.concatenate([part.map.max(axis=(1, 2)) for part in parts])
    )


def tries(exact: Exact, precision: Precision, good: Frames) -> Iterator[Try]:
    """Every way to round, tried. int8 is calibrated on `good`."""
    for way, make in _ways(exact.graphs.seen, precision, good):
        yield _tried(exact, precision, way, make)


def _ways(seen: bytes, precision: Precision, good: Frames) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if precision == "float16":
        yield "everything", lambda: float16_everywhere(tidied(seen))
        yield "what sees", lambda: float16_where_it_sees(tidied(seen))
        return
    for ranges in Ranges:
        yield ranges.value, partial(_int8, seen, good, ranges)


def _int8(seen: bytes, good: Frames, ranges: Ranges) -> bytes:
    model = tidied(seen)
    nodes = seeing_nodes(model)
    if not nodes:
        raise Mistake("the model has no convolutions that could be rounded to int8; try --float16")
    return int8_model(model, nodes, good.tensors, ranges)


def _tried(exact: Exact, precision: Precision, way: str, make: Callable[[], bytes]) -> Try:
    graphs = exact.graphs.with_seen(make())
    try:
        model = graphs.open()
    except BundleError as error:
        return Try(way, _unusable(exact, precision, f"ONNX Runtime does not take it: {error}"))
    good, defective = judged(model, exact.trial.good), judged(model, exact.trial.defective)
    if good is None or defective is None:
        return Try(way, not_finite(auroc(*exact.scores), precision))
    found = weighed(exact.scores, (good.scores, defective.scores), exact.threshold, precision)
    return Try(way, found, graphs, _worst(exact, graphs, (good.scores, defective.scores), found))


def _unusable(exact: Exact, precision: Precision, reason: str) -> Quantisation:
    return not_finite(auroc(*exact.scores), precision).model_copy(update={"reason": reason})


def _worst(exact: Exact, graphs: Graphs, after: tuple[Singles, Singles], found: Quantisation) -> Moved:
    far = moved(exact.scores, after, exact.threshold)
    which = int(far[1].max(initial=0) > far[0].max(initial=0))
    at = int(far[which].argmax())
    frames = (exact.trial.good, exact.trial.defective)[which]
    cause = "" if found.used else _cause(exact, graphs, frames.tensors[at], found.precision)
    return Moved(frames.names[at], float(exact.scores[which][at]), float(after[which][at]), cause)


def _cause(exact: Exact, graphs: Graphs, frame: NDArray[np.uint8], precision: str) -> str:
    return likely_cause(graphs.seen, exact.graphs.seen, frame, precision)
