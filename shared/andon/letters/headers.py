"""Headers of a dead letter for people: harmless to a terminal and to a page."""

from collections.abc import Iterator

from andon.letters.letter import shown
from andon.stage import Headers

MOST = 64  # headers, more than any frame may have
HEX_BYTES = 32


def headers_shown(headers: Headers) -> Iterator[tuple[str, str]]:
    """Names and values; what is no text as hex digits. The last MOST: Andon's own stand there."""
    for name, value in headers[-MOST:]:
        yield shown(name, 80), _value(value)


def _value(value: bytes | None) -> str:
    if value is None:
        return "null"
    try:
        return shown(value.decode(), 300)
    except UnicodeDecodeError:
        return f"{len(value)} bytes: {value[:HEX_BYTES].hex(' ')}"
