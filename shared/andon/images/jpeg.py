"""The header of a JPEG file: ITU-T T.81, annex B (marker segments)."""

from collections.abc import Iterator
from struct import Struct

from andon.errors import Invalid
from andon.images.header import Header
from andon.reasons import Reason

JPEG_MAGIC = b"\xff\xd8\xff"
LOWEST, RST0, EOI, SOS, DHP = 0xC0, 0xD0, 0xD9, 0xDA, 0xDE  # below LOWEST none has a meaning here
BASELINE = (0xC0, 0xC1)  # SOF0 baseline, SOF1 extended; both Huffman, sequential
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # every SOFn; DHT, JPG and DAC are not
MAX_PADDING = 4096  # cameras with fixed buffers fill up after the image
MAX_MARKERS = 512

FRAME = Struct(">BHHB")  # precision, height, width, components


def jpeg_header(head: bytes) -> Header:
    """The header of a JPEG with one interleaved baseline scan of 8 bits, grey or in three colours.

    `head` begins with JPEG_MAGIC. Raises Invalid: PROGRESSIVE, UNSUPPORTED_FORMAT, TOO_MANY_PIXELS (no size),
    TRUNCATED where `head` ends first, NOT_AN_IMAGE for broken structure.
    """
    frame: Header | None = None
    for marker, start, end in _segments(head):
        if marker in FRAMES:
            if frame is not None:
                raise Invalid(Reason.NOT_AN_IMAGE, "a JPEG with two frame headers")
            frame = _frame(marker, head[start:end])
        elif marker == DHP:
            raise Invalid(Reason.UNSUPPORTED_FORMAT, "a hierarchical JPEG")
        elif marker == SOS:
            return _one_scan(frame, head[start:end])
    raise Invalid(Reason.TRUNCATED, f"a JPEG without picture within its first {len(head)} bytes")


def _segments(head: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment's content, until `head` ends."""
    at = 2
    for _ in range(MAX_MARKERS):
        while head[at : at + 2] == b"\xff\xff":  # fill bytes (B.1.1.2)
            at += 1
        if at + 2 > len(head):
            return
        marker = head[at + 1]
        if head[at] != 0xFF or marker < LOWEST or RST0 <= marker <= EOI:
            raise Invalid(Reason.NOT_AN_IMAGE, f"a JPEG start, but {head[at : at + 2].hex()} at byte {at}")
        if at + 4 > len(head):
            return
        length = int.from_bytes(head[at + 2 : at + 4])
        if length < 2:
            raise Invalid(Reason.NOT_AN_IMAGE, f"a JPEG segment of length {length} at byte {at}")
        if at + 2 + length > len(head):
            return
        yield marker, at + 4, at + 2 + length
        at += 2 + length
    raise Invalid(Reason.NOT_AN_IMAGE, f"a JPEG with more than {MAX_MARKERS} segments before its picture")


def _frame(marker: int, content: bytes) -> Header:
    if marker not in BASELINE:
        reason = Reason.PROGRESSIVE if marker in (0xC2, 0xC6, 0xCA, 0xCE) else Reason.UNSUPPORTED_FORMAT
        raise Invalid(reason, f"JPEG process SOF{marker - 0xC0}; only baseline (SOF0, SOF1) is decoded")
    if len(content) < FRAME.size:
        raise Invalid(Reason.NOT_AN_IMAGE, "a JPEG frame header that is too short")
    precision, height, width, components = FRAME.unpack_from(content)
    if precision != 8 or components not in (1, 3):
        detail = f"a JPEG of {precision} bits and {components} components; send 8 bits, grey or YCbCr"
        raise Invalid(Reason.UNSUPPORTED_FORMAT, detail)
    if len(content) != FRAME.size + 3 * components or not width:
        raise Invalid(Reason.NOT_AN_IMAGE, "a JPEG frame header that contradicts itself")
    if not height:
        raise Invalid(Reason.UNSUPPORTED_FORMAT, "a JPEG whose height comes after its picture (DNL)")
    return Header("jpeg", width, height, components, 8)


def _one_scan(frame: Header | None, content: bytes) -> Header:
    """A scan of every component is the only one a decoder reads; more scans cost time without bound."""
    if frame is None or not content:
        raise Invalid(Reason.NOT_AN_IMAGE, "a JPEG scan without a frame header")
    if content[0] != frame.channels:
        detail = f"a JPEG in many scans: the first has {content[0]} of {frame.channels} components"
        raise Invalid(Reason.PROGRESSIVE, detail)
    return frame


def jpeg_ends(data: bytes) -> bool:
    """Whether the file ends with its end marker, but for a little padding."""
    return data[-MAX_PADDING:].rstrip(b"\0\xff").endswith(b"\xff\xd9")
