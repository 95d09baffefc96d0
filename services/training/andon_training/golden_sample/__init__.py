"""Golden samples: every frame is compared with the reference, of one or many, that it is meant to be."""

from andon_training.golden_sample.fit import METHOD, STEPS, ReferenceSettings, fit_references
from andon_training.golden_sample.model import reference_model
from andon_training.golden_sample.settings import Settings

__all__ = ["METHOD", "STEPS", "ReferenceSettings", "Settings", "fit_references", "reference_model"]
