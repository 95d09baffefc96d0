"""Reads good frames: prepares each as the line will, drops repeats, names what cannot be read, extracts features."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from andon.cpu import cpu_limit
from andon.errors import Invalid, Mistake
from andon.health import ImageHealth
from andon.ids import sha256_hex
from andon.images.prepare import Prepared, prepare
from andon.preparation import Preparation
from andon_training.calibrate import MIN_FRAMES
from andon_training.head import feature_model

BATCH = 8
MAX_FEATURE_BYTES = 256 * 1024**2  # what the features of all frames may take in memory
UNREADABLE_SHARE = 0.05
COLOUR_LEVELS = 2.0  # mean difference of channels, in grey levels, that makes an image a colour image
COLOUR_SAMPLE = 8

Singles = NDArray[np.float32]
Tensor = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]


def silent(_step: str, _done: int, _of: int) -> None:
    """Progress that nobody watches."""


class Source(Protocol):
    """One encoded image. Reading it twice gives the same bytes."""

    @property
    def name(self) -> str:
        """What errors call it."""

    def read_bytes(self) -> bytes:
        """The encoded image."""


@dataclass(frozen=True)
class GoodFrame:
    """A good frame that was read: where, its pixels' digest, how it looks."""

    source: Source
    digest: str
    health: ImageHealth


@dataclass(frozen=True)
class Sample:
    """The frames fit learns from, and their features, float32 [n, rows, columns, depth], in the same order."""

    frames: tuple[GoodFrame, ...]
    features: Singles
    offered: int
    unreadable: tuple[str, ...]


def _try_prepare(source: Source, preparation: Preparation) -> tuple[Prepared | None, str]:
    try:
        return prepare(source.read_bytes(), preparation), ""
    except Invalid as error:
        return None, f"{source.name}: {error}"
    except OSError as error:
        return None, f"{source.name}: {error.strerror or error}"


def read_sample(sources: Sequence[Source], preparation: Preparation, progress: Progress) -> Sample:
    """Reads, prepares, drops repeats and extracts, in the order given.

    Raises Mistake when there are too few frames, too many unreadable ones, or all are alike.
    """
    extractor = open_extractor(preparation.shape)
    chosen = _evenly(sources, extractor.most_frames)
    found: dict[str, tuple[GoodFrame, Singles]] = {}
    unreadable: list[str] = []
    for batch in _batches(_prepared(chosen, preparation, unreadable, progress)):
        fresh = {frame.digest: (frame, tensor) for frame, tensor in batch if frame.digest not in found}
        if fresh:
            extracted = extractor.run(np.stack([tensor for _, tensor in fresh.values()]))
            found |= {digest: (frame, extracted[i]) for i, (digest, (frame, _)) in enumerate(fresh.items())}
    _check_sample(len(chosen), len(found), unreadable)
    return Sample(
        frames=tuple(frame for frame, _ in found.values()),
        features=np.stack([extracted for _, extracted in found.values()]),
        offered=len(sources),
        unreadable=tuple(unreadable),
    )


def _prepared(
    sources: Sequence[Source], preparation: Preparation, unreadable: list[str], progress: Progress
) -> Iterator[tuple[GoodFrame, Tensor]]:
    for i, source in enumerate(sources):
        prepared, problem = _try_prepare(source, preparation)
        if prepared is None:
            unreadable.append(problem)
        else:
            digest = sha256_hex(prepared.tensor.tobytes())
            yield GoodFrame(source, digest, prepared.health), prepared.tensor
        progress("reading", i + 1, len(sources))


def _batches(
    frames: Iterator[tuple[GoodFrame, Tensor]],
) -> Iterator[list[tuple[GoodFrame, Tensor]]]:
    while batch := list(islice(frames, BATCH)):
        yield batch


def _check_sample(offered: int, distinct: int, unreadable: Sequence[str]) -> None:
    readable = offered - len(unreadable)
    if len(unreadable) > UNREADABLE_SHARE * offered:
        some = "; ".join(unreadable[:3])
        raise Mistake(
            f"{len(unreadable)} of {offered} images cannot be read (at most {UNREADABLE_SHARE:.0%} may): {some}; "
            "remove them or fetch them again"
        )
    if distinct < MIN_FRAMES <= readable:
        raise Mistake(
            f"{readable} images, but only {distinct} different ones: is the camera frozen? "
            f"Fitting needs {MIN_FRAMES} different good frames"
        )
    if distinct < MIN_FRAMES:
        need = MIN_FRAMES - distinct
        raise Mistake(f"{distinct} good frames; fitting needs at least {MIN_FRAMES}: take {need} more, better 200")


@dataclass(frozen=True)
class Extractor:
    """The built-in features of prepared frames."""

    session: Any
    most_frames: int

    def run(self, batch: Tensor) -> Singles:
        """float32 [n, rows, columns, depth] of uint8 [n, h, w, c]."""
        found: Singles = self.session.run(["features"], {"frames": batch})[0]
        return found


def open_extractor(shape: tuple[int, int, int]) -> Extractor:
    """The extractor for frames of `shape`, and how many frames' features fit in memory."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cpu_limit()
    options.log_severity_level = 3
    data = feature_model(shape)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    _, rows, columns, depth = session.get_outputs()[0].shape
    return Extractor(session, MAX_FEATURE_BYTES // (rows * columns * depth * 4))


def _evenly(sources: Sequence[Source], most: int) -> Sequence[Source]:
    """At most `most` of them, spread over all."""
    if len(sources) <= most:
        return sources
    return [sources[i * len(sources) // most] for i in range(most)]


def looks_grey(sources: Sequence[Source]) -> bool:
    """Whether the first readable images hold no colour worth looking at."""
    look = Preparation(width=64, height=64, channels=3)
    step = max(1, len(sources) // COLOUR_SAMPLE)
    seen = (_try_prepare(source, look)[0] for source in sources[::step])
    tensors = [frame.tensor.astype(np.float32) for frame in islice(filter(None, seen), COLOUR_SAMPLE)]
    spread = [float(np.ptp(tensor, axis=2).mean()) for tensor in tensors]
    return not spread or max(spread) < COLOUR_LEVELS
