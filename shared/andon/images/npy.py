"""The header of a .npy file: the numpy.lib.format module of NumPy, versions 1.0 and 2.0.

NumPy evaluates that header as Python; here it must be what `numpy.save` writes, letter by letter.
"""

import re
from struct import Struct
from typing import Literal

from andon.errors import Invalid
from andon.images.header import Header
from andon.preparation import MAX_CHANNELS
from andon.reasons import Reason

NPY_MAGIC = b"\x93NUMPY"
NPY_TYPE = "application/x-npy"
MAX_HEADER_BYTES = 1024  # NumPy pads an image's to 118 or 120
LENGTHS = {b"\1\0": Struct("<H"), b"\2\0": Struct("<I")}  # of the header's text, by version
DEPTHS: dict[bytes, Literal[8, 16]] = {b"'|u1'": 8, b"'<u2'": 16}
TEXT = re.compile(rb"\{'descr': ('[^']*'|\[.*\]), 'fortran_order': (True|False), 'shape': \(([-0-9, ]*)\),? ?\}\s*")


def npy_header(head: bytes) -> Header:
    """The header of an image [h, w] or [h, w, planes] of uint8 or little-endian uint16. `head` begins with NPY_MAGIC.

    Raises Invalid: UNSUPPORTED_FORMAT (another type, order, version or shape), TOO_MANY_PIXELS (no size), TRUNCATED
    where `head` ends first, NOT_AN_IMAGE for a header that NumPy does not write.
    """
    start, text = _text(head)
    found = TEXT.fullmatch(text)
    if found is None:
        raise Invalid(Reason.NOT_AN_IMAGE, f"a .npy whose header is not as NumPy writes it: {text[:80]!r}")
    kind, fortran, shape = found.groups()
    if kind not in DEPTHS:
        told = kind.decode("latin-1").strip("'")[:40]
        detail = f"a .npy of {told!r}; send uint8 ('|u1') or little-endian uint16 ('<u2')"
        raise Invalid(Reason.UNSUPPORTED_FORMAT, detail)
    if fortran == b"True":
        raise Invalid(Reason.UNSUPPORTED_FORMAT, "a .npy in Fortran order; send numpy.ascontiguousarray of it")
    height, width, channels = _shape(shape)
    return Header("npy", width, height, channels, DEPTHS[kind], start)


def npy_bytes(header: Header) -> int:
    """How many bytes the whole file has, no more and no fewer."""
    return header.start + header.width * header.height * header.channels * header.bit_depth // 8


def _text(head: bytes) -> tuple[int, bytes]:
    """Where the pixels begin, and the header's text."""
    begin = len(NPY_MAGIC) + 2
    length = LENGTHS.get(head[len(NPY_MAGIC) : begin])
    if len(head) < begin or (length and len(head) < begin + length.size):
        raise Invalid(Reason.TRUNCATED, f"a .npy of {len(head)} bytes")
    if length is None:
        version = ".".join(map(str, head[len(NPY_MAGIC) : begin]))
        raise Invalid(Reason.UNSUPPORTED_FORMAT, f"a .npy of version {version}; send 1.0 or 2.0")
    size = length.unpack_from(head, begin)[0]
    if size > MAX_HEADER_BYTES:
        raise Invalid(Reason.NOT_AN_IMAGE, f"a .npy with a header of {size} bytes; at most {MAX_HEADER_BYTES}")
    start = begin + length.size + size
    if len(head) < start:
        raise Invalid(Reason.TRUNCATED, f"a .npy that ends within its header, after {len(head)} bytes")
    return start, head[start - size : start]


def _shape(text: bytes) -> tuple[int, int, int]:
    """Height, width and channels."""
    sides = [side.strip() for side in text.removesuffix(b",").split(b",")]
    told = f"a .npy of shape ({text.decode()[:60]})"
    if not all(side.isdigit() for side in sides):
        raise Invalid(Reason.NOT_AN_IMAGE, f"{told}, which no array has")
    if len(sides) not in (2, 3):
        raise Invalid(Reason.UNSUPPORTED_FORMAT, f"{told}; send [height, width] or [height, width, planes]")
    height, width, channels = (int(side) for side in (*sides, b"1")[:3])
    if not height * width * channels:
        raise Invalid(Reason.TOO_MANY_PIXELS, f"{told}: no pixels at all")
    if channels > MAX_CHANNELS:
        raise Invalid(Reason.UNSUPPORTED_FORMAT, f"{told}: {channels} planes; at most {MAX_CHANNELS}, the last axis")
    return height, width, channels
