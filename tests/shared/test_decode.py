import sys

import cv2
import numpy as np
import pytest

from andon.errors import Invalid
from andon.images.decode import choose_reduction, decode
from andon.images.header import Header
from andon.images.limits import ImageLimits
from andon.images.opencv import configure_opencv
from andon.images.sniff import sniff
from andon.preparation import Box, Preparation
from andon.reasons import Reason
from andon.testing import hostile

PHOTO = hostile.photo(1024, 1024)
FULL_SIZE = Preparation(width=160, height=120)


def decoded(data: bytes, preparation: Preparation) -> np.ndarray:
    return decode(data, sniff(data, ImageLimits()), preparation).pixels


@pytest.mark.parametrize(
    ("size", "crop", "reduction"),
    [
        ((256, 256), None, 1),
        ((511, 512), None, 1),
        ((512, 512), None, 2),  # one decoded pixel is one tensor pixel
        ((700, 700), None, 1),  # between one and two a coarse grid would show
        ((1024, 1024), None, 4),
        ((1030, 1030), None, 2),
        ((2448, 2048), None, 4),
        ((4096, 4096), None, 8),
        ((6000, 4000), None, 4),
        ((2448, 2048), Box(x=900, y=900, width=300, height=300), 1),  # the crop counts, not the image
        ((2448, 2048), Box(x=8, y=8, width=1024, height=1024), 4),
        ((2448, 2048), Box(x=9, y=8, width=1024, height=1024), 2),  # one to one only on the block grid
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_the_tensor_needs(
    size: tuple[int, int], crop: Box | None, reduction: int
) -> None:
    header = Header("jpeg", size[0], size[1], 3, 8)
    assert choose_reduction(header, Preparation(crop=crop)) == reduction


def test_a_png_is_always_decoded_whole() -> None:
    assert choose_reduction(Header("png", 4096, 4096, 3, 8), Preparation()) == 1


def test_odd_sizes_reduce_to_the_rounded_up_size() -> None:
    data = hostile.jpeg(hostile.photo(1031, 1027))
    assert decoded(data, Preparation(width=128, height=128)).shape == (257, 258, 3)


@pytest.mark.parametrize(
    ("picture", "channels", "shape", "dtype"),
    [
        (PHOTO[:120, :160], 3, (120, 160, 3), np.uint8),
        (PHOTO[:120, :160], 1, (120, 160), np.uint8),
        (PHOTO[:120, :160, 0], 3, (120, 160), np.uint8),
        (PHOTO[:120, :160].astype(np.uint16) * 257, 3, (120, 160, 3), np.uint16),
        (PHOTO[:120, :160, 0].astype(np.uint16) * 257, 1, (120, 160), np.uint16),
        (np.dstack([PHOTO[:120, :160], PHOTO[:120, :160, 0]]), 3, (120, 160, 3), np.uint8),
    ],
)
def test_a_png_keeps_its_depth_and_loses_its_alpha(
    picture: np.ndarray, channels: int, shape: tuple[int, ...], dtype: type
) -> None:
    pixels = decoded(hostile.png(picture), Preparation(width=160, height=120, channels=channels))
    assert (pixels.shape, pixels.dtype) == (shape, dtype)
    if picture.ndim == pixels.ndim:
        np.testing.assert_array_equal(pixels, picture[..., :3] if picture.ndim == 3 else picture)


EIGHT = hostile.planes(8)
RAINBOW = PHOTO[:120, :160, ::-1]  # RGB, as planes of a .npy are


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [2, 4, 8])
def test_many_planes_are_decoded_as_they_are(count: int, dtype: type) -> None:
    picture = EIGHT[..., :count].astype(dtype) * (257 if dtype is np.uint16 else 1)
    pixels = decoded(hostile.npy(picture), Preparation(channels=count))
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, picture)


@pytest.mark.parametrize("scale", [1, 257])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_and_three_planes_are_what_a_png_of_them_is(channels: int, scale: int) -> None:
    deep = RAINBOW.astype(np.uint16) * scale if scale > 1 else RAINBOW
    preparation = Preparation(channels=channels)
    of_colour = decoded(hostile.png(deep[..., ::-1]), preparation).astype(int)
    assert np.abs(decoded(hostile.npy(deep), preparation) - of_colour).max() <= (0 if channels == 3 else 4)
    of_grey = decoded(hostile.png(deep[..., 0]), preparation)
    np.testing.assert_array_equal(decoded(hostile.npy(deep[..., 0]), preparation), of_grey)
    np.testing.assert_array_equal(decoded(hostile.npy(deep[..., :1]), preparation), of_grey)


@pytest.mark.parametrize(
    ("has", "wants", "told"),
    [
        (EIGHT, 3, "has 8 planes, its preparation wants colour"),
        (EIGHT, 1, "has 8 planes, its preparation wants grey"),
        (EIGHT, 4, "has 8 planes, its preparation wants 4 planes"),
        (RAINBOW, 8, "has colour, its preparation wants 8 planes"),
        (EIGHT[..., 0], 2, "has grey, its preparation wants 2 planes"),
    ],
)
def test_planes_that_cannot_meet_are_refused_with_both_numbers(has: np.ndarray, wants: int, told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        decoded(hostile.npy(has), Preparation(channels=wants))
    assert caught.value.reason is Reason.WRONG_CHANNELS


def test_a_camera_that_sends_a_photo_to_a_station_of_many_planes_is_told() -> None:
    with pytest.raises(Invalid) as caught:
        decoded(hostile.jpeg(PHOTO[:120, :160]), Preparation(channels=4))
    assert caught.value.reason is Reason.WRONG_CHANNELS


def test_exif_orientation_is_ignored() -> None:
    """A camera that is bolted down does not rotate, and regions must stay in original pixels."""
    turned_right = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    body = b"Exif\0\0" + turned_right
    plain = hostile.jpeg(PHOTO[:120, :160])
    tagged = plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body + plain[2:]
    assert cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR).shape == (160, 120, 3)
    np.testing.assert_array_equal(decoded(tagged, FULL_SIZE), decoded(plain, FULL_SIZE))


def test_a_damaged_frame_shows_no_pixel_of_the_frame_before_it() -> None:
    """OpenCV 4.10 filled what was missing with the image decoded before: a defect hidden by a good part."""
    good = hostile.jpeg(np.full((480, 640, 3), (40, 250, 10), np.uint8))
    broken = hostile.cut_but_closed(hostile.jpeg(hostile.photo(640, 480)))
    preparation = Preparation(width=640, height=480)
    alone = decoded(broken, preparation)
    decoded(good, preparation)
    after_a_good_one = decoded(broken, preparation)
    np.testing.assert_array_equal(after_a_good_one, alone)
    strangers = np.abs(after_a_good_one.astype(int) - (40, 250, 10)).max(axis=2) < 8
    assert strangers[240:].mean() < 0.01


def test_a_picture_the_decoder_cannot_read_is_refused() -> None:
    data = hostile.png_of(16, 16, pixels=b"not deflated")
    with pytest.raises(Invalid) as caught:
        decoded(data, Preparation(width=16, height=16))
    assert caught.value.reason is Reason.DECODE_FAILED


def test_a_size_other_than_the_headers_is_refused() -> None:
    data = hostile.jpeg(PHOTO[:120, :160])
    with pytest.raises(Invalid, match="header says 161x120") as caught:
        decode(data, Header("jpeg", 161, 120, 3, 8), FULL_SIZE)
    assert caught.value.reason is Reason.DECODE_FAILED


def test_an_error_of_the_decoder_is_refused_not_raised() -> None:
    for header in (Header("jpeg", 160, 120, 3, 8), Header("npy", 160, 120, 3, 8, 128)):
        with pytest.raises(Invalid) as caught:
            decode(b"", header, FULL_SIZE)
        assert caught.value.reason is Reason.DECODE_FAILED


def test_opencv_gets_one_thread_and_says_when_its_pixel_limit_came_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "123")
    assert "cv2" in sys.modules
    assert configure_opencv(123)
    assert not configure_opencv(456)
    assert cv2.getNumThreads() == 1
