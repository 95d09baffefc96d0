"""Image files: which of a folder's files are meant, in which order, and how one is read."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from andon.errors import Invalid, Mistake
from andon.images.jpeg import JPEG_MAGIC, jpeg_ends
from andon.images.npy import NPY_MAGIC, npy_bytes, npy_header
from andon.images.png import PNG_MAGIC, png_ends
from andon.reasons import Reason

# What calls itself an image is captured; preprocess says what it cannot decode, with the reason.
DECODED = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".npy"}
FOREIGN = {".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".j2k", ".jxl", ".exr", ".pgm", ".ppm", ".avif", ".heic"}
SUFFIXES = frozenset(DECODED | FOREIGN)
HEAD_BYTES = 2048  # more than the header of any .npy that preprocess takes
TAIL_BYTES = 4096
Found = tuple[str, os.stat_result]


@dataclass(frozen=True, slots=True)
class File:
    """One state of one file. `name` is its place below `folder`; other size or time, other image."""

    station: str
    folder: Path
    name: str
    size: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / self.name


class Changed(Exception):  # not an error: the next look finds what it became
    """The file is no longer what was found."""


def is_mvtec(folder: Path) -> bool:
    """Whether `folder` is laid out as MVTec AD: train/good beside test/<defect>."""
    return (folder / "test").is_dir() or (folder / "train" / "good").is_dir()


def find_files(station: str, folder: Path, only: Sequence[str] = ()) -> list[File]:
    """The images below `folder`, one pattern of `only` after the other, by name within each; none of them twice.

    A pattern holds for the path below the folder, and its '*' for any characters, '/' too. Without patterns: all of
    test/ in MVTec AD layout, else everything. Raises Mistake when nothing is found.
    """
    found = dict(sorted(_images(folder), key=lambda each: each[0]))
    patterns = list(only) or (["test/*"] if is_mvtec(folder) else ["*"])
    chosen = dict.fromkeys(name for glob in patterns for name in found if fnmatchcase(name, glob))
    if not chosen:
        raise Mistake(_nothing_found(folder, patterns, found))
    return [File(station, folder, name, found[name].st_size, found[name].st_mtime_ns) for name in chosen]


def _images(folder: Path) -> list[Found]:
    try:
        return [(name, stat) for name, stat in walk(folder) if is_image(name)]
    except OSError as error:
        raise Mistake(f"{error.filename or folder}: cannot be read: {error.strerror}") from None


def _nothing_found(folder: Path, patterns: Iterable[str], found: Iterable[str]) -> str:
    there = sorted({str(Path(name).parent) for name in found})[:8]
    hint = f"images lie in {', '.join(there)}" if there else f"it holds none of {' '.join(sorted(SUFFIXES))}"
    return f"{folder}: no image matches {' or '.join(patterns)}; {hint}"


def is_image(name: str) -> bool:
    """Whether a file's name says it is an image, and not a hidden or unfinished one."""
    last = os.path.basename(name)
    return not last.startswith(".") and os.path.splitext(last)[1].lower() in SUFFIXES


def walk(folder: Path, below: str = "") -> Iterator[Found]:
    """Every plain file below `folder`, by its path from there; hidden folders and links to folders are not entered.

    What vanishes meanwhile is not there. Raises OSError when a folder cannot be read.
    """
    with os.scandir(folder / below if below else folder) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith("."):
                        yield from walk(folder, name)
                elif entry.is_file():
                    yield name, entry.stat()
            except FileNotFoundError:
                continue


def read_file(file: File, limit: int, unchanged: bool = False) -> bytes | None:
    """The bytes; None when there are more than `limit` of them.

    Raises Changed when they need to be `unchanged` since the file was found and are not; OSError.
    """
    with open(file.path, "rb", buffering=0) as handle:
        before = os.fstat(handle.fileno())
        if unchanged and _version(before) != (file.size, file.mtime_ns):
            raise Changed
        if before.st_size > limit:
            return None
        data = handle.read(before.st_size)
        if unchanged and _version(os.fstat(handle.fileno())) != (file.size, file.mtime_ns):
            raise Changed
    return data


def _version(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_size, stat.st_mtime_ns


def looks_finished(file: File) -> bool:
    """Whether a JPEG, PNG or .npy ends as one should; other files cannot tell. Raises OSError."""
    with open(file.path, "rb") as handle:
        head = handle.read(HEAD_BYTES)
        handle.seek(max(0, file.size - TAIL_BYTES))
        tail = handle.read()
    if head.startswith(JPEG_MAGIC):
        return jpeg_ends(tail)
    if head.startswith(NPY_MAGIC):
        return _npy_ends(head, file.size)
    return png_ends(tail) if head.startswith(PNG_MAGIC) else True


def _npy_ends(head: bytes, size: int) -> bool:
    try:
        return size >= npy_bytes(npy_header(head))
    except Invalid as error:  # a broken one will not become whole
        return error.reason is not Reason.TRUNCATED
