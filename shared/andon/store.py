"""Where bundles and large frames lie: any fsspec URL, every object known by the sha256 of what it holds.

A plain folder is the default; `s3://bucket/andon` and friends work by name when their fsspec driver is installed.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from andon.bundle import (
    MAX_BYTES,
    SUFFIX,
    Bundle,
    BundleError,
    Card,
    bundle_bytes,
    parse_bundle,
    read_bundle,
    read_card,
    read_golden,
    read_reference,
    read_sample,
    write_whole,
)
from andon.errors import AndonError, Broken, Invalid, Mistake
from andon.folder import Folder, redacted
from andon.ids import sha256_hex
from andon.manifest import BundleManifest, CalibrationSample, DriftReference, GoldenFrame
from andon.reasons import Reason
from andon.settings import StoreSettings
from andon.signing import MAX_BYTES as MAX_SIGNATURE_BYTES
from andon.signing import SUFFIX as SIGNATURE
from andon.signing import TrustedKey, signers, trusted_keys, with_signature

__all__ = ["BlobStore", "BundleStore", "Stored", "default_cache", "redacted"]

_HEX64 = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{6,64}")
_PART = re.compile(r"\.[0-9a-f]{64}\.(andon|sig)\..*\.part")
MAX_BLOB_BYTES = 256 * 1024**2
READERS = 8  # how many manifests of a remote store are fetched at once
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """One bundle of a store: its digest, its bytes, and when it was put there, where the store says so."""

    digest: str
    size: int
    at: datetime | None


@dataclass(frozen=True)
class BundleStore:
    """Bundles by digest, at any fsspec URL. Those of a remote store are kept in `cache`, and proven on every read.

    With `trusted` keys, only a bundle that one of them signed is ever given out.
    """

    url: str
    cache: Path | None = None
    trusted: tuple[TrustedKey, ...] | None = None

    @classmethod
    def of(cls, settings: StoreSettings, cache: Path | None = None) -> "BundleStore":
        """The store that settings name. Raises Mistake when the keys to trust cannot be read."""
        path = settings.trusted_keys
        return cls(settings.bundles, cache, trusted_keys(path) if path is not None else None)

    @cached_property
    def _folder(self) -> Folder:
        return Folder(self.url)

    def put(self, bundle: Bundle) -> str:
        """Keeps `bundle`; answers its digest. Raises Broken.

        Putting it again changes nothing but when it was put, and mends one that was half written. Two that put the
        same one at once leave one of the two, whole.
        """
        self._folder.write(bundle.digest + SUFFIX, bundle_bytes(bundle))
        return bundle.digest

    def get(self, digest: str) -> Bundle:
        """The bundle of that digest, proven.

        Raises BundleError when the store does not hold it, holds something else under its name, or nobody trusted
        signed it; Broken when the store cannot be reached.
        """
        kept = self._kept(digest, SUFFIX)
        self._check_signature(digest)
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
        _checked(digest)
        self._check_signature(digest)
        return self._read_card(digest).manifest

    def reference(self, digest: str) -> tuple[BundleManifest, DriftReference]:
        """The manifest and the drift reference of a bundle, read by ranges. Raises as `get`."""
        self._check_signature(_checked(digest))
        try:
            with self._folder.open(digest + SUFFIX) as file:
                card, reference = read_reference(file, digest)
        except FileNotFoundError:
            raise self._unknown(digest) from None
        return card.manifest, reference

    def sample(self, digest: str) -> CalibrationSample | None:
        """The scores of good frames behind a bundle's threshold, read by ranges; None where it keeps none.

        To find a threshold with, not to serve: signed or not. Raises as `card`.
        """
        try:
            with self._folder.open(_checked(digest) + SUFFIX) as file:
                return read_sample(file, digest)
        except FileNotFoundError:
            raise self._unknown(digest) from None

    def golden_image(self, digest: str, frame: GoldenFrame) -> bytes:
        """The encoded image of one of a manifest's golden frames, read by ranges and proven. Raises as `get`."""
        try:
            with self._folder.open(_checked(digest) + SUFFIX) as file:
                return read_golden(file, frame)
        except FileNotFoundError:
            raise self._unknown(digest) from None

    def card(self, digest: str) -> Card:
        """What a bundle says of itself, signed or not: to be shown, not served. Raises as `get`, but for signatures."""
        kept = self._kept(digest, ".json")
        if kept is None:
            return self._read_card(digest)
        known = _read_kept_card(kept, digest)
        if known is None:
            known = self._read_card(digest)
            _keep(kept, _card_bytes(known))
        return known

    def cards(self, digests: Iterable[str]) -> Iterator[Card | BundleError]:
        """The cards of many, in order; of a remote store several at a time. What is wrong with one is in its place."""
        yield from self._each(self._card_or_why_not, digests)

    def manifests(self, digests: Iterable[str]) -> Iterator[BundleManifest | AndonError]:
        """As `cards`, of the manifests of bundles that may be served; that the store cannot be reached, too, is in its
        place."""
        yield from self._each(self._manifest_or_why_not, digests)

    def _each(self, read: Callable[[str], T], digests: Iterable[str]) -> Iterator[T]:
        if self._folder.is_local:
            yield from map(read, digests)
        else:
            with ThreadPoolExecutor(READERS, "bundles") as pool:
                yield from pool.map(read, digests)

    def stored(self) -> list[Stored]:
        """Every bundle that lies there, the latest first: one listing, nothing is opened. Raises Broken."""
        objects = (each for each in self._folder.listed() if each.name.endswith(SUFFIX))
        found = [Stored(each.name.removesuffix(SUFFIX), each.size, each.at) for each in objects]
        known = [each for each in found if _HEX64.fullmatch(each.digest)]
        return sorted(known, key=lambda each: (-each.at.timestamp() if each.at else 0.0, each.digest))

    def find(self, text: str) -> str:
        """The digest that `text` means: itself, or the only one there that begins so, in 6 digits or more.

        Raises Mistake when it means none, or several; BundleError when the store does not hold it.
        """
        if not _PREFIX.fullmatch(text):
            raise Mistake(f"{text[:80]!r} is not a bundle's digest: 6 to 64 hex digits, lower case, or a file there is")
        if _HEX64.fullmatch(text) and self._folder.holds(text + SUFFIX):
            return text
        there = [each.digest for each in self.stored()]
        found = [digest for digest in there if digest.startswith(text)]
        if len(found) == 1:
            return found[0]
        if found:
            raise Mistake(
                f"{text}: {len(found)} bundles begin so: {', '.join(each[:16] for each in found[:5])}; say more"
            )
        raise BundleError(f"bundle {text[:16]}: {redacted(self.url)} does not hold it{_near(text, there)}")

    def remove(self, digest: str) -> None:
        """Takes a bundle and its signatures out of the store. Raises Broken."""
        self._folder.remove(_checked(digest) + SUFFIX)
        self._folder.remove(digest + SIGNATURE)

    def leftovers(self) -> list[Stored]:
        """What writes that were cut short left in a folder of this machine; `digest` is the name of the file."""
        found = self._folder.listed() if self._folder.is_local else []
        return [Stored(each.name, each.size, each.at) for each in found if _PART.fullmatch(each.name)]

    def remove_leftover(self, name: str) -> None:
        """Removes one of `leftovers`. Raises Broken."""
        if _PART.fullmatch(name):
            self._folder.remove(name)

    def signatures(self, digest: str) -> bytes:
        """The signatures beside a bundle (`andon.signing`), b"" for none. Raises Broken."""
        try:
            return self._folder.read(_checked(digest) + SIGNATURE, MAX_SIGNATURE_BYTES)
        except FileNotFoundError:
            return b""

    def add_signature(self, digest: str, signature: bytes) -> None:
        """Keeps one more signature beside a bundle. Raises Broken."""
        self._folder.write(digest + SIGNATURE, with_signature(self.signatures(digest), signature))

    def _check_signature(self, digest: str) -> None:
        """Raises BundleError unless a trusted key signed it. The signatures of a remote store are kept, too."""
        if self.trusted is None:
            return
        kept = self._kept(digest, SIGNATURE)
        if kept is not None and kept.exists() and signers(digest, kept.read_bytes(), self.trusted):
            return
        text = self.signatures(digest)
        if not signers(digest, text, self.trusted):
            raise _untrusted(digest, text, self.trusted)
        if kept is not None:
            _keep(kept, text)

    def _card_or_why_not(self, digest: str) -> Card | BundleError:
        try:
            return self.card(digest)
        except BundleError as error:
            return error

    def _manifest_or_why_not(self, digest: str) -> BundleManifest | AndonError:
        try:
            return self.manifest(digest)
        except AndonError as error:
            return error

    def _read_card(self, digest: str) -> Card:
        try:
            with self._folder.open(_checked(digest) + SUFFIX) as file:
                return read_card(file, digest)
        except FileNotFoundError:
            raise self._unknown(digest) from None

    def _kept(self, digest: str, suffix: str) -> Path | None:
        name = _checked(digest) + suffix
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
        if not self._folder.is_local or not self._folder.holds(name):  # to ask a remote one takes longer than to write
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


def _keep(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except Mistake as error:
        raise Broken(f"bundle cache: {error}") from error


def _card_bytes(card: Card) -> bytes:
    made = card.created_at.isoformat() if card.created_at else None
    return json.dumps({"manifest": card.text.decode(), "made": made}).encode()


def _read_kept_card(path: Path, digest: str) -> Card | None:
    """A kept card, unless it is not what it was: the digest proves it."""
    with suppress(OSError, ValueError, KeyError, TypeError, BundleError):
        kept = json.loads(path.read_bytes())
        made = datetime.fromisoformat(kept["made"]) if kept["made"] else None
        return Card.of(kept["manifest"].encode(), made, str(path), digest)
    return None


def _untrusted(digest: str, text: bytes, keys: tuple[TrustedKey, ...]) -> BundleError:
    trusted = ", ".join(f"{key.name} ({key.fingerprint})" for key in keys)
    state = "is signed by nobody trusted" if text else "is not signed"
    return BundleError(
        f"bundle {digest[:12]} {state}; trusted: {trusted}. Look at it (andon bundles show {digest[:12]}), "
        f"then: andon bundles sign {digest[:12]} --key KEY.pem"
    )


def _near(text: str, there: list[str]) -> str:
    """What may have been meant."""
    if not there:
        return "; it holds none at all: put it there first (andon bundles put FILE)"
    alike: Callable[[str], float] = lambda digest: SequenceMatcher(None, text, digest[: len(text)]).ratio()  # noqa: E731
    nearest = max(there, key=alike)
    if alike(nearest) >= 0.7:
        return f"; did you mean {nearest[:16]}?"
    return f"; the latest there is {there[0][:16]} (andon bundles list)"


def _checked(digest: str) -> str:
    if not _HEX64.fullmatch(digest):
        raise Mistake(f"{digest[:80]!r} is not a sha256: 64 hex digits, lower case")
    return digest


def _blob_name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"
