"""Every hostile image is told from a good one by its header, and by its reason."""

import contextlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import Invalid
from andon.images.header import Header
from andon.images.limits import ImageLimits
from andon.images.npy import npy_bytes, npy_header
from andon.images.sniff import sniff
from andon.reasons import Reason
from andon.testing import hostile

LIMITS = ImageLimits()
PHOTO = hostile.photo(160, 120)
JPEG = hostile.jpeg(PHOTO)
PNG = hostile.png(PHOTO)
EIGHT = hostile.planes(8)
NPY = hostile.npy(EIGHT)
FRAME = JPEG.index(b"\xff\xc0")  # of marker, length, precision, height, width, components
EXIF = b"\xff\xe1" + (60_000).to_bytes(2) + bytes(59_998)


def with_frame(precision: int = 8, height: int = 120, width: int = 160, components: int = 3) -> bytes:
    claims = bytes([precision]) + height.to_bytes(2) + width.to_bytes(2) + bytes([components])
    return JPEG[: FRAME + 4] + claims + JPEG[FRAME + 10 :]


def with_marker(code: int) -> bytes:
    return JPEG[: FRAME + 1] + bytes([code]) + JPEG[FRAME + 2 :]


def reason_of(data: bytes, limits: ImageLimits = LIMITS) -> Reason:
    with pytest.raises(Invalid) as caught:
        sniff(data, limits)
    return caught.value.reason


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (JPEG, Header("jpeg", 160, 120, 3, 8)),
        (hostile.jpeg(PHOTO[..., 0]), Header("jpeg", 160, 120, 1, 8)),
        (with_marker(0xC1), Header("jpeg", 160, 120, 3, 8)),
        (JPEG[:2] + EXIF + JPEG[2:], Header("jpeg", 160, 120, 3, 8)),
        (JPEG + bytes(100), Header("jpeg", 160, 120, 3, 8)),
        (JPEG[:FRAME] + b"\xff\xff\xff" + JPEG[FRAME:], Header("jpeg", 160, 120, 3, 8)),
        (PNG, Header("png", 160, 120, 3, 8)),
        (hostile.png(PHOTO[..., 0]), Header("png", 160, 120, 1, 8)),
        (hostile.png(PHOTO.astype(np.uint16) * 257), Header("png", 160, 120, 3, 16)),
        (hostile.png_of(16, 16, depth=1, colour=3), Header("png", 16, 16, 3, 8)),
        (hostile.png_of(16, 16, depth=16, colour=4), Header("png", 16, 16, 1, 16)),
        (hostile.png_of(16, 16, before=hostile.chunk(b"tEXt", b"k\0v")), Header("png", 16, 16, 1, 8)),
        (NPY, Header("npy", 160, 120, 8, 8, 128)),
        (hostile.npy(EIGHT.astype(np.uint16)), Header("npy", 160, 120, 8, 16, 128)),
        (hostile.npy(EIGHT[..., 0]), Header("npy", 160, 120, 1, 8, 128)),
        (hostile.npy(EIGHT[..., :1]), Header("npy", 160, 120, 1, 8, 128)),
        (hostile.npy(EIGHT[..., :3]), Header("npy", 160, 120, 3, 8, 128)),
        (hostile.npy(np.dstack([EIGHT, EIGHT])), Header("npy", 160, 120, 16, 8, 128)),
        (hostile.npy_of("(2, 3, 4)", pixels=bytes(24), version=b"\2\0"), Header("npy", 3, 2, 4, 8, 75)),
        (hostile.npy_of("(2,3)", pixels=bytes(6), pad=900), Header("npy", 3, 2, 1, 8, 969)),
    ],
)
def test_an_image_that_a_camera_writes_passes_with_its_size(data: bytes, header: Header) -> None:
    assert sniff(data, LIMITS) == header


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Reason.EMPTY, id="empty"),
        pytest.param(b"part 4711 is fine", Reason.NOT_AN_IMAGE, id="text"),
        pytest.param(b"{}", Reason.NOT_AN_IMAGE, id="json"),
        pytest.param(b"\xff\xd8\xff", Reason.TRUNCATED, id="JPEG magic only"),
        pytest.param(b"\xff\xd8\xff\xd9", Reason.NOT_AN_IMAGE, id="JPEG without anything"),
        pytest.param(b"\xff\xd8\xff\xe0\0\1" + JPEG, Reason.NOT_AN_IMAGE, id="JPEG segment of length 1"),
        pytest.param(b"\xff\xd8\xff<script>", Reason.NOT_AN_IMAGE, id="JPEG magic, then script"),
        pytest.param(JPEG[:2] + JPEG[FRAME : FRAME + 19] + JPEG[2:], Reason.NOT_AN_IMAGE, id="two frames"),
        pytest.param(JPEG[:FRAME] + JPEG[FRAME + 19 :], Reason.NOT_AN_IMAGE, id="JPEG scan without frame"),
        pytest.param(with_frame(precision=12), Reason.UNSUPPORTED_FORMAT, id="JPEG of 12 bits"),
        pytest.param(with_frame(components=4), Reason.UNSUPPORTED_FORMAT, id="CMYK"),
        pytest.param(with_frame(components=1), Reason.NOT_AN_IMAGE, id="JPEG frame contradicts its length"),
        pytest.param(with_frame(width=0), Reason.NOT_AN_IMAGE, id="JPEG of no width"),
        pytest.param(with_frame(height=0), Reason.UNSUPPORTED_FORMAT, id="JPEG height after its picture"),
        pytest.param(with_frame(8, 65535, 65535), Reason.TOO_MANY_PIXELS, id="JPEG of 4 gigapixels"),
        pytest.param(with_frame(8, 4900, 4900), Reason.TRUNCATED, id="few bytes claim 24 megapixels"),
        pytest.param(with_marker(0xC2), Reason.PROGRESSIVE, id="progressive"),
        pytest.param(with_marker(0xC6), Reason.PROGRESSIVE, id="differential progressive"),
        pytest.param(with_marker(0xC3), Reason.UNSUPPORTED_FORMAT, id="lossless"),
        pytest.param(with_marker(0xC9), Reason.UNSUPPORTED_FORMAT, id="arithmetic coding"),
        pytest.param(with_marker(0xDE), Reason.UNSUPPORTED_FORMAT, id="hierarchical"),
        pytest.param(hostile.first_scan_of_one_component(JPEG), Reason.PROGRESSIVE, id="baseline in many scans"),
        pytest.param(JPEG[:2] + EXIF * 2 + JPEG[2:], Reason.TRUNCATED, id="frame beyond the first 64 KiB"),
        pytest.param(hostile.cut(JPEG), Reason.TRUNCATED, id="JPEG cut in half"),
        pytest.param(hostile.cut(PNG), Reason.TRUNCATED, id="PNG cut in half"),
        pytest.param(PNG[:20], Reason.TRUNCATED, id="PNG cut in its header"),
        pytest.param(JPEG + hostile.ZIP_TAIL, Reason.TRUNCATED, id="JPEG that is also a zip"),
        pytest.param(PNG + hostile.ZIP_TAIL, Reason.TRUNCATED, id="PNG that is also a zip"),
        pytest.param(b"GIF89a" + JPEG, Reason.UNSUPPORTED_FORMAT, id="GIF that is also a JPEG"),
        pytest.param(b"%PDF-1.4\n" + JPEG, Reason.UNSUPPORTED_FORMAT, id="PDF that is also a JPEG"),
        pytest.param(hostile.PNG_MAGIC + b"<html>" * 9, Reason.NOT_AN_IMAGE, id="PNG magic, then HTML"),
        pytest.param(hostile.with_bit_flipped(PNG, 18), Reason.NOT_AN_IMAGE, id="PNG header with a flipped bit"),
        pytest.param(hostile.png_of(16, 16, depth=3), Reason.NOT_AN_IMAGE, id="PNG of 3 bits"),
        pytest.param(hostile.png_of(16, 16, depth=16, colour=3), Reason.NOT_AN_IMAGE, id="palette of 16 bits"),
        pytest.param(hostile.png_of(16, 16, interlace=1), Reason.PROGRESSIVE, id="interlaced PNG"),
        pytest.param(hostile.png_of(16, 16, interlace=7), Reason.NOT_AN_IMAGE, id="PNG interlaced somehow"),
        pytest.param(hostile.png_of(16, 16, before=hostile.chunk(b"acTL", bytes(8))), Reason.UNSUPPORTED_FORMAT,
                     id="animated PNG"),
        pytest.param(hostile.png_of(16, 16, before=hostile.chunk(b"IEND", b"")), Reason.NOT_AN_IMAGE,
                     id="PNG that ends before its picture"),
        pytest.param(hostile.png_of(16, 16, before=hostile.chunk(b"zTXt", bytes(99_999))), Reason.TRUNCATED,
                     id="PNG pixels beyond the first 64 KiB"),
        pytest.param(hostile.png_of(0, 16), Reason.TOO_MANY_PIXELS, id="PNG of no width"),
        pytest.param(hostile.png_of(2**31, 2**31), Reason.TOO_MANY_PIXELS, id="PNG of 2^31 by 2^31"),
        pytest.param(hostile.png_of(2**31 - 1, 1), Reason.TOO_MANY_PIXELS, id="PNG of 2^31 - 1 by 1"),
        pytest.param(hostile.png_bomb(30_000, 30_000), Reason.TOO_MANY_PIXELS, id="0.9 gigapixels in 0.9 MB"),
        pytest.param(hostile.png_of(4900, 4900), Reason.TRUNCATED, id="empty PNG claims 24 megapixels"),
        pytest.param(NPY[:6], Reason.TRUNCATED, id="npy magic only"),
        pytest.param(NPY[:9], Reason.TRUNCATED, id="npy cut in the length of its header"),
        pytest.param(NPY[:40], Reason.TRUNCATED, id="npy cut in its header"),
        pytest.param(NPY[:128], Reason.TRUNCATED, id="npy without pixels"),
        pytest.param(NPY[:-1], Reason.TRUNCATED, id="npy one byte short"),
        pytest.param(NPY + b"\0", Reason.TRUNCATED, id="npy one byte long"),
        pytest.param(NPY + hostile.ZIP_TAIL, Reason.TRUNCATED, id="npy that is also a zip"),
        pytest.param(NPY[:6] + b"\3\0" + NPY[8:], Reason.UNSUPPORTED_FORMAT, id="npy of version 3.0"),
        pytest.param(NPY[:6] + b"\xff\xff" + NPY[8:], Reason.UNSUPPORTED_FORMAT, id="npy of version 255.255"),
        pytest.param(hostile.npy(np.full((4, 4), None)), Reason.UNSUPPORTED_FORMAT, id="pickled objects"),
        pytest.param(hostile.npy(EIGHT.astype(np.float32)), Reason.UNSUPPORTED_FORMAT, id="npy of float32"),
        pytest.param(hostile.npy(EIGHT.astype(">u2")), Reason.UNSUPPORTED_FORMAT, id="npy of big-endian uint16"),
        pytest.param(hostile.npy(EIGHT.astype(np.int8)), Reason.UNSUPPORTED_FORMAT, id="npy of signed levels"),
        pytest.param(hostile.npy(np.zeros((4, 4), [("a", "u1"), ("b", "O")])), Reason.UNSUPPORTED_FORMAT,
                     id="npy of records"),
        pytest.param(hostile.npy(np.asfortranarray(EIGHT)), Reason.UNSUPPORTED_FORMAT, id="npy in Fortran order"),
        pytest.param(hostile.npy(EIGHT[0, :, 0]), Reason.UNSUPPORTED_FORMAT, id="npy of one axis"),
        pytest.param(hostile.npy(EIGHT[np.newaxis]), Reason.UNSUPPORTED_FORMAT, id="npy of four axes"),
        pytest.param(hostile.npy(np.uint8(7)), Reason.NOT_AN_IMAGE, id="npy of one number"),
        pytest.param(hostile.npy(np.zeros((8, 120, 160), np.uint8)), Reason.UNSUPPORTED_FORMAT, id="planes first"),
        pytest.param(hostile.npy(np.zeros((0, 4, 4), np.uint8)), Reason.TOO_MANY_PIXELS, id="npy of no height"),
        pytest.param(hostile.npy(np.zeros((4, 4, 0), np.uint8)), Reason.TOO_MANY_PIXELS, id="npy of no planes"),
        pytest.param(hostile.npy_of("(-4, 4)"), Reason.NOT_AN_IMAGE, id="npy of negative height"),
        pytest.param(hostile.npy_of("(4 4)"), Reason.NOT_AN_IMAGE, id="npy shape without comma"),
        pytest.param(hostile.npy_of("(99999999, 99999999)"), Reason.TOO_MANY_PIXELS, id="npy of 10^16 pixels"),
        pytest.param(hostile.npy_of(f"({'9' * 900}, 4)"), Reason.TOO_MANY_PIXELS, id="npy of 10^900 rows"),
        pytest.param(hostile.npy_of("(5001, 5000)"), Reason.TOO_MANY_PIXELS, id="npy of 25,005,000 pixels"),
        pytest.param(hostile.npy_of("(3000, 3200, 8)"), Reason.TOO_MANY_PIXELS, id="8 planes of 9.6 megapixels"),
        pytest.param(hostile.npy_of("(1500, 1600, 8)", "'<u2'"), Reason.TOO_MANY_PIXELS, id="8 deep planes of 2.4"),
        pytest.param(hostile.npy_of("(4900, 4900)"), Reason.TRUNCATED, id="empty npy claims 24 megapixels"),
        pytest.param(hostile.npy_of("(4, 4)", pixels=bytes(16), pad=2000), Reason.NOT_AN_IMAGE, id="overlong header"),
        pytest.param(NPY[:6] + b"\2\0\xff\xff\xff\xff" + NPY[10:], Reason.NOT_AN_IMAGE, id="header of 4 GB"),
        pytest.param(hostile.npy_of("__import__('os').abort()"), Reason.NOT_AN_IMAGE, id="code for a shape"),
        pytest.param(hostile.npy_of("(" * 500), Reason.NOT_AN_IMAGE, id="a tower of brackets"),
        pytest.param(hostile.npy_of("(4, 4)", fortran="0"), Reason.NOT_AN_IMAGE, id="npy order by number"),
        pytest.param(hostile.NPY_MAGIC + b"\1\0\x76\0" + b"\xff" * 118, Reason.NOT_AN_IMAGE, id="header of noise"),
    ],
)  # fmt: skip
def test_what_no_camera_should_send_is_refused_with_its_reason(data: bytes, reason: Reason) -> None:
    assert reason_of(data) is reason


@pytest.mark.parametrize("name", hostile.OTHER_FORMATS)
def test_other_formats_are_named_in_the_refusal(name: str) -> None:
    with pytest.raises(Invalid, match=name.split(",", maxsplit=1)[0]) as caught:
        sniff(hostile.OTHER_FORMATS[name], LIMITS)
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


def test_a_progressive_jpeg_of_500_scans_is_refused_by_its_header() -> None:
    data = hostile.progressive(np.full((400, 400, 3), 90, np.uint8), scans=500)
    assert data.count(b"\xff\xda") >= 500
    assert reason_of(data) is Reason.PROGRESSIVE


def test_limits_are_the_operators_to_set() -> None:
    assert reason_of(JPEG, ImageLimits(max_bytes=len(JPEG) - 1)) is Reason.TOO_LARGE
    assert reason_of(JPEG, ImageLimits(max_pixels=160 * 120 - 1)) is Reason.TOO_MANY_PIXELS
    assert sniff(JPEG, ImageLimits(max_bytes=len(JPEG), max_pixels=160 * 120)).width == 160


def test_sixteen_bit_colour_may_have_a_quarter_of_the_pixels() -> None:
    deep = hostile.png(PHOTO.astype(np.uint16) * 257)
    assert reason_of(deep, ImageLimits(max_pixels=4 * 160 * 120 - 1)) is Reason.TOO_MANY_PIXELS
    assert sniff(deep, ImageLimits(max_pixels=4 * 160 * 120)).bit_depth == 16


@given(
    st.sampled_from([b"", JPEG[:3], hostile.PNG_MAGIC, PNG[:33], JPEG[:FRAME], NPY[:6], NPY[:8], NPY[:10]]),
    st.binary(max_size=200),
)
def test_no_bytes_raise_anything_but_invalid(start: bytes, rest: bytes) -> None:
    passes_or_is_refused(start + rest)


SOUND = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 16)).map(str)
SHAPES = SOUND | st.lists(st.integers(-2, 40) | st.integers(), max_size=5).map(lambda sides: str(tuple(sides)))
KINDS = st.sampled_from(["'|u1'", "'|u1'", "'<u2'", "'<u2'", "'>u2'", "'|O'", "[('a', '|u1')]"]) | st.text(max_size=12)


@given(
    SHAPES | st.text(max_size=40),
    KINDS,
    st.sampled_from(["False", "False", "True", "None"]),
    st.sampled_from([b"\1\0", b"\2\0", b"\3\0"]),
    st.integers(0, 3000) | st.just(None),
)
def test_whatever_a_npy_claims_it_passes_with_all_its_bytes_or_is_refused(
    shape: str, kind: str, fortran: str, version: bytes, size: int | None
) -> None:
    """`size` None: as many bytes as the claim asks for, so that sound claims are among them."""
    data = hostile.npy_of(shape, kind, fortran, version=version)
    if size is None:
        with contextlib.suppress(Invalid):
            size = min(100_000, npy_bytes(npy_header(data)) - len(data))
    data += bytes(size or 0)
    with contextlib.suppress(Invalid):
        header = sniff(data, LIMITS)
        there = np.load(BytesIO(data), allow_pickle=False).reshape(header.height, header.width, header.channels)
        assert (there.nbytes, there.dtype.itemsize * 8) == (len(data) - header.start, header.bit_depth)


def test_a_refused_npy_is_told_without_what_could_forge_a_log_line() -> None:
    with pytest.raises(Invalid) as caught:
        sniff(hostile.npy_of("(4, 4)", "'\n2026 all is well\x1b[2J'"), LIMITS)
    assert caught.value.detail.isprintable()


def test_planes_first_is_told_where_the_planes_belong() -> None:
    with pytest.raises(Invalid, match=r"shape \(8, 120, 160\): 160 planes; at most 16, the last axis"):
        sniff(hostile.npy(np.zeros((8, 120, 160), np.uint8)), LIMITS)


def test_a_thousandfold_damaged_header_passes_or_is_refused() -> None:
    rng = np.random.default_rng(7)
    for original in (JPEG, PNG, NPY):
        for _ in range(1500):
            damaged = bytearray(original[: rng.integers(1, 1200)] + original[-12:])
            for at in rng.integers(0, len(damaged), rng.integers(1, 8)):
                damaged[at] = rng.integers(0, 256)
            passes_or_is_refused(bytes(damaged))


def passes_or_is_refused(data: bytes) -> None:
    with contextlib.suppress(Invalid):
        header = sniff(data, LIMITS)
        assert 0 < header.width * header.height <= LIMITS.max_pixels
