"""What an image's header says, before anything is decoded."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Header:
    """`width` and `height` in pixels, `channels` of the picture (1 grey, 3 colour, any other number planes; alpha not
    counted), `bit_depth` of the decoded container (8 or 16). `start`: the byte at which pixels begin, of a .npy only.
    """

    format: Literal["jpeg", "png", "npy"]
    width: int
    height: int
    channels: int
    bit_depth: Literal[8, 16]
    start: int = 0


def planes(channels: int) -> str:
    """What people call so many channels: 'grey', 'colour' or '8 planes'."""
    return {1: "grey", 3: "colour"}.get(channels, f"{channels} planes")


def many(channels: int) -> bool:
    """Whether so many channels are neither grey nor colour."""
    return channels not in (1, 3)
