"""What is made anew may be trained: by the model of the bundle before, or by the one that the settings name."""

from pathlib import Path

import pytest

from andon.errors import Mistake
from andon.manifest import BundleManifest
from andon.testing.models import proven_bundle
from andon.testing.parts import part, png
from andon_training.jobs.settings import JobsSettings
from andon_training.progress import silent
from andon_training.trainer.anew import learned, train_settings
from andon_training.trainer.settings import OnboardingSettings, TrainerSettings


class Shown:
    """A frame in memory."""

    def __init__(self, seq: int) -> None:
        self.name = f"frame-{seq}"
        self._data = png(part(seq))

    def read_bytes(self) -> bytes:
        return self._data


def settings(model: str) -> TrainerSettings:
    jobs = JobsSettings(method="train", model=model, weights=Path("random"))
    return TrainerSettings(jobs=jobs, onboarding=OnboardingSettings(size=64))


def made_by(method: str) -> BundleManifest:
    before = proven_bundle(10, 200).manifest
    return before.model_copy(update={"training": before.training.model_copy(update={"method": method})})


def test_what_is_made_anew_is_trained_for_the_budget_of_the_one_before(tmp_path: Path) -> None:
    before = made_by("fit")
    frames = [Shown(seq) for seq in range(64)]
    after = learned(frames, before, settings("padim"), tmp_path, silent).manifest
    assert after.training.method == "padim"
    assert after.calibration.budget == before.calibration.budget


def test_the_model_of_the_one_before_goes_on() -> None:
    assert train_settings(made_by("padim"), settings("patchcore")).kind.name == "padim"
    assert train_settings(made_by("fit"), settings("patchcore")).kind.name == "patchcore"


def test_a_model_that_anomalib_does_not_have_is_told() -> None:
    with pytest.raises(Mistake, match="no anomalib model"):
        train_settings(made_by("fit"), settings("clairvoyance"))
