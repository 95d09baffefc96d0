"""One reviewed frame, as the formats see it."""

from enum import StrEnum
from hashlib import sha256

from andon.errors import Invalid
from andon.images.limits import ImageLimits
from andon.images.sniff import sniff
from andon.records import DEFECTIVE, SOUND, Answer, Score
from andon.reviewed import ReviewedFrame
from andon_console.reviewed.names import category, defect_name

LIMITS = ImageLimits(max_bytes=256 * 1024**2)


class Side(StrEnum):
    """What is known of the part."""

    GOOD = "good"
    DEFECTIVE = "defective"
    UNKNOWN = "unknown"


class Picture:
    """Holds the image, once read, for as long as it is looked at. `lost` says why there is none: whoever asked for the
    image and did not get it leaves the frame out of whatever it lists."""

    __slots__ = ("_image", "_score", "_size", "frame", "lost")

    def __init__(self, frame: ReviewedFrame) -> None:
        self.frame = frame
        self.lost = ""
        self._image: bytes | None = None
        self._score: Score | bool | None = False
        self._size: tuple[int, int] | None = None

    @property
    def answer(self) -> Answer:
        """What was said of it."""
        return self.frame.answer

    @property
    def side(self) -> Side:
        """By the last word on it."""
        if self.answer.answer in DEFECTIVE:
            return Side.DEFECTIVE
        return Side.GOOD if self.answer.answer in SOUND else Side.UNKNOWN

    @property
    def ending(self) -> str:
        """How its file ends."""
        return self.frame.reviewed.name.rpartition(".")[2]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.answer.frame_id}.{self.ending}"

    @property
    def category(self) -> str:
        """What is inspected as one."""
        return category(self.answer.station, self.answer.product)

    @property
    def defect(self) -> str:
        """The kind of defect, as a folder is called."""
        return defect_name(self.answer.defect)

    def image(self) -> bytes:
        """The encoded image, proven. Raises Invalid where it cannot be had any more."""
        if self._image is None:
            try:
                self._image = self.frame.image()
            except Invalid as error:
                self.lost = str(error)
                raise
        return self._image

    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as the image says; an answer may say anything. Raises Invalid."""
        if self._size is None:
            header = sniff(self.image(), LIMITS)
            self._size = header.width, header.height
        return self._size

    def score(self) -> Score | None:
        """Its score, where it was kept."""
        if isinstance(self._score, bool):
            self._score = self.frame.score()
        return self._score

    def in_test(self, share: float) -> bool:
        """Whether it is one of the good frames set apart: by its id, so that it stays on its side for ever."""
        number = int.from_bytes(sha256(self.answer.frame_id.bytes).digest()[:8], "big")
        return number < share * 2**64
