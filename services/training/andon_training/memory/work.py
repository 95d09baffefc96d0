"""The whole of `andon remember`, for the command and for the trainer: remember, then score everything again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from andon.bundle import Bundle
from andon.records import Rescored
from andon_training.memory.judged import Judged, false_calls, of_product
from andon_training.memory.remember import Remembering, remember
from andon_training.memory.report import Judge, rescored
from andon_training.progress import Progress, silent


@dataclass(frozen=True)
class Worked:
    """The bundle that remembers, and what it does to all frames that people have judged."""

    found: Remembering
    scored: Rescored


def remembered(
    bundle: Bundle,
    judged: Sequence[Judged],
    named: Collection[UUID],
    station: str,
    product: str | None,
    *,
    created_at: datetime | None = None,
    progress: Progress = silent,
) -> Worked:
    """`bundle` with false calls of `station` in its memory: those `named`, or all; only frames of `product` count.

    Raises as `remember` and `false_calls`.
    """
    frames = of_product(judged, product)
    found = remember(bundle, false_calls(frames, named, station), created_at=created_at, progress=progress)
    before, after = Judge.of(bundle), Judge.of(found.bundle)
    return Worked(found, rescored(frames, before.calls, after.calls, progress))
