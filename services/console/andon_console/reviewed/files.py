"""A file of an export: its name, and its bytes when somebody wants them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """`name` is relative, its parts separated by '/', and never leads out of the export. `read` gives its bytes, and
    raises Invalid where they cannot be had any more: the file is then left out. `sha256`: known beforehand."""

    name: str
    read: Callable[[], bytes]
    sha256: str | None = None


def text_file(name: str, text: str) -> File:
    """A file of text, UTF-8."""
    return File(name, text.encode)
