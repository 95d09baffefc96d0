"""What real cameras wrote passes, whole: nothing that guards against strangers turns a real frame away."""

import os
from pathlib import Path

import numpy as np
import pytest

from andon.images.prepare import prepare
from andon.preparation import Preparation

DATA = Path(os.environ.get("ANDON_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.mark.factory
@pytest.mark.parametrize("station", ["magtile", "solar", "pcb"])
def test_every_real_frame_becomes_a_tensor(station: str) -> None:
    frames = sorted((DATA / station / "train" / "good").glob("*"))[:60]
    if not frames:
        pytest.skip(f"no real images in {DATA / station}; set ANDON_TEST_DATA")
    for frame in frames:
        made = prepare(frame.read_bytes(), Preparation())
        assert made.tensor.shape == (256, 256, 3), frame
        assert np.ptp(made.tensor) > 20, frame
        assert made.health.contrast > 0.01, frame
