"""Whether fewer bits see as well as float32: tried on good frames and frames with defects."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from andon.manifest import Quantisation
from andon_training.progress import Progress
from andon_training.quantise import quantised
from andon_training.sample import NotFinite
from andon_training.trial import Plan, Trial, TrialFrames, run_trial, trial_frames
from andon_training.views import Eyes

MOST_LOST = 0.005  # of AUROC
MOST_BAND = 0.1  # of the threshold
COPIES = (1.0, 1.0, 1.0, 1.0)  # drawn copies of each frame, all loud: a loss of .005 must stand out from chance

Precision = Literal["int8", "float16"]
Singles = NDArray[np.float32]


def in_int8(eyes: Eyes, plan: Plan, frames: TrialFrames, progress: Progress) -> tuple[Eyes, Quantisation]:
    """`eyes` in int8 where they see as well, else as they are; and what was found."""
    progress("rounding", 0, 2)
    small = quantised(eyes, frames.sized(plan.size).good)
    progress("rounding", 1, 2)
    tried = trial_frames(frames.good, COPIES)
    exact = run_trial(plan, tried, eyes)
    try:
        found = compared(exact, run_trial(plan, tried, small))
    except NotFinite:
        found = not_finite(exact.auroc(exact.everything), "int8")
    progress("rounding", 2, 2)
    return (small if found.used else eyes), found


def compared(exact: Trial, rounded: Trial) -> Quantisation:
    """What rounding does to a trial, beside the threshold that one good frame in a hundred is above."""
    before, after = ((trial.good, trial.drawn.ravel()) for trial in (exact, rounded))
    return weighed(before, after, float(np.quantile(exact.good, 0.99)), "int8")


def weighed(
    before: tuple[Singles, Singles], after: tuple[Singles, Singles], threshold: float, precision: Precision
) -> Quantisation:
    """What rounding does: AUROC before and after, and the band round `threshold` beyond which no verdict changed.

    `before` and `after` are the scores of good frames, float32 [n], and of the defective ones, float32 [m].
    """
    exact, rounded = auroc(*before), auroc(*after)
    band = float(max(abs_moved.max(initial=0) for abs_moved in moved(before, after, threshold))) / abs(threshold)
    reason = ""
    if exact - rounded > MOST_LOST:
        reason = f"it would lose {exact - rounded:.3f} of AUROC; at most {MOST_LOST} is accepted"
    elif band > MOST_BAND:
        reason = f"scores move by up to {band:.0%} of the threshold; at most {MOST_BAND:.0%} is accepted"
    return Quantisation(
        precision=precision,
        auroc_float32=round(exact, 4),
        auroc_after=round(rounded, 4),
        band=round(band, 4),
        used=not reason,
        reason=reason,
    )


def moved(before: tuple[Singles, Singles], after: tuple[Singles, Singles], threshold: float) -> tuple[Singles, Singles]:
    """How far each score moved, of good frames and of defective ones: 0 where both are so far above the threshold
    that nothing can change the verdict.
    """
    near = np.minimum(before[1], after[1]) < 2 * threshold
    return np.abs(before[0] - after[0]), np.where(near, np.abs(before[1] - after[1]), np.float32(0))


def auroc(good: Singles, defective: Singles) -> float:
    """Image AUROC of `defective` scores against `good` ones."""
    scored = np.concatenate([good, defective])
    return float(roc_auc_score(np.arange(len(scored)) >= len(good), scored))


def not_finite(exact: float, precision: Precision) -> Quantisation:
    """Rounding that gives no numbers, where float32 has the AUROC `exact`."""
    reason = "it gives infinite numbers for these frames"
    return Quantisation(
        precision=precision, auroc_float32=round(exact, 4), auroc_after=None, band=None, used=False, reason=reason
    )
