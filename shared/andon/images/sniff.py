"""What kind of image these bytes are, and whether they are safe to decode. Decodes nothing.

Decoders are large and trusting: a 110 KB progressive JPEG costs ten seconds, a 900 KB PNG five gigabytes. So
only what a factory camera writes passes: JPEG with one interleaved baseline scan, PNG that is neither
interlaced nor animated, and a .npy of pixels and nothing else. A damaged JPEG decodes without a word; only a
checksum finds it.
"""

from andon.errors import Invalid
from andon.images.header import Header, planes
from andon.images.jpeg import JPEG_MAGIC, jpeg_ends, jpeg_header
from andon.images.limits import ImageLimits
from andon.images.npy import NPY_MAGIC, npy_bytes, npy_header
from andon.images.png import PNG_MAGIC, png_ends, png_header
from andon.reasons import Reason

HEADER_BYTES = 64 * 1024  # the picture's description must lie within these
DEFLATE_RATIO = 1032  # deflate cannot expand more (zlib's technical notes, "Maximum Compression Factor")

OTHER_FORMATS = (
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000 codestream"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "icon"),
    (b"\x8aMNG", "MNG"),
    (b"\x8bJNG", "JNG"),
    (b"%PDF", "PDF"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
)


def sniff(data: bytes, limits: ImageLimits) -> Header:
    """The header of an image that is safe to decode.

    Raises Invalid, whatever the bytes, and nothing else: EMPTY, TOO_LARGE, NOT_AN_IMAGE, UNSUPPORTED_FORMAT,
    PROGRESSIVE, TOO_MANY_PIXELS, TRUNCATED.
    """
    if not data:
        raise Invalid(Reason.EMPTY, "0 bytes")
    if len(data) > limits.max_bytes:
        raise Invalid(Reason.TOO_LARGE, f"{len(data)} bytes; at most {limits.max_bytes}")
    head = data[:HEADER_BYTES]
    if head.startswith(JPEG_MAGIC):
        header = jpeg_header(head)
    elif head.startswith(PNG_MAGIC):
        header = png_header(head)
    elif head.startswith(NPY_MAGIC):
        header = npy_header(head)
    else:
        raise _unknown(head)
    _check_size(header, len(data), limits)
    if not _ends(header, data):
        raise Invalid(Reason.TRUNCATED, f"{header.format} without its end: cut short, or followed by something else")
    return header


def _ends(header: Header, data: bytes) -> bool:
    if header.format == "npy":
        return len(data) == npy_bytes(header)
    return jpeg_ends(data) if header.format == "jpeg" else png_ends(data)


def _unknown(head: bytes) -> Invalid:
    name = next((name for magic, name in OTHER_FORMATS if head.startswith(magic)), None) or _container(head)
    if name:
        return Invalid(Reason.UNSUPPORTED_FORMAT, f"{name}; send JPEG, PNG or .npy")
    return Invalid(Reason.NOT_AN_IMAGE, f"begins with {head[:8].hex(' ')}; send JPEG, PNG or .npy")


def _container(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return "AVIF, HEIF or video"
    if head[:1] == b"P" and head[1:2] in b"1234567Ff" and head[2:3].isspace():
        return "PNM"
    return None


def _check_size(header: Header, size: int, limits: ImageLimits) -> None:
    pixels = header.width * header.height
    most = limits.most_pixels(header.channels, header.bit_depth)
    if pixels > most:
        kind = f"{header.bit_depth}-bit {planes(header.channels)}"
        detail = f"{header.width}x{header.height} in {kind} is {pixels} pixels; at most {most}"
        raise Invalid(Reason.TOO_MANY_PIXELS, detail)
    if size < _fewest_bytes(header):
        raise Invalid(Reason.TRUNCATED, f"{size} bytes cannot hold {header.width}x{header.height} pixels")


def _fewest_bytes(header: Header) -> int:
    """A bound no honest file is below: 2 bits for a JPEG block of 8x8 (one code each for DC and AC), and for
    PNG one bit a pixel at the best ratio deflate can reach. A .npy has the bytes it says.
    """
    if header.format == "npy":
        return npy_bytes(header)
    if header.format == "jpeg":
        return -(-header.width // 8) * -(-header.height // 8) // 4
    return header.width * header.height // 8 // DEFLATE_RATIO
