"""Reads good frames: prepares each as the line will, drops repeats, names what cannot be read, extracts features."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.calibration import MIN_FRAMES
from andon.errors import Invalid, Mistake
from andon.health import ImageHealth
from andon.ids import sha256_hex
from andon.images.header import many
from andon.images.limits import ImageLimits
from andon.images.prepare import Prepared, prepare
from andon.images.sniff import sniff
from andon.preparation import Preparation
from andon_training.progress import Progress
from andon_training.session import cpu_session
from andon_training.source import Source
from andon_training.views import Eyes, View

BATCH = 8
MAX_FEATURE_BYTES = 256 * 1024**2  # what the features of all frames may take in memory
UNREADABLE_SHARE = 0.05
COLOUR_LEVELS = 2.0  # mean difference of channels, in grey levels, that makes an image a colour image
COLOUR_SAMPLE = 8

Singles = NDArray[np.float32]
Tensor = NDArray[np.uint8]


@dataclass(frozen=True)
class GoodFrame:
    """A good frame that was read: where, its pixels' digest, how it looks, where things stand in it."""

    source: Source
    digest: str
    health: ImageHealth
    framing: str | None = None


@dataclass(frozen=True)
class Sample:
    """The frames fit learns from, and their features, float32 [n, rows, columns, depth] a view, in the same order."""

    frames: tuple[GoodFrame, ...]
    views: tuple[View, ...]
    features: tuple[Singles, ...]
    offered: int
    unreadable: tuple[str, ...]


def _try_prepare(source: Source, preparation: Preparation) -> tuple[Prepared | None, str]:
    try:
        return prepare(source.read_bytes(), preparation), ""
    except Invalid as error:
        return None, f"{source.name}: {error}"
    except OSError as error:
        return None, f"{source.name}: {error.strerror or error}"


def read_sample(sources: Sequence[Source], preparation: Preparation, eyes: Eyes, progress: Progress) -> Sample:
    """Reads, prepares, drops repeats and extracts, in the order given.

    Raises Mistake when there are too few frames, too many unreadable ones, or all are alike.
    """
    extractor = open_extractor(eyes)
    chosen = evenly(sources, extractor.most_frames)
    found: dict[str, tuple[GoodFrame, tuple[Singles, ...]]] = {}
    unreadable: list[str] = []
    for batch in _batches(prepared_frames(chosen, preparation, unreadable, progress)):
        fresh = {frame.digest: (frame, tensor) for frame, tensor in batch if frame.digest not in found}
        if fresh:
            extracted = extractor.run(np.stack([tensor for _, tensor in fresh.values()]))
            rows = zip(*extracted, strict=True)
            found |= {digest: (frame, row) for (digest, (frame, _)), row in zip(fresh.items(), rows, strict=True)}
    check_sample(len(chosen), len(found), unreadable)
    return Sample(
        frames=tuple(frame for frame, _ in found.values()),
        views=extractor.views,
        features=tuple(np.stack(view) for view in zip(*(row for _, row in found.values()), strict=True)),
        offered=len(sources),
        unreadable=tuple(unreadable),
    )


def prepared_frames(
    sources: Sequence[Source], preparation: Preparation, unreadable: list[str], progress: Progress
) -> Iterator[tuple[GoodFrame, Tensor]]:
    """Each readable image, and its tensor uint8 [h, w, c], in the order given; why others are not goes to a list."""
    for i, source in enumerate(sources):
        prepared, problem = _try_prepare(source, preparation)
        if prepared is None:
            unreadable.append(problem)
        else:
            digest = sha256_hex(prepared.tensor.tobytes())
            yield GoodFrame(source, digest, prepared.health, prepared.framing), prepared.tensor
        progress("reading", i + 1, len(sources))


def _batches(
    frames: Iterator[tuple[GoodFrame, Tensor]],
) -> Iterator[list[tuple[GoodFrame, Tensor]]]:
    while batch := list(islice(frames, BATCH)):
        yield batch


def check_sample(offered: int, distinct: int, unreadable: Sequence[str]) -> None:
    """Raises Mistake when too few of `offered` images can be read, or too few are different."""
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


class NotFinite(Mistake):
    """A backbone gives numbers that are not finite for these frames."""


@dataclass(frozen=True)
class Extractor:
    """The views of prepared frames, and how many frames' views fit in memory."""

    session: Any
    views: tuple[View, ...]

    @property
    def most_frames(self) -> int:
        """How many frames' views may be held at once."""
        return MAX_FEATURE_BYTES // sum(view.rows * view.columns * view.depth * 4 for view in self.views)

    def run(self, batch: Tensor) -> tuple[Singles, ...]:
        """float32 [n, rows, columns, depth] a view, of uint8 [n, h, w, c]."""
        found = self.session.run([view.name for view in self.views], {"frames": batch})
        if not all(np.isfinite(view).all() for view in found):
            raise NotFinite(
                "the backbone gives infinite numbers for these frames; does it want other pixels (--backbone-pixels)?"
            )
        return tuple(np.ascontiguousarray(view.transpose(0, 2, 3, 1)) for view in found)

    def run_all(self, frames: Tensor) -> tuple[Singles, ...]:
        """As `run`, of any number of frames, a few at a time."""
        parts = [self.run(frames[i : i + BATCH]) for i in range(0, len(frames), BATCH)]
        return tuple(np.concatenate(view) for view in zip(*parts, strict=True))


def open_extractor(eyes: Eyes) -> Extractor:
    """The extractor of `eyes`, on this machine's CPU."""
    return Extractor(cpu_session(eyes.model), eyes.views)


def read_masters(sources: Sequence[Source], most: int, side: int, channels: int) -> Tensor:
    """At most `most` different frames, spread over all, as uint8 [n, side, side, channels], without unreadable ones."""
    preparation = Preparation(width=side, height=side, channels=channels)
    read = (_try_prepare(source, preparation)[0] for source in evenly(sources, most))
    frames = {prepared.tensor.tobytes(): prepared.tensor for prepared in read if prepared is not None}
    return np.array(list(frames.values()), np.uint8).reshape(len(frames), *preparation.shape)


def evenly(sources: Sequence[Source], most: int) -> Sequence[Source]:
    """At most `most` of them, spread over all."""
    if len(sources) <= most:
        return sources
    return [sources[i * len(sources) // most] for i in range(most)]


def refuse_many_planes(sources: Sequence[Source]) -> None:
    """Raises Mistake when the first of a few readable images is neither grey nor colour: no backbone of fit sees it."""
    for source in evenly(sources, COLOUR_SAMPLE):
        channels = image_channels(source)
        if channels is not None and many(channels):
            raise Mistake(
                f"{source.name}: has {channels} planes; andon fit learns from grey and colour images alone; "
                "andon train takes any number of planes"
            )


def image_channels(source: Source) -> int | None:
    """None where the image cannot be read."""
    try:
        return sniff(source.read_bytes(), ImageLimits()).channels
    except (Invalid, OSError):
        return None


def looks_grey(sources: Sequence[Source]) -> bool:
    """Whether the first readable images hold no colour worth looking at."""
    look = Preparation(width=64, height=64, channels=3)
    step = max(1, len(sources) // COLOUR_SAMPLE)
    seen = (_try_prepare(source, look)[0] for source in sources[::step])
    tensors = [frame.tensor.astype(np.float32) for frame in islice(filter(None, seen), COLOUR_SAMPLE)]
    spread = [float(np.ptp(tensor, axis=2).mean()) for tensor in tensors]
    return not spread or max(spread) < COLOUR_LEVELS
