"""A bundle: everything one inspection needs, in one file known by its digest.

BundleError (a Mistake)
├── NotABundle      not a zip, or a zip that a bundle never is: compressed, linked, with paths that leave it
├── UnknownVersion  written by a newer Andon than this one
├── Damaged         a member is missing, added, or not the bytes that were proven
└── UnsafeModel     its model is not one that may be opened (raised by `andon.onnxfile`)

The file is a zip whose members are stored, never compressed, so that no bundle unpacks to more than it is.
`bundle.json` lists every other member by sha256 and size; **the digest of a bundle is the sha256 of its
`bundle.json`**, and so covers every byte of them. One member stands outside: `made.json` says when the file was
made, so that the same frames give the same digest on any day. Nothing is decided by it.
"""

import hashlib
import json
import os
import re
import secrets
import stat
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO, IOBase
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from pydantic import BaseModel, ValidationError

from andon.errors import Mistake
from andon.manifest import (
    BundleManifest,
    CalibrationSample,
    Digest,
    DriftReference,
    GoldenFrame,
    Made,
    Member,
    Part,
    Provenance,
)

SCHEMA_VERSION = 1
MANIFEST, MADE, MODEL, REFERENCE = "bundle.json", "made.json", "model.onnx", "reference.json"
CALIBRATION = "calibration.json"
BACKBONE = "backbone.onnx"
GOLDEN_FOLDER = "golden/"
SUFFIX = ".andon"

MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 256
MAX_JSON_BYTES = 8 * 1024**2

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,99})?")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name; its own times say nothing


class BundleError(Mistake):
    """This file cannot be served as a bundle."""


class NotABundle(BundleError):
    """It is something else, or something hostile."""


class UnknownVersion(BundleError):
    """A newer Andon wrote it."""


class Damaged(BundleError):
    """It is not what was proven when it was written."""


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory, every member proven against its digest. `members` holds them by name."""

    digest: Digest
    manifest: BundleManifest
    members: Mapping[str, bytes]
    created_at: datetime | None = None

    @property
    def model(self) -> bytes:
        """The ONNX model: the whole of it, or the head that goes on from what `backbone` gives."""
        return self.members[MODEL]

    @property
    def backbone(self) -> bytes | None:
        """The ONNX graph whose outputs the model takes; None where the model takes frames itself."""
        return self.members.get(BACKBONE)

    @property
    def backbone_digest(self) -> Digest | None:
        """The sha256 of the backbone: bundles that name the same one may share it."""
        return next((member.sha256 for member in self.manifest.members if member.name == BACKBONE), None)

    @property
    def reference(self) -> DriftReference:
        """The drift reference."""
        return _parse(DriftReference, self.members[REFERENCE], REFERENCE)

    @property
    def calibration_sample(self) -> CalibrationSample | None:
        """The scores behind the threshold; None in a bundle from before they were kept."""
        text = self.members.get(CALIBRATION)
        return _parse(CalibrationSample, text, CALIBRATION) if text is not None else None

    def golden_image(self, frame: GoldenFrame) -> bytes:
        """The encoded image of one of the manifest's golden frames."""
        return self.members[frame.name]


def make_bundle(
    manifest: BundleManifest,
    *,
    model: bytes,
    reference: DriftReference,
    sample: CalibrationSample,
    golden: Mapping[str, bytes],
    backbone: bytes | None = None,
    created_at: datetime | None = None,
) -> Bundle:
    """The bundle of these parts. `golden` holds the encoded images by the names that `manifest.golden` gives them.
    With a `backbone`, `model` is the head that takes its outputs.

    Raises Damaged when the golden images are not those the manifest names, or `sample` has not the scores it counts.
    """
    members = {MODEL: model, REFERENCE: _canonical(reference), CALIBRATION: _canonical(sample), **golden}
    if backbone is not None:
        members[BACKBONE] = backbone
    return _bundle_of(manifest, members, created_at)


def with_reference(
    bundle: Bundle, reference: DriftReference, provenance: Provenance, created_at: datetime | None = None
) -> Bundle:
    """`bundle` with another drift reference and provenance, every other member as it was.

    Raises Mistake when the reference is larger than a bundle may hold.
    """
    text = _canonical(reference)
    if len(text) > MAX_JSON_BYTES:
        raise Mistake(f"the drift reference would have {len(text)} bytes; a bundle holds at most {MAX_JSON_BYTES}")
    members = {name: data for name, data in bundle.members.items() if name != MANIFEST} | {REFERENCE: text}
    return _bundle_of(bundle.manifest.model_copy(update={"provenance": provenance}), members, created_at)


def _bundle_of(manifest: BundleManifest, members: Mapping[str, bytes], created_at: datetime | None) -> Bundle:
    """The bundle of `manifest`, which is told of its `members`. Raises Damaged."""
    listed = tuple(Member(name=n, sha256=_sha256(members[n]), size=len(members[n])) for n in sorted(members))
    complete = manifest.model_copy(update={"members": listed})
    text = _canonical(complete)
    bundle = Bundle(_sha256(text), complete, {**members, MANIFEST: text}, created_at)
    _check_members(bundle.manifest, bundle.members)
    _check_sample(bundle, "bundle")
    return bundle


def bundle_bytes(bundle: Bundle) -> bytes:
    """The file: the same bytes for the same bundle and moment, on any machine."""
    members = dict(bundle.members)
    if bundle.created_at is not None:
        members[MADE] = _canonical(Made(created_at=bundle.created_at))
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(_member_info(name), members[name])
    return buffer.getvalue()


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Writes the file whole or not at all. Raises Mistake when it cannot be written."""
    write_whole(path, bundle_bytes(bundle))


def write_whole(path: Path, data: bytes) -> None:
    """`data` at `path`, on disk, by way of a file beside it. Raises Mistake, and leaves nothing, when it cannot be."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")  # two may write the same at once
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise Mistake(f"{path}: cannot be written: {error.strerror or error}") from error


def read_bundle(path: Path, digest: Digest | None = None) -> Bundle:
    """The bundle at `path`, every byte proven; with `digest`, that bundle and no other. Raises BundleError."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise NotABundle(f"{path}: {size} bytes; a bundle has at most {MAX_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror or error}") from error
    return parse_bundle(data, str(path), digest)


def parse_bundle(data: bytes, name: str = "bundle", digest: Digest | None = None) -> Bundle:
    """The bundle that `data` holds, as `read_bundle`. `name` is what errors call it."""
    with _open(BytesIO(data), name) as archive:
        members = {info.filename: _read(archive, info, name) for info in _infos(archive, name)}
    text = members.get(MANIFEST, b"")
    found = _sha256(text)
    if digest is not None and found != digest:
        raise Damaged(f"{name}: its digest is {found[:12]}, not {digest[:12]}; fetch it again or do not trust it")
    manifest = _manifest(text, name)
    made = members.pop(MADE, None)
    _check_members(manifest, members, name)
    _parse(DriftReference, members[REFERENCE], f"{name}: {REFERENCE}")
    moment = _parse(Made, made, f"{name}: {MADE}").created_at if made else None
    bundle = Bundle(found, manifest, members, moment)
    _check_sample(bundle, name)
    return bundle


@dataclass(frozen=True)
class Card:
    """What a bundle says of itself, without its model. `text` is its `bundle.json`, whose sha256 is `digest`."""

    digest: Digest
    manifest: BundleManifest
    text: bytes
    created_at: datetime | None = None

    @classmethod
    def of(cls, text: bytes, created_at: datetime | None, name: str, digest: Digest | None = None) -> "Card":
        """The card of this `bundle.json`, with `digest`, of that bundle and no other. Raises BundleError."""
        found = _sha256(text)
        if digest is not None and found != digest:
            raise Damaged(f"{name}: its digest is {found[:12]}, not {digest[:12]}; fetch it again or do not trust it")
        return cls(found, _manifest(text, name), text, created_at)


def card_of(bundle: Bundle) -> Card:
    """What `bundle` says of itself."""
    return Card(bundle.digest, bundle.manifest, bundle.members[MANIFEST], bundle.created_at)


def read_card(source: Path | BinaryIO | IOBase, digest: Digest | None = None) -> Card:
    """`bundle.json` and when the bundle was made, without reading the model.

    `source` is a path or a seekable file, such as a remote one that fsspec reads by ranges. Raises BundleError.
    """
    name = str(getattr(source, "name", source))
    with _open(source, name) as archive:
        infos = {info.filename: info for info in _infos(archive, name)}
        text = _read(archive, infos[MANIFEST], name) if MANIFEST in infos else b""
        made = _read(archive, infos[MADE], name) if MADE in infos else None
    moment = _parse(Made, made, f"{name}: {MADE}").created_at if made else None
    return Card.of(text, moment, name, digest)


def read_reference(source: Path | BinaryIO | IOBase, digest: Digest | None = None) -> tuple[Card, DriftReference]:
    """The card and the drift reference, proven, without reading the model; `source` as for `read_card`.

    Raises BundleError.
    """
    card, name = read_card(source, digest), str(getattr(source, "name", source))
    with _open(source, name) as archive:
        info = next((each for each in _infos(archive, name) if each.filename == REFERENCE), None)
        text = _read(archive, info, name) if info is not None else b""
    if _sha256(text) not in {each.sha256 for each in card.manifest.members if each.name == REFERENCE}:
        raise Damaged(f"{name}: member {REFERENCE!r} is not the bytes the manifest lists by sha256")
    return card, _parse(DriftReference, text, f"{name}: {REFERENCE}")


def read_sample(source: Path | BinaryIO | IOBase, digest: Digest | None = None) -> CalibrationSample | None:
    """The scores behind the threshold, proven, without reading the model; None in a bundle from before they were kept.

    `source` as for `read_card`. Raises BundleError.
    """
    card, name = read_card(source, digest), str(getattr(source, "name", source))
    listed = {each.sha256 for each in card.manifest.members if each.name == CALIBRATION}
    if not listed:
        return None
    with _open(source, name) as archive:
        info = next((each for each in _infos(archive, name) if each.filename == CALIBRATION), None)
        text = _read(archive, info, name) if info is not None else b""
    if _sha256(text) not in listed:
        raise Damaged(f"{name}: member {CALIBRATION!r} is not the bytes the manifest lists by sha256")
    return _parse(CalibrationSample, text, f"{name}: {CALIBRATION}")


def read_golden(source: Path | BinaryIO | IOBase, frame: GoldenFrame) -> bytes:
    """The encoded image of one golden frame, proven by its sha256, without reading the model. `source` as `read_card`.

    Raises BundleError.
    """
    name = str(getattr(source, "name", source))
    with _open(source, name) as archive:
        info = next((info for info in _infos(archive, name) if info.filename == frame.name), None)
        data = _read(archive, info, name) if info else b""
    if _sha256(data) != frame.sha256:
        raise Damaged(f"{name}: golden frame {frame.name!r} is not the image it was proven with")
    return data


def _open(source: Path | BinaryIO | IOBase, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(cast(BinaryIO, source))
    except OSError as error:
        raise BundleError(f"{name}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise NotABundle(f"{name}: not a bundle: {error}; make one with `andon fit`") from error


def _infos(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise NotABundle(f"{name}: {len(infos)} members; a bundle has at most {MAX_MEMBERS}")
    if len({info.filename for info in infos}) != len(infos):
        raise NotABundle(f"{name}: two members have one name")
    for info in infos:
        problem = _problem(info)
        if problem:
            raise NotABundle(f"{name}: member {info.filename[:80]!r} {problem}")
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise NotABundle(f"{name}: its members hold more than {MAX_BYTES} bytes")
    return infos


def _problem(info: zipfile.ZipInfo) -> str | None:
    if not _NAME.fullmatch(info.orig_filename):
        return "has a name that no bundle uses"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is not a plain file"
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        return "is compressed; a bundle's members are stored"
    if info.filename.endswith(".json") and info.file_size > MAX_JSON_BYTES:
        return f"has {info.file_size} bytes; at most {MAX_JSON_BYTES}"
    return "is encrypted" if info.flag_bits & 1 else None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Damaged(f"{name}: member {info.filename!r}: {error or 'cut short'}") from error


def _manifest(text: bytes, name: str) -> BundleManifest:
    if not text:
        raise NotABundle(f"{name}: has no {MANIFEST}")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotABundle(f"{name}: {MANIFEST} is not JSON") from error
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    if version != SCHEMA_VERSION:
        detail = f"schema version {version!r}; this Andon reads {SCHEMA_VERSION}; upgrade it, or fit the bundle again"
        raise UnknownVersion(f"{name}: {detail}")
    return _parse(BundleManifest, text, f"{name}: {MANIFEST}")


def _check_members(manifest: BundleManifest, members: Mapping[str, bytes], name: str = "bundle") -> None:
    listed = {member.name: member for member in manifest.members}
    needed = {MODEL, REFERENCE, *(frame.name for frame in manifest.golden)}
    present = set(members) - {MANIFEST}
    missing, extra = (needed | set(listed)) - present, present - set(listed)
    if missing or extra or needed - set(listed):
        raise Damaged(f"{name}: missing members {sorted(missing)}, unlisted members {sorted(extra)}")
    for member in manifest.members:
        if _sha256(members[member.name]) != member.sha256:
            raise Damaged(f"{name}: member {member.name!r} is not the bytes the manifest lists by sha256")
    for frame in manifest.golden:
        if frame.sha256 != listed[frame.name].sha256:
            raise Damaged(f"{name}: golden frame {frame.name!r} is not the image it was proven with")


def _check_sample(bundle: Bundle, name: str) -> None:
    text, counted = bundle.members.get(CALIBRATION), bundle.manifest.calibration.good_frames
    held = len(_parse(CalibrationSample, text, f"{name}: {CALIBRATION}").scores) if text is not None else counted
    if held != counted:
        raise Damaged(f"{name}: {CALIBRATION} holds {held} scores; the threshold rests on {counted}")


P_ = TypeVar("P_", bound=Part)


def _parse(model: type[P_], text: bytes, name: str) -> P_:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Damaged(f"{name}: {where}: {first['msg']}") from None


def _canonical(part: BaseModel) -> bytes:
    fields = part.model_dump(mode="json")
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _member_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3  # unix, on every system
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
