"""On real parts: the stated interval holds the false calls among good parts never seen, at every budget."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from andon.bundle import Bundle
from andon.images.prepare import prepare
from andon.inference import open_bundle
from andon_training.backbones import read_backbone
from andon_training.choose import Fixed
from andon_training.fit import FitSettings, fit_bundle
from andon_training.folder import good_frames
from andon_training.options import Lighting, Method, Pixels
from andon_training.recalibrate import recalibrated

pytestmark = pytest.mark.factory

BUDGETS = (0.001, 0.002, 0.01, 0.02, 0.05)
RARE = 0.01  # what chance among the test frames alone may explain


def _settings(factory_images: Path) -> FitSettings:
    """Nothing is left to choose, so that every run measures the same bundle."""
    backbone = read_backbone(factory_images / "weights" / "mobilenet_v2_1.0_features.onnx")
    fixed = Fixed(256, Method.GAUSSIAN, Lighting.LEVELLED, Pixels.SYMMETRIC)
    return FitSettings(0.02, fixed, backbone=backbone)


@pytest.fixture(scope="module", params=["magtile", "solar"])
def fitted(request: pytest.FixtureRequest, factory_images: Path) -> tuple[Bundle, NDArray[np.float32]]:
    """A bundle, and its scores of good frames that it was not fitted on."""
    root = factory_images / request.param
    bundle = fit_bundle(good_frames(root), _settings(factory_images), andon_version="test")
    model = open_bundle(bundle)
    unseen = [
        prepare(path.read_bytes(), bundle.manifest.preparation).tensor for path in good_frames(root / "test/good")
    ]
    return bundle, np.concatenate([model.run(np.stack(unseen[i : i + 8])).score for i in range(0, len(unseen), 8)])


def test_the_interval_holds_the_false_calls_on_unseen_parts(fitted: tuple[Bundle, NDArray[np.float32]]) -> None:
    bundle, unseen = fitted
    model = open_bundle(bundle)
    for budget in BUDGETS:
        after = recalibrated(bundle, budget, model).manifest
        calls, interval = int((unseen > after.threshold).sum()), after.calibration.interval
        row = f"budget {budget:g}: {calls} of {len(unseen)}, stated {interval.low:.4f} to {interval.high:.4f}"
        assert binom.sf(calls - 1, len(unseen), interval.high) > RARE, row
        assert binom.cdf(calls, len(unseen), interval.low) > RARE, row


def test_a_budget_of_two_per_cent_is_not_missed_by_far(fitted: tuple[Bundle, NDArray[np.float32]]) -> None:
    """Solar's unseen cells are of modules not fitted on: 5 % are called, 8.3 % where frames count as independent."""
    bundle, unseen = fitted
    assert (unseen > bundle.manifest.threshold).mean() <= 3 * 0.02
