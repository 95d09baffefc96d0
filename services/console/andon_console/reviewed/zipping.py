"""A ZIP that is sent while it is made: no more of it is in memory than one file."""

from collections.abc import Iterable, Iterator
from io import RawIOBase
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from andon.errors import Invalid
from andon_console.reviewed.files import File

EPOCH = (1980, 1, 1, 0, 0, 0)
PACKED = (".jpg", ".png")
READABLE = 0o644 << 16


class _Pipe(RawIOBase):
    """What was written since it was last asked. It cannot be sought in, so that ZipFile writes strictly forward."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        found, self._parts = b"".join(self._parts), []
        return found


def zipped(files: Iterable[File]) -> Iterator[bytes]:
    """The bytes of a ZIP of `files`, in order. A file that cannot be read any more is left out. The same files give the
    same bytes."""
    pipe = _Pipe()
    with ZipFile(pipe, "w") as archive:
        for file in files:
            try:
                data = file.read()
            except Invalid:
                continue
            archive.writestr(_info(file.name), data)
            yield pipe.taken()
    yield pipe.taken()


def _info(name: str) -> ZipInfo:
    info = ZipInfo(name, EPOCH)
    info.compress_type = ZIP_STORED if name.endswith(PACKED) else ZIP_DEFLATED
    info.external_attr = READABLE
    return info
