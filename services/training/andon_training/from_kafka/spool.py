"""Frames on disk, so that hundreds of images do not lie in memory: one file each, named so that time order is kept."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from andon.bundle import write_whole
from andon.errors import Invalid, Mistake
from andon.ids import sha256_hex
from andon.images.prepare import verify_checksum
from andon.reasons import Reason
from andon.records.frame import Frame, rfc3339

BEGINNINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"\x93NUMPY": ".npy"}
OTHER = ".bin"
SUFFIXES = (*BEGINNINGS.values(), OTHER)


@dataclass(frozen=True)
class SpooledFrame:
    """A frame as fit reads it. `path` is None where its bytes could not be had; `problem` then says why."""

    name: str
    path: Path | None
    sha256: str | None = None
    problem: Invalid | None = None

    def read_bytes(self) -> bytes:
        """The encoded image. Raises Invalid when there is none, or it is not the bytes its maker counted; OSError."""
        if self.path is None:
            problem = self.problem or Invalid(Reason.MISSING_DATA, "its bytes are not at hand")
            raise Invalid(problem.reason, problem.detail)
        data = self.path.read_bytes()
        if self.sha256 is not None:
            verify_checksum(data, self.sha256)
        return data


class Spool:
    """A folder of frames. What an interrupted run left there is written again only where it differs."""

    __slots__ = ("_kept", "folder")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[UUID, Path] = {}

    def keep(self, frame: Frame, data: bytes) -> Path:
        """The file that now holds `data`. Raises Mistake when the disk does not take it."""
        path = self.folder / (stem(frame) + suffix(data))
        if _read(path) != data:
            _write(path, data)
        self._kept[frame.frame_id] = path
        return path

    def file(self, frame: Frame) -> Path | None:
        """Where `keep` has put it."""
        return self._kept.get(frame.frame_id)

    def left_there(self, frame: Frame, sha256: str) -> Path | None:
        """The file that an earlier run made of `frame`, if it holds the bytes of that sha256."""
        for each in SUFFIXES:
            path = self.folder / (stem(frame) + each)
            data = _read(path)
            if data is not None and sha256_hex(data) == sha256:
                return path
        return None

    def drop(self, frame: Frame) -> None:
        """Forgets `frame`, and removes its file."""
        path = self._kept.pop(frame.frame_id, None)
        if path is not None:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def stem(frame: Frame) -> str:
    """A file name that sorts as frames do in time, the same for the same frame."""
    at = rfc3339(frame.captured_at).replace(":", "")
    return f"{at}-{frame.epoch:018d}-{frame.seq:018d}-{frame.frame_id.hex}"


def suffix(data: bytes) -> str:
    """By what `data` begins with, so that the folder can be fitted as a folder, too."""
    return next((each for beginning, each in BEGINNINGS.items() if data.startswith(beginning)), OTHER)


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except Mistake as error:
        raise Mistake(f"{error}; make room there, or give another folder: --spool DIR") from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
