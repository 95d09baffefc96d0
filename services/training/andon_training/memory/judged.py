"""Frames that people have judged, and which of them a bundle is to remember."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol
from uuid import UUID

from andon.errors import Mistake
from andon.records import Answer, Told


class Judged(Protocol):
    """A frame, and the last word on it; `andon.reviewed.ReviewedFrame` is one."""

    @property
    def answer(self) -> Answer:
        """What was said of it."""

    def image(self) -> bytes:
        """The encoded image. Raises Invalid where it is gone or not what it was, Broken where nobody can tell."""


def of_product(frames: Iterable[Judged], product: str | None) -> list[Judged]:
    """Those of `product`; of every product where it is None."""
    return [frame for frame in frames if product is None or frame.answer.product == product]


def false_calls(frames: Sequence[Judged], named: Collection[UUID], station: str) -> list[Judged]:
    """The false calls among `frames`: those `named`, or, where none is, all of them.

    Raises Mistake where one that is named is not among them, or is no false call; or where there is none.
    """
    known = {frame.answer.frame_id: frame for frame in frames}
    for frame_id in named:
        _check(known.get(frame_id), frame_id, station)
    wanted = [known[each] for each in dict.fromkeys(named)] if named else frames
    found = [frame for frame in wanted if frame.answer.answer is Told.FALSE_CALL]
    if not found:
        raise Mistake(
            f"station {station}: none of its {len(frames)} reviewed frames is a false call; answer some as false calls "
            "at the console (andon reviewed lists what is there)"
        )
    return found


def _check(frame: Judged | None, frame_id: UUID, station: str) -> None:
    if frame is None:
        raise Mistake(
            f"frame {frame_id}: not among the reviewed frames of {station}; andon reviewed lists them, and a frame "
            "joins them when it is answered at the console"
        )
    said = frame.answer.answer
    if said is not Told.FALSE_CALL:
        raise Mistake(
            f"frame {frame_id}: was answered {said.value!r}, and only a false call can be remembered: a frame that was "
            "called anomalous and is good"
        )
