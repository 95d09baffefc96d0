"""How far a good part may differ from its reference before it counts."""

from dataclasses import asdict, dataclass

from andon.errors import Mistake

MAX_REACH = 16  # pixels
MAX_TOLERANCE = 4
MAX_STRETCH = 4
MAX_BLOB = 31


@dataclass(frozen=True)
class Settings:
    """All in pixels of the prepared frame. Raises Mistake when one is out of range.

    `reach`: how far a whole frame may lie off its reference, at least, along each side.
    `stretch`: how much further a part of it may lie off the rest: a slight turn, scale, or a line camera's uneven pace.
    `tolerance`: how far an edge may stand from where it should after that.
    `blob`: side of the square over which a difference is averaged: what fills it counts in full, a thin line little.
    """

    reach: int = 8
    stretch: int = 2
    tolerance: int = 1
    blob: int = 5

    def __post_init__(self) -> None:
        _check("reach", self.reach, 0, MAX_REACH, "fix the part in its place, or make the frames smaller with --size")
        _check("stretch", self.stretch, 0, MAX_STRETCH, "more would hide misplaced parts")
        _check("tolerance", self.tolerance, 0, MAX_TOLERANCE, "more would hide small defects")
        _check("blob", self.blob, 1, MAX_BLOB, "more would hide small defects")
        if self.blob % 2 == 0:
            raise Mistake(f"blob {self.blob}: an odd number of pixels, so that it has a middle; try {self.blob + 1}")

    def record(self) -> dict[str, int | float | str]:
        """As a bundle's training record keeps them."""
        return {f"{name}_px": value for name, value in asdict(self).items()}


def _check(name: str, value: int, least: int, most: int, why: str) -> None:
    if not least <= value <= most:
        raise Mistake(f"{name} {value}: {least} to {most} pixels; {why}")
