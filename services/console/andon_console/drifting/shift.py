"""How far things moved, as an arrow over the picture; long enough to be seen, however short the way. Pure."""

from dataclasses import dataclass
from math import hypot

SHORTEST = 0.26  # of the picture's shorter side
HEAD = 0.09


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line in pixels of the picture, from (x1, y1) to (x2, y2), and the corners of its head as a polygon's points."""

    x1: float
    y1: float
    x2: float
    y2: float
    head: str


def arrow(width: int, height: int, right: float, down: float) -> Arrow | None:
    """The arrow of a shift to the right and down, in pixels of a picture `width` by `height`; None for no shift."""
    far, side = hypot(right, down), min(width, height)
    if far < 0.5 or side <= 0:
        return None
    long = min(max(far, SHORTEST * side), side)
    ux, uy = right / far, down / far
    x1, y1 = width / 2 - ux * long / 2, height / 2 - uy * long / 2
    x2, y2 = x1 + ux * long, y1 + uy * long
    size = HEAD * side
    neck = (x2 - ux * size, y2 - uy * size)
    corners = (
        (x2, y2),
        (neck[0] - uy * size / 2, neck[1] + ux * size / 2),
        (neck[0] + uy * size / 2, neck[1] - ux * size / 2),
    )
    return Arrow(x1, y1, neck[0], neck[1], " ".join(f"{x:.1f},{y:.1f}" for x, y in corners))
