"""`andon remember`: confirmed false calls join the memory of a bundle. No backbone is trained; the threshold stays.

Why the false-call budget's promise survives: a longer memory raises no score (`widen`), so of any good frames no more
lie above the threshold than it was calibrated for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from andon.bundle import Bundle
from andon.errors import Invalid, Mistake
from andon.images.prepare import prepare
from andon.inference import open_model
from andon.manifest import BundleManifest, Remembered
from andon_training.memory.banks import Head, Singles, find_head
from andon_training.memory.coreset import MOST_CELLS, Wanted, coreset, wanted
from andon_training.memory.graph import Wiring
from andon_training.memory.judged import Judged
from andon_training.memory.look import Looked, Onlooker
from andon_training.memory.made import is_called, made
from andon_training.memory.widen import widened
from andon_training.options import Method
from andon_training.progress import Progress, silent

STEPS = ("looking", "proving", "scoring")


@dataclass(frozen=True)
class Remembering:
    """The new bundle, and what became of the frames it was to remember, by id.

    `remembered` are in its memory now; of these it still calls `still_called`. `not_called` the old bundle did not call
    anomalous, so that there was nothing to remember. `left_out` has each frame that could not be read, and why. `cells`
    is what they brought to each memory; `full`: a memory had no room for all of it.
    """

    bundle: Bundle
    remembered: tuple[UUID, ...]
    still_called: tuple[UUID, ...]
    not_called: tuple[UUID, ...]
    left_out: tuple[str, ...]
    cells: tuple[int, ...]
    full: bool


@dataclass(frozen=True)
class _Seen:
    """A frame as the old bundle sees it; `wanted` is what each memory lacks of it, where it is called anomalous."""

    frame: Judged
    called: bool
    wanted: tuple[Wanted, ...] = ()

    @property
    def frame_id(self) -> UUID:
        return self.frame.answer.frame_id


def remember(
    bundle: Bundle, frames: Sequence[Judged], *, created_at: datetime | None = None, progress: Progress = silent
) -> Remembering:
    """`bundle` with the anomalous places of `frames`, false calls, in its memory.

    Raises Mistake when it has no memory that can be added to, calls none of the frames, has no room left, or would no
    longer give its golden frames their verdicts; Broken when the new bundle does not pass its own gate.
    """
    wiring = Wiring(bundle.model)
    head = known_head(bundle, wiring)
    rooms = _rooms(bundle, len(head.banks))
    left_out: list[str] = []
    seen = list(_looked(Onlooker(bundle, wiring, head), bundle.manifest, head, frames, left_out, progress))
    called = [each for each in seen if each.called]
    if not called:
        raise Mistake(_nothing(bundle, len(seen), left_out))
    added, full = _added([each.wanted for each in called], rooms)
    progress("proving", 0, 1)
    model = widened(wiring, head, added)
    opened = open_model(model, backbone=bundle.backbone)
    cells = tuple(len(each) for each in added)
    after = made(bundle, model, opened, _remembered(bundle, called, cells), created_at)
    progress("proving", 1, 1)
    return Remembering(
        bundle=after,
        remembered=tuple(each.frame_id for each in called),
        still_called=tuple(each.frame_id for each in called if is_called(after, opened, each.frame.image())),
        not_called=tuple(each.frame_id for each in seen if not each.called),
        left_out=tuple(left_out),
        cells=cells,
        full=full,
    )


def known_head(bundle: Bundle, wiring: Wiring) -> Head:
    """Where the model of `bundle` remembers. Raises Mistake where it does not, saying what to do instead."""
    head = find_head(wiring)
    if head is None:
        method = bundle.manifest.training.method
        raise Mistake(f"bundle {bundle.digest[:12]} ({method}): {WHY_NOT.get(method, NO_MEMORY)}; {INSTEAD}")
    return head


NO_MEMORY = "its model compares frames with no memory that Andon could add to"
WHY_NOT = {
    Method.GAUSSIAN.value: "remembers the mean and spread of each place, not examples, so no single frame can be added"
}
INSTEAD = (
    "make it again with its false calls among the good frames (andon fit --reviewed STATION); with --method "
    "memory-bank, later ones can be added as they come"
)


def _rooms(bundle: Bundle, memories: int) -> list[int]:
    """How many cells each memory may still take. Raises Mistake where none may take any."""
    known = bundle.manifest.training.remembered
    rooms = [MOST_CELLS - taken for taken in (known.cells if known else (0,) * memories)]
    if known and max(rooms) <= 0:
        raise Mistake(
            f"bundle {bundle.digest[:12]} has no room left: {len(known.frames)} false calls brought {MOST_CELLS} "
            "cells, the most it may take. So many are no exceptions but what good looks like: make it again with them "
            "among the good frames (andon fit --reviewed STATION)"
        )
    return rooms


def _looked(
    onlooker: Onlooker,
    manifest: BundleManifest,
    head: Head,
    frames: Sequence[Judged],
    left_out: list[str],
    progress: Progress,
) -> Iterator[_Seen]:
    for done, frame in enumerate(frames):
        try:
            looked = onlooker.look(prepare(frame.image(), manifest.preparation).tensor)
            yield _seen(frame, looked, head, manifest.threshold)
        except Invalid as error:
            left_out.append(f"{frame.answer.frame_id}: {error}")
        progress("looking", done + 1, len(frames))


def _seen(frame: Judged, looked: Looked, head: Head, threshold: float) -> _Seen:
    if not looked.score > threshold:
        return _Seen(frame, called=False)
    parts = zip(head.banks, looked.cells, looked.levels, strict=True)
    return _Seen(frame, True, tuple(wanted(bank.cells, cells, levels, threshold) for bank, cells, levels in parts))


def _nothing(bundle: Bundle, seen: int, left_out: Sequence[str]) -> str:
    gone = f"; {len(left_out)} cannot be read ({left_out[0]})" if left_out else ""
    return (
        f"bundle {bundle.digest[:12]} calls none of {seen} false calls anomalous{gone}: there is nothing to remember. "
        "They were called by another bundle; give that one"
    )


def _added(asked: Sequence[tuple[Wanted, ...]], rooms: Sequence[int]) -> tuple[tuple[Singles, ...], bool]:
    """What each memory gets, and whether some of it found no room."""
    chosen = [coreset(parts, room) for parts, room in zip(zip(*asked, strict=True), rooms, strict=True)]
    return tuple(cells for cells, _ in chosen), not all(enough for _, enough in chosen)


def _remembered(bundle: Bundle, called: Sequence[_Seen], cells: Sequence[int]) -> Remembered:
    before = bundle.manifest.training.remembered
    frames = (*(before.frames if before else ()), *(each.frame_id for each in called))
    known = before.cells if before else (0,) * len(cells)
    return Remembered(
        frames=tuple(dict.fromkeys(frames)), cells=tuple(was + new for was, new in zip(known, cells, strict=True))
    )
