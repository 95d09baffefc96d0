"""Where bundles and large frames lie: any fsspec URL, every object known by the sha256 of what it holds.

A plain folder is the default; `s3://bucket/andon` and friends work by name when their fsspec driver is installed.
"""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from andon.bundle import (
    MAX_BYTES,
    SUFFIX,
    Bundle,
    BundleError,
    bundle_bytes,
    parse_bundle,
    read_bundle,
    read_manifest,
    write_whole,
)
from andon.errors import Broken, Invalid, Mistake
from andon.ids import sha256_hex
from andon.manifest import BundleManifest
from andon.reasons import Reason

_HEX64 = re.compile(r"[0-9a-f]{64}")
MAX_BLOB_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Folder:
    """One place in one file system. An object becomes visible whole or not at all.

    Locally that is a rename; object stores promise it of every put. On anything weaker a half-written object
    is found out by its digest when it is read.
    """

    url: str

    @cached_property
    def _place(self) -> tuple[Any, str]:
        try:
            fs, root = fsspec.core.url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            raise Mistake(f"store {redacted(self.url)}: {error}") from error
        return fs, root.rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return isinstance(self._place[0], LocalFileSystem)

    def write(self, name: str, data: bytes) -> None:
        """`data` under `name`. Raises Broken when the store does not take it."""
        fs, root = self._place
        try:
            if self.is_local:
                write_whole(Path(root, name), data)
            else:
                fs.pipe_file(f"{root}/{name}", data)
        except (OSError, Mistake) as error:
            raise Broken(f"store {redacted(self.url)}: {name} cannot be written: {error}") from error

    def read(self, name: str, limit: int) -> bytes:
        """The first `limit` bytes under `name`. Raises FileNotFoundError, or Broken when the store fails."""
        with self.open(name) as file:
            try:
                data: bytes = file.read(limit)
            except OSError as error:
                raise Broken(f"store {redacted(self.url)}: {name} cannot be read: {error}") from error
        return data

    def open(self, name: str) -> Any:
        """A readable, seekable binary file. Raises FileNotFoundError, or Broken when the store fails."""
        fs, root = self._place
        try:
            return fs.open(f"{root}/{name}", "rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Broken(f"store {redacted(self.url)}: {name} cannot be read: {error}") from error

    def holds(self, name: str) -> bool:
        """Whether something lies under `name`."""
        fs, root = self._place
        return bool(fs.exists(f"{root}/{name}"))


@dataclass(frozen=True)
class BundleStore:
    """Bundles by digest, at any fsspec URL. Those of a remote store are kept in `cache`, and proven on every read."""

    url: str
    cache: Path | None = None

    @cached_property
    def _folder(self) -> Folder:
        return Folder(self.url)

    def put(self, bundle: Bundle) -> str:
        """Keeps `bundle`; answers its digest. Putting it again changes nothing. Raises Broken."""
        if not self._folder.holds(bundle.digest + SUFFIX):
            self._folder.write(bundle.digest + SUFFIX, bundle_bytes(bundle))
        return bundle.digest

    def get(self, digest: str) -> Bundle:
        """The bundle of that digest, proven.

        Raises BundleError when the store does not hold it or holds something else under its name, Broken when the
        store cannot be reached.
        """
        kept = self._kept(digest)
        if kept is not None and kept.exists():
            try:
                return read_bundle(kept, digest)
            except BundleError:
                kept.unlink(missing_ok=True)
        data = self._fetch(digest)
        bundle = parse_bundle(data, f"{redacted(self.url)}/{digest}{SUFFIX}", digest)
        if kept is not None:
            _keep(kept, data)
        return bundle

    def manifest(self, digest: str) -> BundleManifest:
        """Only the manifest of a bundle, read by ranges. Raises as `get`."""
        name = _checked(digest) + SUFFIX
        try:
            with self._folder.open(name) as file:
                return read_manifest(file, digest)
        except FileNotFoundError:
            raise self._unknown(digest) from None

    def _kept(self, digest: str) -> Path | None:
        name = _checked(digest) + SUFFIX
        return self.cache / name if self.cache is not None and not self._folder.is_local else None

    def _fetch(self, digest: str) -> bytes:
        try:
            return self._folder.read(digest + SUFFIX, MAX_BYTES)
        except FileNotFoundError:
            raise self._unknown(digest) from None

    def _unknown(self, digest: str) -> BundleError:
        return BundleError(f"bundle {digest[:12]}: {redacted(self.url)} does not hold it; put it there first")


@dataclass(frozen=True)
class BlobStore:
    """Frames too large for a record, by the sha256 of their bytes. A `dataref` is the URL of one.

    A dataref arrives in a record header, from anyone: only one that this store made itself is ever opened.
    """

    url: str
    max_bytes: int = MAX_BLOB_BYTES

    @cached_property
    def _folder(self) -> Folder:
        return Folder(self.url)

    def put(self, sha256: str, data: bytes) -> str:
        """Keeps `data`; answers its dataref. Raises Broken."""
        name = _blob_name(_checked(sha256))
        if not self._folder.holds(name):
            self._folder.write(name, data)
        return f"{self.url.rstrip('/')}/{name}"

    def get(self, dataref: str) -> bytes:
        """The bytes behind `dataref`, proven.

        Raises Invalid: BAD_HEADER for a dataref of another place, MISSING_DATA where the store holds nothing,
        TOO_LARGE beyond `max_bytes`, CHECKSUM_MISMATCH where it holds something else. Raises Broken
        when the store cannot be reached.
        """
        sha256 = self._sha256_of(dataref)
        try:
            data = self._folder.read(_blob_name(sha256), self.max_bytes + 1)
        except FileNotFoundError:
            raise Invalid(Reason.MISSING_DATA, f"the store does not hold {sha256[:12]}") from None
        if len(data) > self.max_bytes:
            raise Invalid(Reason.TOO_LARGE, f"the store holds more than {self.max_bytes} bytes under {sha256[:12]}")
        if sha256_hex(data) != sha256:
            raise Invalid(Reason.CHECKSUM_MISMATCH, f"the store holds other bytes under {sha256[:12]}")
        return data

    def _sha256_of(self, dataref: str) -> str:
        sha256 = dataref.rpartition("/")[2]
        if not _HEX64.fullmatch(sha256) or dataref != f"{self.url.rstrip('/')}/{_blob_name(sha256)}":
            raise Invalid(Reason.BAD_HEADER, f"dataref {dataref[:120]!r} is not of this store")
        return sha256


def default_cache(environment: dict[str, str] | None = None) -> Path:
    """Where bundles of a remote store are kept: `$XDG_CACHE_HOME/andon/bundles`, or the same under `~/.cache`."""
    env = os.environ if environment is None else environment
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "andon" / "bundles"


def redacted(url: str) -> str:
    """`url` without the user and password that may stand in it."""
    parts = urlsplit(url)
    return url if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _keep(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except Mistake as error:
        raise Broken(f"bundle cache: {error}") from error


def _checked(digest: str) -> str:
    if not _HEX64.fullmatch(digest):
        raise Mistake(f"{digest[:80]!r} is not a sha256: 64 hex digits, lower case")
    return digest


def _blob_name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"
