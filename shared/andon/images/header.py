"""What an image's header says, before anything is decoded."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Header:
    """`width` and `height` in pixels, `channels` of the picture (1 grey, 3 colour; alpha not counted),
    `bit_depth` of the decoded container (8 or 16).
    """

    format: Literal["jpeg", "png"]
    width: int
    height: int
    channels: Literal[1, 3]
    bit_depth: Literal[8, 16]
