"""The drawn parts are told again from their seed, differ as real parts do, and say truly what is wrong with them."""

import cv2
import numpy as np
import pytest

from andon_ingest.generator import DefectKind, draw_part, encode_jpeg
from andon_ingest.styles import STYLES, can_miss, design

EVERY_STYLE = pytest.mark.parametrize("style", range(len(STYLES)))
SIZE = (320, 256)


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


@EVERY_STYLE
@pytest.mark.parametrize("defect", [None, *DefectKind])
def test_the_same_seed_draws_the_same_part(style: int, defect: DefectKind | None) -> None:
    one, two = (draw_part(rng(), style, defect, SIZE) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.mask, two.mask)
    assert (one.image.shape, one.image.dtype, one.mask.shape) == ((256, 320, 3), np.uint8, (256, 320))


@EVERY_STYLE
def test_no_two_good_parts_are_alike_but_all_are_similar(style: int) -> None:
    random = rng()
    one, two = (draw_part(random, style, None, SIZE).image.astype(int) for _ in range(2))
    difference = np.abs(one - two)
    one, two = (cv2.GaussianBlur(image.astype(np.float32), (0, 0), 6) for image in (one, two))
    assert (difference > 0).mean() > 0.5
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.7


@EVERY_STYLE
@pytest.mark.parametrize("defect", DefectKind)
def test_a_defect_changes_the_part_where_its_mask_says(style: int, defect: DefectKind) -> None:
    """Without the camera's noise and jitter in the way: both parts are averaged over many photographs."""
    for seed in range(4):
        random = rng(seed)
        part = draw_part(random, style, defect, SIZE)
        assert part.defective
        assert set(np.unique(part.mask)) == {0, 255}
        assert 0.0001 < (part.mask > 0).mean() < 0.2
        good = design(style, SIZE, None).image.astype(np.float32)
        seen = cv2.GaussianBlur(part.image.astype(np.float32), (0, 0), 1)
        change = np.abs(seen - cv2.GaussianBlur(good, (0, 0), 1)).max(axis=2)
        inside = cv2.dilate(part.mask, np.ones((3, 3), np.uint8)) > 0
        assert np.percentile(change[inside], 80) > np.median(change[~inside])


@EVERY_STYLE
def test_a_good_part_has_an_empty_mask(style: int) -> None:
    part = draw_part(rng(), style, None, SIZE)
    assert not part.defective
    assert not part.mask.any()


@EVERY_STYLE
def test_whatever_is_missing_is_missing_there_and_nowhere_else(style: int) -> None:
    whole = design(style, (512, 512), None).image.astype(int)
    for missing in range(can_miss(style)):
        lacking = design(style, (512, 512), missing)
        x, y, radius = lacking.spot or (0, 0, 0)
        ys, xs = np.nonzero(np.abs(lacking.image - whole).max(axis=2) > 25)
        assert len(xs) > 50
        assert np.hypot(xs - x, ys - y).max() < 1.6 * radius + 6


def test_two_stations_of_one_style_make_different_parts() -> None:
    one, two = design(1, SIZE, None), design(1 + len(STYLES), SIZE, None)
    assert np.abs(one.image.astype(int) - two.image).mean() > 5


@pytest.mark.parametrize("size", [(64, 64), (1024, 768), (300, 500)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    for style in range(len(STYLES)):
        assert draw_part(rng(), style, DefectKind.SCRATCH, size).image.shape == (size[1], size[0], 3)


def test_a_part_survives_its_journey_as_a_jpeg() -> None:
    part = draw_part(rng(), 0, None, SIZE)
    data = encode_jpeg(part.image, 90)
    again = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert data.startswith(b"\xff\xd8\xff")
    assert np.abs(again.astype(int) - part.image).mean() < 4
    assert len(encode_jpeg(part.image, 50)) < len(data)


def test_what_cannot_be_a_jpeg_is_said() -> None:
    with pytest.raises((ValueError, cv2.error)):
        encode_jpeg(np.zeros((0, 0, 3), np.uint8))
