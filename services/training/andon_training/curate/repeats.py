"""Frames that show the same again: the same bytes, the same picture encoded again, a frozen or slow camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from andon_training.curate.findings import Finding, Kind, Measure
from andon_training.curate.look import Look
from andon_training.curate.robust import FEWEST
from andon_training.curate.stack import Singles, Stack

SHARE = 0.05  # of the set's typical distance; of real parts, different ones came no nearer than 0.07
SHARE_NEAREST = 0.15  # of how far a frame usually is from the one nearest to it: more, where no two parts are near
LEAST, MOST = 0.1, 1.0  # grey levels of a 32x32 thumbnail: rounding leaves less than the first, other parts seldom do
TYPICAL = 0.75  # quantile of the distances of pairs: a camera frozen for four fifths of the set leaves it untouched
SAMPLE = 512
BLOCK = 256
DOUBT = 0.5  # share of near-duplicates above which, where few others are left, parts may simply always look the same
UNIT = "grey levels"


class Spacing(NamedTuple):
    """How far apart frames lie, in grey levels: two of the set, and a frame and the one nearest to it."""

    typical: float
    nearest: float


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeats what. `typical`: how far two frames of the set lie apart, in grey levels, None for under two."""

    findings: tuple[Finding, ...]
    distinct: tuple[Look, ...]
    typical: float | None


def find_repeats(looks: Sequence[Look]) -> Repeats:
    """Of frames that show the same the first is distinct; the others repeat it."""
    exact, once = _exact(looks)
    stack = Stack(once)
    if len(once) < 2:
        return Repeats(tuple(exact), tuple(once), None)
    spacing = _spacing(stack.layouts)
    limit = min(MOST, max(LEAST, SHARE * spacing.typical, SHARE_NEAREST * spacing.nearest))
    near = _near(stack.layouts, limit)
    doubtful = len(near) > DOUBT * len(once) and len(once) - len(near) < FEWEST
    kind = Kind.ALIKE if doubtful else Kind.NEAR_DUPLICATE
    found = [_finding(kind, once[i], once[j], apart, limit) for i, (j, apart) in near.items()]
    distinct = once if doubtful else [look for i, look in enumerate(once) if i not in near]
    return Repeats((*exact, *found), tuple(distinct), spacing.typical)


def _exact(looks: Sequence[Look]) -> tuple[list[Finding], list[Look]]:
    first: dict[str, Look] = {}
    repeats = [look for look in looks if first.setdefault(look.digest, look) is not look]
    return [_same(look, first[look.digest]) for look in repeats], list(first.values())


def _same(look: Look, original: Look) -> Finding:
    says = f"the same as {original.name}, byte for byte"
    return Finding(Kind.REPEAT, look.name, says, Measure(0.0, 0.0, UNIT), original.name)


def _finding(kind: Kind, look: Look, original: Look, apart: float, limit: float) -> Finding:
    says = (
        f"the same picture as {original.name}: {apart:.2f} grey levels apart; other frames are over {limit:.2f} apart"
    )
    return Finding(kind, look.name, says, Measure(apart, limit, UNIT), original.name)


def _spacing(layouts: Singles) -> Spacing:
    """Of at most 512 of the layouts, spread evenly over all."""
    step = -(-len(layouts) // SAMPLE)
    pairs = pdist(layouts[::step]) / np.sqrt(layouts.shape[1])
    every = squareform(pairs)
    np.fill_diagonal(every, np.inf)
    return Spacing(float(np.quantile(pairs, TYPICAL)), float(np.median(every.min(axis=1))))


def _near(layouts: Singles, limit: float) -> dict[int, tuple[int, float]]:
    """For each frame no farther than `limit` from an earlier distinct one: that one, and how far, in grey levels.

    Only distinct frames are compared with, so a slow drift is no chain of repeats. Memory: BLOCK x n distances.
    """
    found: dict[int, tuple[int, float]] = {}
    distinct: list[int] = []
    for start in range(0, len(layouts), BLOCK):
        block = layouts[start : start + BLOCK]
        earlier, within = _apart(block, layouts[distinct]), _apart(block, block)
        inside: list[int] = []
        for row in range(len(block)):
            apart = np.concatenate([earlier[row], within[row, inside]])
            if apart.min(initial=np.inf) <= limit:
                place = int(apart.argmin())
                found[start + row] = ([*distinct, *(start + i for i in inside)][place], float(apart[place]))
            else:
                inside.append(row)
        distinct += [start + row for row in inside]
    return found


def _apart(left: Singles, right: Singles) -> NDArray[np.float64]:
    """[n, m]: the root mean square difference of every row of `left` to every row of `right`."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    distances: NDArray[np.float64] = np.sqrt(np.maximum(squares, 0).astype(np.float64) / left.shape[1])
    return distances
