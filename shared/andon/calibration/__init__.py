"""A false-call budget becomes a raw-score threshold, and says how sure it is, from scores of good frames alone."""

from andon.calibration.preview import as_upper_bound, threshold_for
from andon.calibration.threshold import MIN_FRAMES, ScoresFrom, Threshold, calibrate

__all__ = ["MIN_FRAMES", "ScoresFrom", "Threshold", "as_upper_bound", "calibrate", "threshold_for"]
