"""People see something of every frame."""

import numpy as np
import pytest

from andon.errors import Invalid
from andon.images.prepare import prepare
from andon.images.preview import for_people, preview
from andon.preparation import Box, Preparation
from andon.testing import hostile

PHOTO = hostile.photo(160, 120)
SHOWN = Preparation(width=80, height=60)


def test_a_colour_picture_is_shown_as_it_is() -> None:
    data = hostile.png(PHOTO)
    np.testing.assert_array_equal(preview(data, SHOWN), prepare(data, SHOWN).tensor)


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_the_channels_a_model_wants_do_not_change_what_people_see(channels: int) -> None:
    wanted = SHOWN.model_copy(update={"channels": channels})
    for data in (hostile.png(PHOTO), hostile.npy(hostile.planes(4)), hostile.png(PHOTO[..., 0])):
        np.testing.assert_array_equal(preview(data, wanted), preview(data, SHOWN))


def test_a_grey_picture_is_shown_in_grey() -> None:
    shown = preview(hostile.png(PHOTO[..., 0]), SHOWN)
    assert shown.shape == (60, 80, 3)
    assert np.ptp(shown, axis=2).max() == 0


def test_of_many_planes_the_first_three_are_red_green_and_blue_and_stretched() -> None:
    planes = hostile.planes(8) // 8 + 3  # hardly any light
    shown = preview(hostile.npy(planes), SHOWN)
    alone = prepare(hostile.npy(planes), SHOWN.model_copy(update={"channels": 8})).tensor
    assert shown.shape == (60, 80, 3)
    for i in range(3):
        assert (shown[..., i].min(), shown[..., i].max()) == (0, 255)
        assert np.corrcoef(shown[..., i].ravel(), alone[..., i].ravel())[0, 1] > 0.99


def test_two_planes_are_shown_as_their_mean() -> None:
    shown = preview(hostile.npy(hostile.planes(2)), SHOWN)
    assert np.ptp(shown, axis=2).max() == 0
    assert np.ptp(shown) == 255


@pytest.mark.parametrize("level", [0, 90, 255])
def test_an_even_plane_stays_even_and_finite(level: int) -> None:
    shown = for_people(np.full((16, 16, 4), level, np.uint8))
    assert np.ptp(shown) == 0


def test_people_see_the_crop() -> None:
    planes = np.zeros((64, 64, 4), np.uint8)
    planes[:32, :32] = 200
    cropped = Preparation(width=32, height=32, crop=Box(x=16, y=0, width=32, height=32))
    shown = preview(hostile.npy(planes), cropped)
    assert shown[:, :16].min() == 255
    assert shown[:, 16:].max() == 0


def test_a_picture_for_people_may_be_drawn_on() -> None:
    for count in (1, 3, 4):
        assert for_people(hostile.planes(count)).flags.writeable


def test_what_cannot_be_decoded_cannot_be_shown() -> None:
    with pytest.raises(Invalid):
        preview(hostile.cut(hostile.npy(hostile.planes(4))), SHOWN)
