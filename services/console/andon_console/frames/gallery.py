"""Pictures of frames, made once for all who look: small ones, large ones, and heat to lay over them."""

from collections.abc import Callable
from enum import Enum
from uuid import UUID

from andon.errors import Invalid
from andon.images.limits import ImageLimits
from andon.preparation import Box
from andon.records import FramePlace, Score
from andon_console.frames.cache import Shelf, Turns
from andon_console.frames.frames import Frames, Gone, Known


class Size(Enum):
    """How large a picture is: its longer side, in pixels."""

    THUMB = 240
    VIEW = 1280


class Gallery:
    """Any thread may ask. `crop_of` says where the bundle of a digest looks; it raises Invalid where nobody knows."""

    def __init__(self, frames: Frames, crop_of: Callable[[str], Box | None], limits: ImageLimits) -> None:
        self._frames = frames
        self._crop_of = crop_of
        self._limits = limits
        self._shelf = Shelf()
        self._turns = Turns()

    def picture(self, shot: Known, size: Size) -> bytes | Gone:
        """A JPEG of the frame. Raises as `Frames.image`; Gone where its bytes are no picture, too."""
        key = (shot.frame_id, shot.frame, size)
        return self._shelf.get(key) or self._kept(key, lambda: self._picture(shot, size))

    def heat(self, scored: FramePlace, frame_id: UUID) -> bytes | Gone:
        """A PNG with transparency over the whole frame, of the score at `scored`. Raises as `Frames.score`."""
        key = (frame_id, scored, "heat")
        return self._shelf.get(key) or self._kept(key, lambda: self._heat(self._frames.score(scored, frame_id)))

    def original(self, shot: Known) -> bytes | Gone:
        """The encoded image. Raises as `Frames.image`."""
        with self._turns.one():
            return self._frames.image(shot)

    def _kept(self, key: object, make: Callable[[], bytes | Gone]) -> bytes | Gone:
        with self._turns.one():
            made = make()
        if isinstance(made, bytes):
            self._shelf.put(key, made)
        return made

    def _picture(self, shot: Known, size: Size) -> bytes | Gone:
        from andon_console.frames.pictures import picture

        image = self._frames.image(shot)
        if isinstance(image, Gone):
            return image
        try:
            with self._turns.work():
                return picture(image, size.value, self._limits)
        except Invalid as error:
            return Gone(f"not shown: {error.detail}")

    def _heat(self, score: Score | None) -> bytes | Gone:
        from andon_console.frames.pictures import heat_overlay

        if score is None:
            return Gone("its score is not kept any more, and its heat map with it")
        if score.heat_map is None or score.bundle is None:
            return Gone("it has no heat map: only a frame that is called has one")
        try:
            with self._turns.work():
                return heat_overlay(score.heat_map, self._crop_of(score.bundle), score.width, score.height)
        except Invalid as error:
            return Gone(f"its heat map cannot be shown: {error.detail}")
