"""What the bytes of a dead letter are, by their beginning: nothing is decoded."""

from collections.abc import Callable
from typing import NamedTuple

from andon.errors import Invalid, Mistake
from andon.stage import Record

FIRST = 16  # bytes that people are shown


class Kind(NamedTuple):
    """A media type, the ending of a file of it, and its name."""

    media_type: str
    ending: str
    name: str


KINDS = (
    (b"\xff\xd8\xff", Kind("image/jpeg", "jpg", "a JPEG")),
    (b"\x89PNG\r\n\x1a\n", Kind("image/png", "png", "a PNG")),
    (b"\x93NUMPY", Kind("application/x-npy", "npy", "an array of NumPy")),
    (b"GIF8", Kind("image/gif", "gif", "a GIF")),
    (b"BM", Kind("image/bmp", "bmp", "a Windows bitmap")),
    (b"II*\x00", Kind("image/tiff", "tif", "a TIFF")),
    (b"MM\x00*", Kind("image/tiff", "tif", "a TIFF")),
    (b"{", Kind("application/json", "json", "JSON")),
)
OTHER = Kind("application/octet-stream", "bin", "nothing that is known here")
NOTHING = Kind("application/octet-stream", "bin", "no bytes at all")
WEBP = Kind("image/webp", "webp", "a WebP")


def kind_of(data: bytes) -> Kind:
    """What it begins like."""
    if not data:
        return NOTHING
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    return next((kind for magic, kind in KINDS if data.startswith(magic)), OTHER)


def look_of(data: bytes) -> str:
    """In words: 'a JPEG, beginning ff d8 ff e0'."""
    name = kind_of(data).name
    return f"{name}, beginning {data[:FIRST].hex(' ')}" if data else name


def bytes_of(record: Record, get: Callable[[str], bytes]) -> bytes:
    """The bytes of a letter; `get` fetches from the store those that it only names. Raises Mistake, Broken."""
    dataref = (record.header("ce_dataref") or b"").decode(errors="replace")
    if record.value or not dataref:
        return record.value
    try:
        return get(dataref)
    except Invalid as error:
        raise Mistake(f"its image lies in the store, and cannot be had: {error.detail}") from None
