"""Pictures for people: whatever a camera sent, and heat laid where the bundle looked."""

import base64
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import pytest
from taken import heat

from andon.errors import Invalid
from andon.images.limits import ImageLimits
from andon.preparation import Box
from andon.testing import hostile
from andon.where import heat_map_png
from andon_console.frames.pictures import heat_overlay, picture, sorry

LIMITS = ImageLimits()
PHOTO = hostile.photo(640, 480)


def decoded(data: bytes) -> Any:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def size(data: bytes) -> tuple[int, int]:
    height, width = decoded(data).shape[:2]
    return width, height


@pytest.mark.parametrize(("side", "wanted"), [(240, (240, 180)), (1280, (640, 480))])
def test_a_picture_is_as_large_as_asked_and_never_larger_than_the_image(side: int, wanted: tuple[int, int]) -> None:
    found = picture(hostile.jpeg(PHOTO), side, LIMITS)
    assert found.startswith(b"\xff\xd8\xff")
    assert size(found) == wanted


def test_a_picture_shows_what_the_image_shows() -> None:
    found = decoded(picture(hostile.png(PHOTO), 320, LIMITS)).astype(int)
    small = cv2.resize(PHOTO, (320, 240), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(found - small).mean() < 4


def test_a_large_image_becomes_a_view_of_1280_pixels() -> None:
    assert size(picture(hostile.jpeg(hostile.photo(2448, 2048)), 1280, LIMITS)) == (1280, 1071)


def test_a_sliver_is_still_a_picture() -> None:
    assert size(picture(hostile.jpeg(hostile.photo(2000, 10)), 240, LIMITS)) == (240, 8)


def test_twelve_bits_are_not_shown_black() -> None:
    """A 12-bit camera uses the lowest sixteenth of 16 bits."""
    dim = (PHOTO[..., 0].astype(np.uint16) << 4) | 15
    assert abs(decoded(picture(hostile.png(dim), 640, LIMITS)).mean() - PHOTO[..., 0].mean()) < 4


def test_many_planes_are_shown_as_colours() -> None:
    assert decoded(picture(hostile.npy(hostile.planes(6)), 240, LIMITS)).shape == (120, 160, 3)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"<script>alert(1)</script>",
    "drawing": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "cut": lambda: hostile.cut(hostile.jpeg(PHOTO)),
    "progressive": lambda: hostile.progressive(PHOTO),
    "scans": lambda: hostile.repeated_scan(hostile.jpeg(PHOTO)),
    "bomb": hostile.png_bomb,
    "claims": lambda: hostile.png_of(60_000, 60_000),
    "pickle": lambda: hostile.npy(np.array([{"a": 1}], dtype=object)),
    "planes": lambda: hostile.npy_of("(100000, 100000, 3)"),
    **{name: (lambda data=data: data) for name, data in hostile.OTHER_FORMATS.items()},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_image_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        picture(HOSTILE[name](), 240, LIMITS)


@pytest.mark.parametrize("harm", [hostile.without, hostile.zeroed, hostile.with_bit_flipped, hostile.cut_but_closed])
def test_a_damaged_image_is_shown_or_refused_and_nothing_else(harm: Callable[[bytes], bytes]) -> None:
    with suppress(Invalid):
        assert size(picture(harm(hostile.jpeg(PHOTO)), 240, LIMITS)) == (240, 180)


def test_heat_lies_over_the_whole_frame_where_the_bundle_looks_at_all_of_it() -> None:
    overlay = decoded(heat_overlay(heat(255), None, 640, 480))
    assert overlay.shape == (480, 640, 4)
    assert overlay[100, 100, 3] > 200
    assert overlay[400, 500, 3] == 0


def test_heat_lies_in_the_crop_of_its_bundle_and_nowhere_else() -> None:
    overlay = decoded(heat_overlay(heat(255), Box(x=320, y=240, width=200, height=200), 640, 480))
    hot = np.argwhere(overlay[..., 3] > 200)
    assert hot.min(axis=0) == pytest.approx([240, 320], abs=4)
    assert hot.max(axis=0) == pytest.approx([340, 420], abs=8)
    assert not overlay[:236, :, 3].any()
    assert not overlay[:, :316, 3].any()


def test_heat_of_a_large_frame_keeps_its_proportions() -> None:
    overlay = decoded(heat_overlay(heat(255), Box(x=2000, y=0, width=2000, height=1000), 4000, 1000))
    assert overlay.shape == (160, 640, 4)
    assert not overlay[:, :316, 3].any()
    assert overlay[40, 400, 3] > 200


def test_nothing_is_seen_below_half_the_threshold() -> None:
    assert not decoded(heat_overlay(heat(64), None, 64, 64))[..., 3].any()
    assert decoded(heat_overlay(heat(100), None, 64, 64))[..., 3].any()


def test_the_edge_is_drawn_where_the_map_passes_the_threshold() -> None:
    below, above = (decoded(heat_overlay(heat(level), None, 320, 320)) for level in (127, 140))
    white = np.array([255, 255, 255, 255])
    assert not (below == white).all(axis=2).any()
    assert (above == white).all(axis=2).sum() > 100


def test_the_heat_of_scoring_lies_where_the_region_of_scoring_does() -> None:
    """The same map, as `andon.where` writes it: its peak is seen in the crop's upper right."""
    anomaly_map = np.zeros((56, 56), np.float32)
    anomaly_map[10:14, 40:44] = 2.0
    overlay = decoded(heat_overlay(heat_map_png(anomaly_map, 1.0), Box(x=80, y=40, width=560, height=560), 640, 640))
    y, x = np.unravel_index(overlay[..., 3].argmax(), overlay.shape[:2])
    hot = np.argwhere((overlay[..., 3] > 200) & (overlay[..., 0] < 200))
    assert hot.mean(axis=0) == pytest.approx([40 + 119.5, 80 + 419.5], abs=6)
    assert (y, x) != (0, 0)


@pytest.mark.parametrize(
    "bad",
    [
        "", "not base64!", base64.b64encode(b"<svg/>").decode(), base64.b64encode(hostile.png(PHOTO)).decode(),
        base64.b64encode(hostile.jpeg(PHOTO[..., 0])).decode(), base64.b64encode(hostile.png_bomb(4000, 4000)).decode(),
        base64.b64encode(hostile.cut(base64.b64decode(heat(side=64)))).decode(), "ä" * 40,
    ],
)  # fmt: skip
def test_a_hostile_heat_map_is_refused(bad: str) -> None:
    with pytest.raises(Invalid):
        heat_overlay(bad, None, 64, 64)


@pytest.mark.parametrize(("width", "height"), [(0, 0), (100, 10)])
def test_a_crop_beyond_the_frame_is_refused(width: int, height: int) -> None:
    with pytest.raises(Invalid, match="looks beyond"):
        heat_overlay(heat(), Box(x=0, y=0, width=50, height=50), width, height)


@pytest.mark.parametrize("lines", [["expired: Kafka keeps", "since 2026-11-22 08:00 UTC"], ["äöü \x00"], []])
def test_what_is_gone_is_said_within_the_picture(lines: list[str]) -> None:
    grey = decoded(sorry(lines, 241, 181))
    assert grey.shape[:2] == (181, 241)
    inside = grey[8:-8, 8:-8]
    assert (inside[:, :4] > 200).all(), "no letter is cut off"
    assert (inside[:, -4:] > 200).all()
    assert (inside < 120).any() == bool(lines)


def test_opencv_is_not_loaded_before_its_pixel_limit_is_set():
    ask = "import andon_console.app, andon_console.opening, andon_console.main, sys; print('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout == "False\n"
