"""An embedding: what a whole picture is like, in a few numbers that a bundle's model gives beside score and map.

A record carries it as float16: what is measured with it are shifts of the mean of hundreds of frames.
"""

import base64

import numpy as np
from numpy.typing import NDArray

MOST_NUMBERS = 128
NUMBERS = "<f2"  # little-endian, on any machine
_FARTHEST = float(np.finfo(np.float16).max)


def write_embedding(numbers: NDArray[np.float32]) -> str:
    """The text of `numbers`, finite float32 [d] with d from 1 to MOST_NUMBERS; beyond +-65,504 they are cut off."""
    return base64.b64encode(numbers.clip(-_FARTHEST, _FARTHEST).astype(NUMBERS).tobytes()).decode()


def read_embedding(text: str) -> NDArray[np.float32]:
    """The numbers, float32 [d], in a text that fits `andon.records.score.EMBEDDING`.

    They are finite where Andon wrote them; nothing but that keeps them so.
    """
    return np.frombuffer(base64.b64decode(text), NUMBERS).astype(np.float32)
