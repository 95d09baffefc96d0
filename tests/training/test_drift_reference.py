"""What a bundle remembers of how its good frames looked, for drift to compare with."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from andon.framing import Template, read_framing
from andon.preparation import Preparation
from andon.testing.hostile import png
from andon_training.assemble import drift_reference
from andon_training.sample import GoodFrame, prepared_frames


@dataclass(frozen=True)
class Drawn:
    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


def drawn(right: int) -> Drawn:
    image = np.full((128, 128), 50, np.uint8)
    cv2.rectangle(image, (40 + right, 30), (70 + right, 90), 200, -1)
    return Drawn(f"{right}.png", png(image))


def good(shifts: range) -> list[GoodFrame]:
    looks = Preparation(width=64, height=64, channels=1)
    return [frame for frame, _ in prepared_frames([drawn(each) for each in shifts], looks, [], lambda *_: None)]


def test_it_holds_how_far_good_parts_lie_from_their_middle() -> None:
    frames = good(range(-4, 5))
    framing = drift_reference(frames, np.zeros(len(frames), np.float32)).framing
    assert framing is not None
    assert framing.right.quantiles[0] * 128 == pytest.approx(-4, abs=1)
    assert framing.right.quantiles[-1] * 128 == pytest.approx(4, abs=1)
    assert framing.down.sd * 128 < 0.5
    shift, fit = Template(framing.columns).find(read_framing(str(frames[8].framing))[0])
    assert shift * 128 == pytest.approx(4, abs=1)
    assert fit > 0.9


def test_where_one_frame_has_no_framing_there_is_none() -> None:
    frames = good(range(3))
    frames[1] = replace(frames[1], framing=None)
    assert drift_reference(frames, np.zeros(3, np.float32)).framing is None
