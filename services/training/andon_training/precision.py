"""Whether int8 sees as well as float32: tried on good frames and the same frames with drawn defects."""

import numpy as np

from andon.manifest import Quantisation
from andon_training.progress import Progress
from andon_training.quantise import quantised
from andon_training.sample import NotFinite
from andon_training.trial import Plan, Trial, TrialFrames, run_trial, trial_frames
from andon_training.views import Eyes

MOST_LOST = 0.005  # of AUROC
MOST_BAND = 0.1  # of the threshold
COPIES = (1.0, 1.0, 1.0, 1.0)  # drawn copies of each frame, all loud: a loss of .005 must stand out from chance


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
        found = _not_finite(exact)
    progress("rounding", 2, 2)
    return (small if found.used else eyes), found


def _not_finite(exact: Trial) -> Quantisation:
    before = round(exact.auroc(exact.everything), 4)
    reason = "it gives infinite numbers for these frames"
    return Quantisation(auroc_float32=before, auroc_after=None, band=None, used=False, reason=reason)


def compared(exact: Trial, rounded: Trial) -> Quantisation:
    """What rounding does: AUROC of both, and the band round the threshold beyond which no verdict changed."""
    before, after = exact.auroc(exact.everything), rounded.auroc(rounded.everything)
    threshold = float(np.quantile(exact.good, 0.99))
    near = np.minimum(exact.drawn, rounded.drawn) < 2 * threshold  # far above it, nothing can change a verdict
    moved_good = np.abs(exact.good - rounded.good).max()
    moved_drawn = np.abs(exact.drawn - rounded.drawn)[near].max(initial=0)
    band = float(max(moved_good, moved_drawn)) / threshold
    reason = ""
    if before - after > MOST_LOST:
        reason = f"it would lose {before - after:.3f} of AUROC; at most {MOST_LOST} is accepted"
    elif band > MOST_BAND:
        reason = f"scores move by up to {band:.0%} of the threshold; at most {MOST_BAND:.0%} is accepted"
    return Quantisation(
        auroc_float32=round(before, 4),
        auroc_after=round(after, 4),
        band=round(band, 4),
        used=not reason,
        reason=reason,
    )
