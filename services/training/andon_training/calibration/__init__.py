"""A false-call budget becomes a raw-score threshold, and says how sure it is, from scores of good frames alone."""

from andon_training.calibration.threshold import MIN_FRAMES, ScoresFrom, Threshold, calibrate

__all__ = ["MIN_FRAMES", "ScoresFrom", "Threshold", "calibrate"]
