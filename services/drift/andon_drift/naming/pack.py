"""A history as bytes: deflated; times as ages, values as 16 bits of the range that their number has in it."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon.records import Evidence

Doubles = NDArray[np.float64]
Codes = NDArray[np.uint16]
UNKNOWN, STEPS = 65_535, 65_534
HEAD = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a history consists of: `at` and `count` [n], `rows` [n, F]."""

    names: tuple[str, ...]
    at: Doubles
    count: Doubles
    rows: Doubles
    pictures: tuple[Evidence, ...]


def write(names: Sequence[str], at: Doubles, count: Doubles, rows: Doubles, pictures: Sequence[Evidence]) -> bytes:
    """A length, a JSON object of so many bytes, then ages, counts, and ranges and codes of the numbers."""
    newest = float(at[-1]) if len(at) else 0.0
    shown = [each.model_dump(mode="json", exclude_defaults=True, exclude={"regions"}) for each in pictures]
    told = json.dumps([names, newest, len(at), shown], separators=(",", ":")).encode()
    low, high, codes = _coded(rows)
    numbers = [newest - at, count, low, high]
    body = b"".join(each.astype("<f4").tobytes() for each in numbers) + codes.T.astype("<u2").tobytes()
    return zlib.compress(np.array(len(told), HEAD).tobytes() + told + body, 9)


def read(data: bytes) -> Kept:
    """What `write` wrote."""
    plain = zlib.decompress(data)
    length = int(np.frombuffer(plain, HEAD, 1)[0])
    names, newest, n, shown = json.loads(plain[4 : 4 + length])
    wide = len(names)
    floats = np.frombuffer(plain, "<f4", 2 * n + 2 * wide, 4 + length).astype(np.float64)
    ages, count, low, high = np.split(floats, [n, 2 * n, 2 * n + wide])
    codes = np.frombuffer(plain, "<u2", n * wide, 4 + length + 4 * len(floats)).reshape(wide, n).T
    rows = np.where(codes == UNKNOWN, np.nan, low + codes / STEPS * (high - low))
    return Kept(tuple(names), newest - ages, count, rows, tuple(Evidence.model_validate(each) for each in shown))


def _coded(rows: Doubles) -> tuple[Doubles, Doubles, Codes]:
    """The least and the greatest of every column [F], as float32 holds them, and the codes [n, F]."""
    known = np.isfinite(rows)
    low, high = (
        edge(np.where(known, rows, far), axis=0, initial=far).astype("<f4").astype(np.float64)
        for edge, far in ((np.min, np.inf), (np.max, -np.inf))
    )
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    share = (np.where(known, rows, low) - low) / np.where(high > low, high - low, 1.0)
    codes = np.rint(share.clip(0, 1) * STEPS)
    return low, high, np.where(known, codes, UNKNOWN).astype(np.uint16)
