"""The odd ones out: frames that look like nothing else in the set, another product perhaps."""

from typing import NamedTuple

import cv2
import numpy as np

from andon_training.curate.findings import Finding, Kind, Measure
from andon_training.curate.look import Look
from andon_training.curate.robust import MAD_TO_SIGMA, Values, limits
from andon_training.curate.stack import DULL, Singles, Stack, nearest

FAR = 4.5
LEAST = 0.1  # spread of the ln of distances
CROWD = 0.1  # of the frames: so many of another product are still odd together
FEWEST = 5
COARSE = 8
STEADY = 0.05  # added to a number's spread over the set, so that one that never moves does not shout
BRIGHTNESS = slice(10, 15)  # of a style


class Apart(NamedTuple):
    """How far each of n frames lies from the others: times the median (`ratios`), and in limits (`excess`, 1 is at
    the limit `limit`).
    """

    ratios: Values
    excess: Values
    limit: float


def find_odd(stack: Stack) -> tuple[list[Finding], list[int]]:
    """The odd ones out, and all frames' places in the stack from the most usual to the oddest.

    Frames are compared twice: by style as spread over this set, which tells products apart where they all look
    alike, and by style and place together, which does where the set is of many kinds.
    """
    seen = (_apart(_by_spread(_styles(stack))), _apart(_by_place(stack)))
    worst = np.argmax([apart.excess for apart in seen], axis=0)
    excess = np.max([apart.excess for apart in seen], axis=0)
    found = [_finding(look, seen[worst[i]], i) for i, look in enumerate(stack) if excess[i] > 1]
    return found, np.argsort(excess, kind="stable").tolist()


def _finding(look: Look, apart: Apart, i: int) -> Finding:
    ratio = float(apart.ratios[i])
    says = f"odd one out: {ratio:.1f} times as unlike the other frames as usual; others stay under {apart.limit:.1f}"
    return Finding(Kind.ODD, look.name, says, Measure(ratio, apart.limit, "times the usual distance"))


def _apart(points: Singles) -> Apart:
    """By the distance to the nearest tenth of the frames, so that a few strange frames are no company."""
    distances, _ = nearest(points, max(FEWEST, int(CROWD * len(points))))
    logs = np.log(distances[:, -1] + 1e-6)
    usual = limits(logs, FAR, LEAST)
    excess = (logs - usual.middle) / (usual.high - usual.middle)
    return Apart(np.exp(logs - usual.middle), excess, float(np.exp(usual.high - usual.middle)))


def _styles(stack: Stack) -> Singles:
    return np.array([look.style for look in stack], np.float32)


def _by_spread(styles: Singles) -> Singles:
    """Each number in spreads of its own over the set."""
    centred = styles - np.median(styles, axis=0)
    spread = MAD_TO_SIGMA * np.median(np.abs(centred), axis=0) + STEADY
    return (centred / spread).astype(np.float32)


def _by_place(stack: Stack) -> Singles:
    """Style without brightness, and an 8x8 thumbnail at even contrast, as they are."""
    small = np.array(
        [cv2.resize(thumb, (COARSE, COARSE), interpolation=cv2.INTER_AREA).ravel() for thumb in stack.thumbs]
    )
    centred = small - small.mean(axis=1, keepdims=True)
    even = centred / (4 * (centred.std(axis=1, keepdims=True) + DULL))
    styles = np.delete(_styles(stack), np.arange(19)[BRIGHTNESS], axis=1)
    return np.concatenate([styles, even], axis=1).astype(np.float32)
