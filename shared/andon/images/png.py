"""The header of a PNG file: W3C Portable Network Graphics (third edition), sections 5 and 11."""

import zlib
from struct import Struct

from andon.errors import Invalid
from andon.images.header import Header
from andon.reasons import Reason

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
END = b"\0\0\0\0IEND\xaeB`\x82"
DEPTHS = {
    0: (1, 2, 4, 8, 16),
    2: (8, 16),
    3: (1, 2, 4, 8),
    4: (8, 16),
    6: (8, 16),
}  # by colour type
GREY = (0, 4)
MAX_SIDE = 2**31 - 1
MAX_CHUNKS = 256

CHUNK = Struct(">I4s")  # length, type
IHDR = Struct(">IIBBBBB")  # width, height, depth, colour type, compression, filter, interlace


def png_header(head: bytes) -> Header:
    """The header of a still, non-interlaced PNG. `head` begins with PNG_MAGIC.

    Raises Invalid: PROGRESSIVE (interlaced), UNSUPPORTED_FORMAT (animated), TOO_MANY_PIXELS, TRUNCATED where
    `head` ends before the pixels begin, NOT_AN_IMAGE for broken structure.
    """
    if len(head) < 33:
        raise Invalid(Reason.TRUNCATED, f"a PNG of {len(head)} bytes")
    if CHUNK.unpack_from(head, 8) != (IHDR.size, b"IHDR") or zlib.crc32(head[12:29]) != int.from_bytes(head[29:33]):
        raise Invalid(Reason.NOT_AN_IMAGE, "a PNG start, but no sound IHDR after it")
    width, height, depth, colour, compression, row_filter, interlace = IHDR.unpack_from(head, 16)
    if not (width and height) or max(width, height) > MAX_SIDE:
        raise Invalid(Reason.TOO_MANY_PIXELS, f"a PNG that claims {width}x{height} pixels")
    if depth not in DEPTHS.get(colour, ()) or compression or row_filter or interlace > 1:
        raise Invalid(Reason.NOT_AN_IMAGE, f"a PNG of impossible depth {depth}, colour type {colour}")
    if interlace:
        raise Invalid(Reason.PROGRESSIVE, "an interlaced PNG; save it without interlacing")
    _reach_pixels(head)
    return Header("png", width, height, 1 if colour in GREY else 3, 16 if depth == 16 else 8)


def _reach_pixels(head: bytes) -> None:
    at = 33
    for _ in range(MAX_CHUNKS):
        if at + CHUNK.size > len(head):
            raise Invalid(Reason.TRUNCATED, f"a PNG without picture within its first {len(head)} bytes")
        length, kind = CHUNK.unpack_from(head, at)
        if kind == b"IDAT":
            return
        if kind == b"acTL":
            raise Invalid(Reason.UNSUPPORTED_FORMAT, "an animated PNG")
        if kind in (b"IHDR", b"IEND") or not kind.isalpha():
            raise Invalid(Reason.NOT_AN_IMAGE, f"a PNG with chunk {kind!r} where its picture should be")
        at += length + 12
    raise Invalid(Reason.NOT_AN_IMAGE, f"a PNG with more than {MAX_CHUNKS} chunks before its picture")


def png_ends(data: bytes) -> bool:
    """Whether the file ends with its end chunk, but for a little padding."""
    tail = data[-4096:]
    return tail.endswith(END) or tail.rstrip(b"\0\xff").endswith(END)
