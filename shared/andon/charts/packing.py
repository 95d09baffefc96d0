"""The state of charts as bytes: the arrays of its dataclasses, one after the other, in the order of their fields."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any
from zlib import crc32

import numpy as np

from andon.charts.sample import Doubles

VERSION = 1


def arrays(state: Any) -> Iterator[Doubles]:
    """Every array of `state`, a dataclass of arrays and of such dataclasses; not of frozen ones, the reference's."""
    for one in fields(state):
        value = getattr(state, one.name)
        if isinstance(value, np.ndarray):
            yield value
        elif is_dataclass(value) and not _frozen(type(value)):
            yield from arrays(value)


def _frozen(kind: Any) -> bool:
    return bool(kind.__dataclass_params__.frozen)


def fingerprint(text: str) -> bytes:
    """Four bytes that tell one reference from another."""
    return crc32(f"{VERSION} {text}".encode()).to_bytes(4, "little")


def pack(states: list[Any], mark: bytes) -> bytes:
    """`states` behind `mark`: float64, little-endian; whole numbers of a byte each where an array holds only such."""
    return mark + b"".join(_packed(array) for state in states for array in arrays(state))


def _packed(array: Doubles) -> bytes:
    small = array.astype(np.uint8)
    if np.array_equal(small, array):
        return b"\x01" + small.tobytes()
    return b"\x08" + array.astype("<f8").tobytes()


def unpack(states: list[Any], data: bytes, mark: bytes) -> bool:
    """Writes `data` into `states`; False, and nothing written, where it is not theirs."""
    targets = [array for state in states for array in arrays(state)]
    found, at = [], len(mark)
    for array in targets:
        width = data[at] if at < len(data) else 0
        part = data[at + 1 : at + 1 + width * array.size]
        if width not in (1, 8) or len(part) < width * array.size:
            return False
        found.append(np.frombuffer(part, "<f8" if width == 8 else np.uint8).reshape(array.shape))
        at += 1 + len(part)
    if data[: len(mark)] != mark or at != len(data):
        return False
    for array, value in zip(targets, found, strict=True):
        array[...] = value
    return True
