"""Images as no camera means to send them: damaged, cut, exploding, disguised. And a plain one to damage.

Needs the extra `images`; cv2 is imported when a picture is drawn, not before.
"""

import zlib
from io import BytesIO
from typing import Any

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
NPY_MAGIC = b"\x93NUMPY"
EOI = b"\xff\xd9"
ZIP_TAIL = b"PK\x03\x04" + bytes(60)

OTHER_FORMATS = {
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
    "JPEG 2000 codestream": b"\xff\x4f\xff\x51" + bytes(64),
    "WebP": b"RIFF\x24\0\0\0WEBPVP8L" + bytes(64),
    "TIFF": b"II*\0\x08\0\0\0" + bytes(64),
    "TIFF, big-endian": b"MM\0*\0\0\0\x08" + bytes(64),
    "OpenEXR": b"\x76\x2f\x31\x01\x02\0\0\0" + bytes(64),
    "GIF": b"GIF89a\x10\0\x10\0" + bytes(64),
    "BMP": b"BM\x46\0\0\0" + bytes(64),
    "AVIF": b"\0\0\0\x1cftypavif" + bytes(64),
    "PNM": b"P6\n16 16\n255\n" + bytes(64),
}


def photo(width: int = 640, height: int = 480, seed: int = 0) -> Any:
    """A textured picture, uint8 [height, width, 3] BGR, different for every seed."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (12, 16, 3)).astype(np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    picture += rng.integers(-12, 13, (height, width, 1), dtype=np.int16)
    return np.clip(picture, 0, 255).astype(np.uint8)


def jpeg(picture: Any, quality: int = 90) -> bytes:
    """`picture` as a baseline JPEG."""
    import cv2

    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def png(picture: Any) -> bytes:
    """`picture` (8 or 16 bit) as a PNG."""
    import cv2

    return bytes(cv2.imencode(".png", picture)[1])


def npy(picture: Any) -> bytes:
    """`picture`, any array, as `numpy.save` writes it; of objects as a pickle."""
    import numpy as np

    file = BytesIO()
    np.save(file, picture, allow_pickle=True)
    return file.getvalue()


def planes(count: int, width: int = 160, height: int = 120, seed: int = 0) -> Any:
    """A textured picture of `count` planes, each another, uint8 [height, width, count]."""
    import numpy as np

    return np.dstack([photo(width, height, seed + i)[..., 0] for i in range(count)])


def npy_of(
    shape: str,
    descr: str = "'|u1'",
    fortran: str = "False",
    pixels: bytes = b"",
    version: bytes = b"\1\0",
    pad: int = 0,
) -> bytes:
    """A .npy that claims whatever it is told, as Python text, with `pad` spaces in its header."""
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}{' ' * pad}\n".encode()
    return NPY_MAGIC + version + len(text).to_bytes(2 if version == b"\1\0" else 4, "little") + text + pixels


def cut(data: bytes, share: float = 0.5) -> bytes:
    """The first `share` of the bytes: a camera that lost power."""
    return data[: int(len(data) * share)]


def cut_but_closed(data: bytes, share: float = 0.5) -> bytes:
    """Cut, with a JPEG end marker after it, as careful senders do: the rest of the part just is not there."""
    return cut(data, share) + EOI


def without(data: bytes, count: int = 1460) -> bytes:
    """`count` bytes missing from the middle: one lost packet."""
    middle = len(data) // 2
    return data[:middle] + data[middle + count :]


def zeroed(data: bytes, count: int = 2000) -> bytes:
    """`count` bytes of the middle turned to zero: a bad block."""
    middle = len(data) // 2
    return data[:middle] + bytes(count) + data[middle + count :]


def with_bit_flipped(data: bytes, at: int | None = None) -> bytes:
    """One bit of byte `at` (the middle one if None) turned."""
    at = len(data) // 2 if at is None else at
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def progressive(picture: Any, scans: int = 10) -> bytes:
    """A progressive JPEG whose last scan is repeated until it has about `scans` of them: cheap to send, dear to
    decode, since each scan runs over the whole image.
    """
    import cv2

    data = bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1])
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * max(1, scans - data.count(b"\xff\xda") + 1) + EOI


def repeated_scan(data: bytes, scans: int = 500) -> bytes:
    """A baseline JPEG with its only scan repeated."""
    only = data.rindex(b"\xff\xda")
    return data[:only] + data[only:-2] * scans + EOI


def first_scan_of_one_component(data: bytes) -> bytes:
    """A baseline colour JPEG whose first scan claims one of three components, as files in many scans do."""
    at = data.rindex(b"\xff\xda")
    return data[:at] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + data[at + 14 :]


def chunk(kind: bytes, content: bytes) -> bytes:
    """One PNG chunk with its length and checksum."""
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def png_of(
    width: int,
    height: int,
    depth: int = 8,
    colour: int = 0,
    interlace: int = 0,
    pixels: bytes = b"",
    before: bytes = b"",
) -> bytes:
    """A PNG that claims whatever it is told, with `before` as further chunks and `pixels` as its IDAT."""
    claims = width.to_bytes(4) + height.to_bytes(4) + bytes([depth, colour, 0, 0, interlace])
    return PNG_MAGIC + chunk(b"IHDR", claims) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A valid black 8-bit PNG, compressed a thousandfold: 30,000 x 30,000 is 0.9 MB here and 0.9 GB decoded."""
    return png_of(width, height, pixels=_deflated_zeros((width + 1) * height))


def _deflated_zeros(count: int) -> bytes:
    """`count` zero bytes as a zlib stream (RFC 1950), made from one block repeated."""
    block = 1 << 20
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    repeated = deflate.compress(bytes(block)) + deflate.flush(zlib.Z_FULL_FLUSH)
    rest = deflate.compress(bytes(count % block)) + deflate.flush()
    adler = (count % 65521) << 16 | 1
    return b"\x78\xda" + repeated * (count // block) + rest + adler.to_bytes(4)
