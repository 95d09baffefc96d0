"""Good frames as training takes them: prepared as on the line, held in memory, and parted three ways.

Most are learned from. Some are held out, in no fit, for the threshold and for proving the export. Where a model tunes
itself on frames it did not learn from, as EfficientAD does its quantiles, a few of the rest are kept for that.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from andon.calibration import MIN_FRAMES
from andon.errors import Invalid, Mistake
from andon.ids import sha256_hex
from andon.images.limits import ImageLimits
from andon.images.sniff import sniff
from andon.preparation import Preparation
from andon_training.progress import Progress
from andon_training.sample import GoodFrame, Tensor, check_sample, evenly, image_channels, looks_grey, prepared_frames
from andon_training.source import Source

MAX_BYTES = 2 * 1024**3  # of prepared frames in memory; more are thinned out evenly
HELD_OUT = 0.2
BLOCKS = 5
TUNING = 10  # one learned frame in so many
LOOKED_AT = 64

Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class Frames:
    """Different good frames in the order given: what they are, and their pixels, uint8 [n, h, w, c]."""

    frames: tuple[GoodFrame, ...]
    pixels: Tensor
    offered: int
    unreadable: tuple[str, ...]

    @cached_property
    def held_out(self) -> Rows:
        """Which of them nothing is learned from: bool [n]."""
        return held_out_rows(len(self.frames))

    @property
    def digest(self) -> str:
        """sha256, in hex, of the pixels' digests in order: the same frames, in the same order, prepared alike."""
        return sha256_hex("\n".join(frame.digest for frame in self.frames).encode())


def read_frames(sources: Sequence[Source], preparation: Preparation, progress: Progress) -> Frames:
    """Reads and prepares; the same pixels twice count once.

    Raises Mistake when there are too few frames, too many unreadable ones, or all are alike.
    """
    chosen = evenly(sources, max(MIN_FRAMES, MAX_BYTES // prod(preparation.shape)))
    unreadable: list[str] = []
    found: dict[str, tuple[GoodFrame, Tensor]] = {}
    for frame, tensor in prepared_frames(chosen, preparation, unreadable, progress):
        found.setdefault(frame.digest, (frame, tensor))
    check_sample(len(chosen), len(found), unreadable)
    _check_enough(len(found))
    frames, tensors = zip(*found.values(), strict=True)
    return Frames(frames, np.stack(tensors), len(sources), tuple(unreadable))


def held_out_rows(n: int) -> Rows:
    """Which of `n` frames in the order of time are held out: a fifth, at least MIN_FRAMES, in blocks spread over all.

    Blocks, because neighbours in time look alike: a frame between two that were learned from is no proof of anything.
    """
    count = max(MIN_FRAMES, round(HELD_OUT * n))
    rows = np.zeros(n, np.bool_)
    for block in range(BLOCKS):
        end = n * (block + 1) // BLOCKS
        rows[end - (count * (block + 1) // BLOCKS - count * block // BLOCKS) : end] = True
    return rows


def parted(learned: Tensor, tunes: bool) -> tuple[Tensor, Tensor]:
    """What to learn from and what to tune on: the last tenth, where the model `tunes`; else nothing is set apart."""
    if not tunes:
        return learned, learned[:0]
    at = len(learned) - max(1, len(learned) // TUNING)
    return learned[:at], learned[at:]


def channels_of(sources: Sequence[Source], grey: bool | None) -> int:
    """How many channels the model is to see: those of the images, and 1 for colour images that are grey throughout.

    Raises Mistake when images have different numbers of planes, or `grey` is said of more than colour.
    """
    found = {each for each in map(image_channels, evenly(sources, LOOKED_AT)) if each is not None}
    many = sorted(found - {1, 3})
    if many and (len(found) > 1 or grey is not None):
        counts = ", ".join(map(str, sorted(found)))
        raise Mistake(f"images of {counts} channels: --grey and --colour, and mixed folders, are for 1 and 3 alone")
    if many:
        return many[0]
    return 1 if (looks_grey(sources) if grey is None else grey) else 3


def sizes_told(sources: Sequence[Source], preparation: Preparation) -> str:
    """A sentence when the images have several sizes, which all become one; else ""."""
    sizes = Counter(size for size in map(_size, evenly(sources, LOOKED_AT)) if size)
    if len(sizes) < 2:
        return ""
    some = ", ".join(size for size, _ in sizes.most_common(3))
    return (
        f"images of {len(sizes)} sizes ({some}): all are brought to {preparation.width}x{preparation.height}, "
        "as they will be on the line; parts seen at different scales are hard to learn"
    )


def _size(source: Source) -> str:
    try:
        header = sniff(source.read_bytes(), ImageLimits())
    except (Invalid, OSError):
        return ""
    return f"{header.width}x{header.height}"


def _check_enough(n: int) -> None:
    if n < 2 * MIN_FRAMES:
        raise Mistake(
            f"{n} good frames; training needs at least {2 * MIN_FRAMES}: {MIN_FRAMES} to learn from, and {MIN_FRAMES} "
            f"that it has not seen for the threshold. Take {2 * MIN_FRAMES - n} more, better 200; andon fit needs "
            f"{MIN_FRAMES}"
        )
