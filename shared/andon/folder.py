"""One place in one file system, whatever its fsspec driver: what stores stand on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from io import RawIOBase
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from andon.bundle import write_whole
from andon.errors import AndonError, Broken, Mistake
from andon.s3 import advice, bound, no_bucket, options, replaced

RANGE_BYTES = 256 * 1024
"""What is read at once of a remote file of which only some is wanted: a manifest, and where it stands, are smaller."""

_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")  # as drivers call it, best first


@dataclass(frozen=True, slots=True)
class Listed:
    """One object: its name below the folder, its bytes, when it was written (None: the driver does not say)."""

    name: str
    size: int
    at: datetime | None


@dataclass(frozen=True)
class Folder:
    """An object becomes visible whole or not at all.

    Locally that is a rename; object stores promise it of every put. On anything weaker a half-written object
    is found out by its digest when it is read. Whatever the driver raises when the store is away is Broken.
    """

    url: str

    @cached_property
    def _place(self) -> tuple[Any, str]:
        try:
            fs, root = fsspec.core.url_to_fs(self.url, **options(self.url))
        except (ValueError, ImportError) as error:
            raise Mistake(f"store {redacted(self.url)}: {error}") from error
        return bound(fs), root.rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return isinstance(self._place[0], LocalFileSystem)

    def write(self, name: str, data: bytes) -> None:
        """`data` under `name`. Raises Broken when the store does not take it."""
        try:
            with self._told(f"{name} cannot be written"):
                fs, root = self._place
                if self.is_local:
                    write_whole(Path(root, name), data)
                else:
                    fs.pipe_file(f"{root}/{name}", data)
        except FileNotFoundError as error:  # an object store's bucket
            raise Broken(f"store {redacted(self.url)}: {name} cannot be written: {error}") from error

    def read(self, name: str, limit: int) -> bytes:
        """The first `limit` bytes under `name`. Raises FileNotFoundError, or Broken when the store fails."""
        with self._told(f"{name} cannot be read"):
            try:
                return self._at_once(name, limit)
            except OSError as error:
                if not replaced(error):
                    raise
                return self._at_once(name, limit)

    def _at_once(self, name: str, limit: int) -> bytes:
        fs, root = self._place
        with fs.open(f"{root}/{name}", "rb", **({} if self.is_local else {"cache_type": "none"})) as file:
            return cast(bytes, file.read(limit))

    def open(self, name: str) -> "RemoteFile":
        """A readable, seekable binary file, of which a remote store sends what is read, and little more.

        Raises FileNotFoundError, or Broken when the store fails, then or later.
        """
        some = {} if self.is_local else {"cache_type": "blockcache", "block_size": RANGE_BYTES}
        with self._told(f"{name} cannot be read"):
            fs, root = self._place
            return RemoteFile(self, name, fs.open(f"{root}/{name}", "rb", **some))

    def holds(self, name: str) -> bool:
        """Whether something lies under `name`. Raises Broken when the store fails."""
        with self._told(f"{name} cannot be looked up"):
            fs, root = self._place
            return bool(fs.exists(f"{root}/{name}"))

    def listed(self, below: str = "") -> list[Listed]:
        """Every object that lies in it, or in the folder `below`; none of what lies deeper. Raises Broken."""
        return [_listed(each) for each in self._ls(below) if each["type"] == "file"]

    def folders(self, below: str = "") -> list[str]:
        """The names of the folders that lie in it, or in the folder `below`. Raises Broken when the store fails."""
        names = [str(each["name"]).rstrip("/") for each in self._ls(below) if each["type"] == "directory"]
        return [name.rpartition("/")[2] for name in names]

    def _ls(self, below: str) -> list[dict[str, Any]]:
        with suppress(FileNotFoundError), self._told("cannot be listed"):
            fs, root = self._place
            place = f"{root}/{below}".rstrip("/") or "/"
            return list(fs.ls(place, detail=True))
        return []

    def remove(self, name: str) -> None:
        """Nothing lies under `name` any more. Raises Broken when the store refuses."""
        with suppress(FileNotFoundError), self._told(f"{name} cannot be removed"):
            fs, root = self._place
            fs.rm_file(f"{root}/{name}")

    def remove_folder(self, name: str, last: str) -> None:
        """Nothing lies in the folder `name` any more; the object `last` goes last, so that a half-removed one is told
        from a half-written one. Raises Broken when the store refuses."""
        for each in self.listed(name):
            if each.name != last:
                self.remove(f"{name}/{each.name}")
        self.remove(f"{name}/{last}")
        with suppress(OSError):  # somebody wrote there again; an object store has no folders
            fs, root = self._place
            if self.is_local:
                fs.rmdir(f"{root}/{name}")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """A store that fails is Broken. Drivers raise what their libraries raise, which has no common root."""
        try:
            yield
        except FileNotFoundError as error:
            if not no_bucket(error):
                raise
            raise Broken(f"store {redacted(self.url)}: {what}: there is no such bucket; make it") from error
        except Exception as error:
            if isinstance(error, Mistake) and what.endswith("written") and self.is_local:
                raise Broken(f"store {redacted(self.url)}: {what}: {error}") from error
            if isinstance(error, AndonError) or not _is_the_stores(error):
                raise
            said = str(error).strip().rstrip(".") or type(error).__name__
            told = "; ".join(each for each in (said, advice(error)) if each)
            raise Broken(f"store {redacted(self.url)}: {what}: {told}") from error


class RemoteFile(RawIOBase):
    """A file that a driver opened; what fails while it is read is told as the folder tells it."""

    def __init__(self, folder: Folder, name: str, file: Any) -> None:
        self.name = f"{redacted(folder.url).rstrip('/')}/{name}"
        self._told = folder._told
        self._what = f"{name} cannot be read"
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from where it stands."""
        with self._told(self._what):
            return cast(bytes, self._file.read(size))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves; answers where it stands then. Raises OSError or ValueError before the beginning, as any file does."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Where it stands."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Gives it back."""
        if not self.closed:
            self._file.close()
        super().close()


def redacted(url: str) -> str:
    """`url` without the user and password that may stand in it."""
    parts = urlsplit(url)
    return url if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_the_stores(error: Exception) -> bool:
    """Whether a driver or its library raised it: what Python itself raises beside OSError is a mistake of ours."""
    own = type(error).__module__.partition(".")[0] in ("builtins", "andon")
    return isinstance(error, OSError | EOFError) or not own


def _listed(info: dict[str, Any]) -> Listed:
    given = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    return Listed(str(info["name"]).rpartition("/")[2], int(info["size"] or 0), _moment(given))


def _moment(given: Any) -> datetime | None:
    if isinstance(given, int | float):
        return datetime.fromtimestamp(given, UTC)
    if isinstance(given, str):
        with suppress(ValueError):
            return _moment(datetime.fromisoformat(given))
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    return None
