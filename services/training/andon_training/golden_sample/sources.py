"""Reads what an operator gives: references, each of which must be readable, and repeats, most of which must."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid, Mistake
from andon.ids import sha256_hex
from andon.images.header import Header
from andon.images.limits import ImageLimits
from andon.images.prepare import prepare
from andon.images.sniff import sniff
from andon.preparation import MAX_SIDE, MAX_TENSOR_BYTES, Preparation
from andon_training.golden_sample.pixels import References
from andon_training.progress import Progress
from andon_training.sample import UNREADABLE_SHARE, GoodFrame, looks_grey, refuse_many_planes
from andon_training.source import Source

STEP = 8  # pixels a side must be a multiple of
LEAST_SIDE = 64
MAX_BYTES = 512 * 1024**2  # of all references in the model

Tensor = NDArray[np.uint8]


def native_preparation(references: Sequence[Source], longest: int | None, grey: bool | None) -> Preparation:
    """The references' own size, or `longest` pixels along the longer side; smaller where one record needs it.

    Raises Mistake when references differ in size, cannot be read, are too small, or are too many for one model.
    """
    if not references:
        raise Mistake("no references; give at least one picture of a perfect part")
    refuse_many_planes(references)
    width, height = _common_size(references)
    channels = 1 if (looks_grey(references) if grey is None else grey) else 3
    width, height = _fitting(width, height, channels, longest)
    total = len(references) * width * height * channels
    if total > MAX_BYTES:
        raise Mistake(
            f"{len(references)} references of {width}x{height}x{channels} hold {total / 1e6:.0f} MB; at most "
            f"{MAX_BYTES / 1e6:.0f} MB fit one model: make them smaller with --size, or split them over stations"
        )
    return Preparation(width=width, height=height, channels=channels)


def read_references(sources: Sequence[Source], preparation: Preparation, progress: Progress) -> References:
    """All of them, uint8 [K, H, W, C]. Raises Mistake when two are the same picture."""
    images: References = np.empty((len(sources), *preparation.shape), np.uint8)
    known: dict[str, str] = {}
    for i, source in enumerate(sources):
        images[i] = _prepared(source, preparation)
        digest = sha256_hex(images[i].tobytes())
        if digest in known:
            raise Mistake(f"references {known[digest]} and {source.name} are the same picture; keep one")
        known[digest] = source.name
        progress("reading", i + 1, len(sources))
    return images


def _prepared(source: Source, preparation: Preparation) -> Tensor:
    try:
        return prepare(_read(source), preparation).tensor
    except Invalid as error:
        raise _needed(source, error) from error


def _needed(source: Source, error: Invalid) -> Mistake:
    return Mistake(f"reference {source.name}: {error}; replace it, every reference is needed")


@dataclass
class Reading:
    """Frames, each different from the others and from `known`, read one at a time.

    `unreadable` and `offered` are true once `frames` is through.
    """

    known: set[str]
    unreadable: list[str] = field(default_factory=list)
    offered: int = 0

    def frames(self, sources: Sequence[Source], preparation: Preparation) -> Iterator[tuple[GoodFrame, Tensor]]:
        """Each with its tensor, uint8 [H, W, C]."""
        for source in sources:
            self.offered += 1
            try:
                prepared = prepare(_bytes(source), preparation)
            except Invalid as error:
                self.unreadable.append(f"{source.name}: {error}")
                continue
            digest = sha256_hex(prepared.tensor.tobytes())
            if digest not in self.known:
                self.known.add(digest)
                yield GoodFrame(source, digest, prepared.health, prepared.framing), prepared.tensor


def check_repeats(sources: Sequence[Source], references: Sequence[Source]) -> None:
    """Raises Mistake when readable repeats are not of the references' size."""
    width, height = _common_size(references[:1])
    for source in sources:
        try:
            header = sniff(_bytes(source), ImageLimits())
        except Invalid:
            continue  # told later, with the others
        if (header.width, header.height) != (width, height):
            raise Mistake(
                f"repeat {source.name} is {header.width}x{header.height} pixels, the references are {width}x{height}; "
                "give repeats as the same camera takes them"
            )


def check_unreadable(reading: Reading) -> None:
    """Raises Mistake when too many could not be read."""
    if len(reading.unreadable) > UNREADABLE_SHARE * reading.offered:
        some = "; ".join(reading.unreadable[:3])
        raise Mistake(
            f"{len(reading.unreadable)} of {reading.offered} repeats cannot be read (at most {UNREADABLE_SHARE:.0%} "
            f"may): {some}; remove them or fetch them again"
        )


def _fitting(width: int, height: int, channels: int, longest: int | None) -> tuple[int, int]:
    """(width, height) no larger than asked for and than one record holds, in whole steps, of nearly the same shape."""
    side, whole = max(width, height), width * height * channels
    shrink = min(1.0, min(longest or side, MAX_SIDE) / side, math.sqrt(MAX_TENSOR_BYTES / whole))
    width, height = (int(one * shrink + 1e-6) // STEP * STEP for one in (width, height))
    if min(width, height) < LEAST_SIDE:
        raise Mistake(
            f"references of {width}x{height} pixels: registration needs at least {LEAST_SIDE} along each side"
        )
    return width, height


def _common_size(references: Sequence[Source]) -> tuple[int, int]:
    """(width, height) in pixels of all."""
    headers = [_header(source) for source in references]
    sizes = [(header.width, header.height) for header in headers]
    for source, size in zip(references, sizes, strict=True):
        if size != sizes[0]:
            (width, height), (first_width, first_height) = size, sizes[0]
            raise Mistake(
                f"reference {source.name} is {width}x{height} pixels, {references[0].name} is "
                f"{first_width}x{first_height}; take all of them with the same camera at the same place"
            )
    return sizes[0]


def _header(source: Source) -> Header:
    data = _read(source)
    try:
        return sniff(data, ImageLimits())
    except Invalid as error:
        raise _needed(source, error) from error


def _read(source: Source) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        detail = error.strerror or str(error)
        raise Mistake(f"reference {source.name}: cannot be read: {detail}; every reference is needed") from error


def _bytes(source: Source) -> bytes:
    """Nothing where it cannot be read: what follows then says that it is empty."""
    try:
        return source.read_bytes()
    except OSError:
        return b""
