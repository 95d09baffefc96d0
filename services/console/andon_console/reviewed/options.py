"""What somebody wants exported, and how."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from andon.reviewed import ReviewedFrame


class Outlines(StrEnum):
    """Whose outlines of defects count."""

    DRAWN = "drawn"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Options:
    """`outlines` MODEL: where nobody drew one, the model's regions are taken, and said to be the model's. `test_share`
    of the good frames are set apart. `image_url` stands before the names of images for Label Studio. `names`: whether
    it says who answered."""

    outlines: Outlines = Outlines.DRAWN
    test_share: float = 0.2
    image_url: str = ""
    names: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reviewed frames: those of `stations` (none named: of all), of `product`, answered `since` then."""

    stations: tuple[str, ...] = ()
    product: str | None = None
    since: datetime | None = None

    def has(self, frame: ReviewedFrame) -> bool:
        """Whether it is one of them."""
        answer = frame.answer
        return (
            (not self.stations or answer.station in self.stations)
            and (self.product is None or answer.product == self.product)
            and (self.since is None or answer.at >= self.since)
        )
