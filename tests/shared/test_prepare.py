import contextlib
import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from andon.errors import Invalid
from andon.images.limits import ImageLimits
from andon.images.prepare import prepare, verify_checksum
from andon.preparation import Box, Preparation
from andon.reasons import Reason
from andon.testing import hostile

PHOTO = hostile.photo(512, 384)
JPEG = hostile.jpeg(PHOTO)
SHA256 = hashlib.sha256(JPEG).hexdigest()
SMALL = Preparation(width=64, height=48)
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def area_mean(picture: np.ndarray, step: int) -> np.ndarray:
    """Area averaging by a whole number, written down again by hand."""
    height, width = picture.shape[0] // step, picture.shape[1] // step
    blocks = picture.reshape(height, step, width, step, -1).astype(float)
    return blocks.mean(axis=(1, 3))


def test_a_tensor_is_contiguous_uint8_in_rgb() -> None:
    red = np.zeros((384, 512, 3), np.uint8)
    red[..., 2] = 200
    made = prepare(hostile.png(red), SMALL)
    assert (made.tensor.shape, made.tensor.dtype) == (SMALL.shape, np.uint8)
    assert made.tensor.flags.c_contiguous
    assert made.tensor.reshape(-1, 3).tolist() == [[200, 0, 0]] * (48 * 64)
    assert (made.original_width, made.original_height, made.crop) == (512, 384, (0, 0, 512, 384))


def test_shrinking_averages_every_pixel() -> None:
    made = prepare(hostile.png(PHOTO), SMALL)
    np.testing.assert_allclose(made.tensor, area_mean(PHOTO, 8)[..., ::-1], atol=0.51)


@pytest.mark.parametrize("side", [64, 200])
def test_scaled_decoding_makes_nearly_the_pixels_of_full_decoding(side: int) -> None:
    picture = hostile.photo(1024, 1024, seed=3)
    preparation = Preparation(width=side, height=side)
    lossless = prepare(hostile.png(picture), preparation).tensor.astype(int)
    scaled = prepare(hostile.jpeg(picture, 98), preparation).tensor.astype(int)
    assert np.abs(lossless - scaled).mean() < 1.0


def test_a_crop_shows_its_part_and_says_which() -> None:
    box = Box(x=128, y=64, width=256, height=192)
    made = prepare(hostile.png(PHOTO), Preparation(width=64, height=48, crop=box))
    np.testing.assert_allclose(made.tensor, area_mean(PHOTO[64:256, 128:384], 4)[..., ::-1], atol=0.51)
    assert made.crop == (128, 64, 256, 192)


def test_a_crop_lands_in_the_same_place_in_a_scaled_decode() -> None:
    """A bright square in the middle of the crop stays in the middle of the tensor."""
    picture = np.zeros((2000, 2000, 3), np.uint8)
    picture[1080:1120, 680:720] = 255
    box = Box(x=301, y=703, width=799, height=795)  # on no block grid
    tensor = prepare(hostile.jpeg(picture), Preparation(width=64, height=64, crop=box)).tensor
    ys, xs = np.nonzero(tensor[..., 0] > 100)
    assert (xs.mean() + 0.5, ys.mean() + 0.5) == pytest.approx(
        ((700 - 301) / 799 * 64, (1100 - 703) / 795 * 64), abs=0.6
    )


def test_a_crop_outside_the_image_is_refused_with_both_sizes() -> None:
    box = Box(x=500, y=0, width=13, height=10)
    with pytest.raises(Invalid, match=r"crop 13x10 at \(500, 0\) of an image of 512x384") as caught:
        prepare(JPEG, Preparation(crop=box))
    assert caught.value.reason is Reason.BAD_CROP


def test_masks_blank_their_regions_and_nothing_else() -> None:
    bare = prepare(hostile.png(PHOTO), SMALL).tensor
    masked = prepare(hostile.png(PHOTO), Preparation(width=64, height=48, masks=(LEFT_HALF,))).tensor
    assert not masked[:, :32].any()
    np.testing.assert_array_equal(masked[:, 33:], bare[:, 33:])


def test_health_is_of_what_the_camera_saw_not_of_the_masks() -> None:
    masked = Preparation(width=64, height=48, masks=(LEFT_HALF,))
    assert prepare(JPEG, masked).health == prepare(JPEG, SMALL).health


def test_grey_for_colour_is_repeated_and_colour_for_grey_is_luma() -> None:
    grey = prepare(hostile.png(PHOTO[..., 0]), SMALL).tensor
    assert grey.shape == (48, 64, 3)
    assert np.ptp(grey, axis=2).max() == 0
    luma = prepare(hostile.png(PHOTO), Preparation(width=64, height=48, channels=1)).tensor
    expected = area_mean(PHOTO @ np.array([0.114, 0.587, 0.299]), 8)
    assert luma.shape == (48, 64, 1)
    np.testing.assert_allclose(luma, expected, atol=1.1)


def test_a_thin_image_shrinks_by_area_one_way_and_grows_the_other() -> None:
    stripes = np.zeros((12, 640), np.uint8)
    stripes[:, ::2] = 200
    tensor = prepare(hostile.png(stripes), Preparation(width=64, height=48, channels=1)).tensor
    assert set(np.unique(tensor)) == {100}


@pytest.mark.parametrize(
    ("depth_range", "level", "expected"),
    [
        (None, 65535, 255),
        (None, 257 * 77, 77),
        ((0, 4095), 4095, 255),
        ((0, 4095), 2048, 128),
        ((0, 4095), 60000, 255),
        ((1000, 3000), 999, 0),
        ((1000, 3000), 2000, 128),
    ],
)
def test_sixteen_bits_become_eight_by_the_depth_range(
    depth_range: tuple[int, int] | None, level: int, expected: int
) -> None:
    preparation = Preparation(width=64, height=48, channels=1, depth_range=depth_range)
    flat = np.full((96, 128), level, np.uint16)
    assert set(np.unique(prepare(hostile.png(flat), preparation).tensor)) == {expected}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [2, 4, 5, 16])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (61, 47), (400, 30), (512, 400), (256, 200)])
def test_each_of_many_planes_becomes_what_it_would_alone(width: int, height: int, count: int, dtype: type) -> None:
    picture = hostile.planes(count, 256, 200).astype(dtype) * (200 if dtype is np.uint16 else 1)
    box = Box(x=5, y=7, width=241, height=190)
    preparation = Preparation(
        width=width, height=height, channels=count, crop=box, masks=(LEFT_HALF,), depth_range=(64, 60_000)
    )
    tensor = prepare(hostile.npy(picture), preparation).tensor
    alone = preparation.model_copy(update={"channels": 1})
    planes = [prepare(hostile.png(np.ascontiguousarray(picture[..., i])), alone).tensor for i in range(count)]
    np.testing.assert_array_equal(tensor, np.dstack(planes))
    assert (tensor.shape, tensor.dtype) == (preparation.shape, np.uint8)
    assert tensor.flags.c_contiguous
    assert tensor.flags.writeable


def test_many_planes_at_their_own_size_are_their_bytes() -> None:
    picture = hostile.planes(6, 64, 48)
    made = prepare(hostile.npy(picture), Preparation(width=64, height=48, channels=6))
    assert made.tensor.tobytes() == picture.tobytes()
    assert (made.original_width, made.original_height) == (64, 48)
    assert (made.health.red_green, made.health.blue_green) == (1, 1)


def test_three_planes_are_red_green_and_blue() -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    assert set(map(tuple, prepare(hostile.npy(red), SMALL).tensor.reshape(-1, 3).tolist())) == {(200, 0, 0)}


def test_the_checksum_of_many_planes_is_checked_first() -> None:
    data = hostile.npy(hostile.planes(4, 64, 48))
    with pytest.raises(Invalid) as caught:
        prepare(hostile.with_bit_flipped(data), Preparation(channels=4), sha256=hashlib.sha256(data).hexdigest())
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def test_a_depth_range_leaves_eight_bit_images_alone() -> None:
    with_range = Preparation(width=64, height=48, depth_range=(0, 4095))
    np.testing.assert_array_equal(prepare(JPEG, with_range).tensor, prepare(JPEG, SMALL).tensor)


@pytest.mark.parametrize(
    "damage",
    [
        hostile.cut,
        hostile.cut_but_closed,
        hostile.without,
        hostile.zeroed,
        hostile.with_bit_flipped,
        lambda data: data[:-1],
        lambda data: data + b"\0",
    ],
)
def test_every_damage_on_the_way_is_found_by_the_checksum(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Invalid) as caught:
        prepare(damage(JPEG), SMALL, sha256=SHA256)
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def test_each_single_flipped_bit_is_found() -> None:
    for at in range(0, len(JPEG), 97):
        with pytest.raises(Invalid) as caught:
            verify_checksum(hostile.with_bit_flipped(JPEG, at), SHA256)
        assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def test_a_true_checksum_passes_in_either_case_and_nonsense_does_not() -> None:
    assert prepare(JPEG, SMALL, sha256=SHA256.upper()).tensor.any()
    with pytest.raises(Invalid, match="their maker said 'süß'"):
        prepare(JPEG, SMALL, sha256="süß")


def test_nothing_is_called_empty_even_where_a_checksum_was_promised() -> None:
    with pytest.raises(Invalid) as caught:
        prepare(b"", SMALL, sha256=SHA256)
    assert caught.value.reason is Reason.EMPTY


def test_too_many_bytes_are_refused_before_they_are_hashed() -> None:
    with pytest.raises(Invalid) as caught:
        prepare(JPEG, SMALL, sha256="not it", limits=ImageLimits(max_bytes=1000))
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_compressed_desert_within_the_limits_is_just_dark() -> None:
    made = prepare(hostile.png_bomb(3000, 2000), SMALL)
    assert not made.tensor.any()
    assert made.health.clipped_low == 1


def test_a_baseline_scan_repeated_500_times_is_read_once() -> None:
    once = hostile.jpeg(PHOTO[:64, :64])
    again = hostile.repeated_scan(once, 500)
    assert len(again) > 100 * len(once)
    np.testing.assert_array_equal(prepare(again, SMALL).tensor, prepare(once, SMALL).tensor)


def test_damage_in_the_picture_never_raises_anything_but_invalid() -> None:
    rng = np.random.default_rng(11)
    preparation = Preparation(width=32, height=32)
    for original in (hostile.jpeg(hostile.photo(96, 64)), hostile.png(hostile.photo(96, 64))):
        for _ in range(200):
            damaged = bytearray(original)
            for at in rng.integers(0, len(original), 4):
                damaged[at] = rng.integers(0, 256)
            with contextlib.suppress(Invalid):
                assert prepare(bytes(damaged), preparation).tensor.shape == (32, 32, 3)
