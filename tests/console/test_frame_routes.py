"""The routes of pictures: what they answer, to whom, with which headers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taken import Camera, bundle, heat, shot
from worlds import House, Lying, house

from andon.records import FramePlace
from andon.store import BundleStore
from andon.testing import hostile
from andon_console.frames.cache import Turns
from andon_console.pages.addresses import (
    frame_address,
    heat_address,
    original_address,
    outlines_json,
    picture_address,
    station_address,
)
from andon_console.safe.people import Role


@pytest.fixture
def lying() -> Lying:
    return Lying()


@pytest.fixture
def home(lying: Lying, tmp_path: Path) -> House:
    stores = {"evidence": str(tmp_path / "evidence"), "blobs": str(tmp_path / "blobs")}
    return house(lying=lying, stores=stores | {"bundles": str(tmp_path / "bundles")})


@pytest.fixture
def camera(lying: Lying) -> Camera:
    return Camera(lying)


@pytest.fixture
def digest(tmp_path: Path) -> str:
    """A bundle in the store, which looks at the whole frame."""
    return BundleStore(str(tmp_path / "bundles")).put(bundle())


def get(home: House, address: str | None, **headers: str) -> Any:
    assert address is not None
    return home.signed_in(Role.VIEWER).get(address, headers=headers)


@pytest.mark.parametrize("size", ["thumb", "view"])
def test_a_picture_is_a_jpeg_that_browsers_keep_for_ever(home: House, camera: Camera, size: str) -> None:
    answer = get(home, picture_address(shot(camera.take(5)[1]), size))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("of", [picture_address, original_address, heat_address])
def test_every_picture_is_in_a_sandbox_and_never_guessed_at(home: House, camera: Camera, of: Any, digest: str) -> None:
    answer = get(home, of(shot(camera.take(5, 2.0, bundle=digest)[1])))
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("of", [picture_address, original_address, heat_address])
def test_pictures_are_for_people_who_are_signed_in(home: House, camera: Camera, of: Any) -> None:
    assert home.browser().get(of(shot(camera.take(5, 2.0)[1]))).status_code == 401


def test_a_picture_that_was_made_is_not_made_again(home: House, camera: Camera, lying: Lying) -> None:
    address = picture_address(shot(camera.take(5)[1]))
    browser = home.signed_in(Role.VIEWER)
    first, asked = browser.get(address), lying.asked
    assert browser.get(address).content == first.content
    assert lying.asked == asked


ORIGINALS = {
    "image/jpeg": (hostile.jpeg(hostile.photo(32, 32)), "inline"),
    "image/png": (hostile.png(hostile.photo(32, 32)), "inline"),
    "application/x-npy": (hostile.npy(hostile.planes(4, 16, 16)), "attachment"),
    "application/octet-stream": (b"<!doctype html><script>alert(1)</script>", "attachment"),
}


@pytest.mark.parametrize("kind", ORIGINALS)
def test_the_original_goes_out_byte_for_byte_as_what_it_is(home: House, camera: Camera, kind: str) -> None:
    image, shown = ORIGINALS[kind]
    answer = get(home, original_address(shot(camera.take(5, image=image)[1])))
    assert answer.content == image
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith(shown)


@pytest.mark.parametrize(
    "image", [b"<svg onload='alert(1)'/>", hostile.png_bomb(), hostile.progressive(hostile.photo())]
)
def test_bytes_that_cannot_be_shown_are_a_picture_that_says_so(home: House, camera: Camera, image: bytes) -> None:
    answer = get(home, picture_address(shot(camera.take(5, image=image)[1])))
    assert answer.status_code == 410
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_what_is_gone_is_a_picture_that_no_cache_keeps(home: House, camera: Camera, lying: Lying) -> None:
    frame, scored = camera.take(5)
    lying.forget(frame)
    answer = get(home, picture_address(shot(scored)))
    assert (answer.status_code, answer.headers["content-type"]) == (410, "image/jpeg")
    assert answer.headers["cache-control"] == "no-store"


def test_kafka_away_is_a_picture_that_says_so(home: House, camera: Camera, lying: Lying) -> None:
    address = picture_address(shot(camera.take(5)[1]))
    lying.away = True
    answer = get(home, address)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "image/jpeg")
    assert answer.headers["retry-after"]


def test_too_many_at_once_are_asked_to_come_again(home: House, camera: Camera) -> None:
    address = picture_address(shot(camera.take(5)[1]))
    home.world.gallery._turns = turns = Turns(at_once=1, waiting=0)
    browser = home.signed_in(Role.VIEWER)
    with turns.one():
        answer = browser.get(address)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert not answer.headers["content-type"].startswith("image/"), "a page's script must notice"
    assert browser.get(address).status_code == 200


def test_an_address_with_another_frames_id_shows_nothing(home: House, camera: Camera) -> None:
    one, other = shot(camera.take(5)[1]), shot(camera.take(6)[1])
    assert get(home, picture_address(replace(one, frame_id=other.frame_id))).status_code == 410


def test_a_claim_in_an_address_opens_nothing_but_the_store(home: House, camera: Camera, lying: Lying) -> None:
    frame, scored = camera.take(5)
    lying.forget(frame)
    address = original_address(replace(shot(scored), dataref="file:///etc/passwd"))
    answer = get(home, address)
    assert answer.status_code == 410
    assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "address",
    [
        "/frames/camera.frames/-1/5/00000000-0000-0000-0000-000000000001/thumb.jpg",
        "/frames/camera.frames/1/99999999999999999999999/00000000-0000-0000-0000-000000000001/thumb.jpg",
        "/frames/camera.frames/1/5/nobody/thumb.jpg",
        "/frames/camera.frames/1/5/00000000-0000-0000-0000-000000000001/huge.jpg",
        "/heat/1/x/00000000-0000-0000-0000-000000000001.png",
    ],
)
def test_an_address_that_names_no_frame_is_refused(home: House, address: str) -> None:
    assert get(home, address).status_code == 422


def test_the_heat_of_a_call_is_a_png_to_lay_over_it(home: House, camera: Camera, digest: str) -> None:
    answer = get(home, heat_address(shot(camera.take(5, 2.0, bundle=digest)[1])))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


def test_heat_that_nobody_can_place_is_not_shown(home: House, camera: Camera) -> None:
    """Its bundle is not in the store: where it looked is not known."""
    answer = get(home, heat_address(shot(camera.take(5, 2.0)[1])))
    assert answer.status_code == 410
    assert "does not hold it" in answer.text


@pytest.mark.parametrize(
    ("other", "words"), [({"heat_map": None}, "no heat map"), ({"heat_map": "PHN2Zz4="}, "cannot be")]
)
def test_a_score_without_a_heat_map_shows_none(
    home: House, camera: Camera, digest: str, other: dict[str, Any], words: str
) -> None:
    answer = get(home, heat_address(shot(camera.take(5, 2.0, bundle=digest, **other)[1])))
    assert answer.status_code == 410
    assert words in answer.text


def test_heat_of_a_score_that_is_gone_is_gone(home: House, camera: Camera, lying: Lying) -> None:
    _, scored = camera.take(5, 2.0, heat_map=heat())
    lying.forget(scored)
    assert get(home, heat_address(shot(scored))).status_code == 410


def test_addresses_say_where_a_frame_lies(camera: Camera) -> None:
    frame = shot(camera.take(5)[1])
    assert picture_address(frame) == f"/frames/camera.frames/2/5/{frame.frame_id}/thumb.jpg"
    assert original_address(frame) == f"/frames/camera.frames/2/5/{frame.frame_id}/original"
    assert heat_address(frame) == f"/heat/3/5/{frame.frame_id}.png"
    assert frame_address(frame) == "/stations/weld-07/frames/3/5"
    assert station_address("weld-07") == "/stations/weld-07"


def test_a_frame_without_a_place_has_a_picture_and_no_page(camera: Camera) -> None:
    frame = replace(shot(camera.take(5)[1]), frame=None, scored=None)
    assert picture_address(frame) == f"/frames/kept/0/0/{frame.frame_id}/thumb.jpg"
    assert frame_address(frame) is None
    assert heat_address(frame) is None


def test_a_place_that_is_not_known_yet_has_no_page(camera: Camera) -> None:
    """What the console itself has just written lies at offset -1 until it is read back."""
    frame = replace(shot(camera.take(5)[1]), scored=FramePlace(topic="scores", partition=-1, offset=-1))
    assert frame_address(frame) is None


def test_a_topic_is_quoted_in_an_address(camera: Camera) -> None:
    frame = replace(shot(camera.take(5)[1]), frame=FramePlace(topic="a/b?c", partition=1, offset=2))
    assert picture_address(frame).startswith("/frames/a%2Fb%3Fc/1/2/")


def test_no_outlines_are_an_empty_list() -> None:
    assert outlines_json(()) == "[]"
