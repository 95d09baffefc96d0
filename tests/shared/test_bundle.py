"""A bundle is what it was when it was proven, or it is refused."""

import json
import stat
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bundle import (
    CALIBRATION,
    MADE,
    MANIFEST,
    MODEL,
    Bundle,
    BundleError,
    Damaged,
    NotABundle,
    UnknownVersion,
    bundle_bytes,
    parse_bundle,
    read_bundle,
    read_card,
    write_bundle,
)
from andon.errors import Mistake
from andon.ids import sha256_hex
from andon.manifest import CalibrationSample, GoldenFrame
from andon.records import Verdict
from andon.testing.models import swapped_model, tiny_bundle, tiny_model, without_sample

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_bundle(level: int = 10) -> Bundle:
    tensor = np.full((8, 8, 1), level, np.uint8)
    image = cv2.imencode(".png", tensor)[1].tobytes()
    golden = GoldenFrame(
        name="golden/good-1.png",
        sha256=sha256_hex(image),
        tensor_sha256=sha256_hex(tensor.tobytes()),
        verdict=Verdict.OK,
        score=float(level),
    )
    return tiny_bundle([golden], {golden.name: image})


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_STORED, mode: int = stat.S_IFREG | 0o644) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = how
            archive.writestr(info, data)
    return buffer.getvalue()


def with_manifest(bundle: Bundle, **fields: object) -> bytes:
    manifest = json.loads(bundle.members[MANIFEST]) | fields
    return zipped({**bundle.members, MANIFEST: json.dumps(manifest).encode()})


def test_a_bundle_comes_back_as_it_was_written(tmp_path: Path) -> None:
    bundle = replace(a_bundle(), created_at=NOON)
    write_bundle(bundle, tmp_path / "new" / "b.andon")
    assert read_bundle(tmp_path / "new" / "b.andon", bundle.digest) == bundle
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["b.andon"]


def test_the_same_bundle_is_the_same_file_byte_for_byte() -> None:
    assert bundle_bytes(a_bundle()) == bundle_bytes(a_bundle())


def test_the_moment_it_was_made_stands_outside_the_digest() -> None:
    bundle = a_bundle()
    dated = parse_bundle(bundle_bytes(replace(bundle, created_at=NOON)))
    assert dated.digest == bundle.digest
    assert dated.created_at == NOON


def test_the_digest_covers_every_other_byte() -> None:
    assert a_bundle(10).digest != a_bundle(11).digest
    assert a_bundle().digest == sha256_hex(a_bundle().members[MANIFEST])


def test_the_manifest_can_be_read_alone_and_be_proven() -> None:
    bundle = a_bundle()
    file = BytesIO(bundle_bytes(bundle))
    assert read_card(file, bundle.digest).manifest.preparation == bundle.manifest.preparation
    with pytest.raises(Damaged, match="digest"):
        read_card(file, "0" * 64)


def test_the_scores_behind_the_threshold_are_kept_in_order_with_seven_digits() -> None:
    bundle = parse_bundle(bundle_bytes(a_bundle()))
    assert bundle.calibration_sample == CalibrationSample.of(range(20))
    kept = CalibrationSample.of([1.23456789, -0.000123456789, 3.0])
    assert kept.scores == (1.234568, -0.0001234568, 3.0)


def test_a_bundle_from_before_scores_were_kept_is_still_read() -> None:
    older = parse_bundle(bundle_bytes(without_sample(a_bundle())))
    assert older.calibration_sample is None
    assert older.manifest.threshold == a_bundle().manifest.threshold


def test_another_number_of_scores_than_the_threshold_rests_on_is_refused() -> None:
    calibration = a_bundle().manifest.calibration.model_copy(update={"good_frames": 21})
    with pytest.raises(Damaged, match=r"calibration\.json holds 20 scores; the threshold rests on 21"):
        parse_bundle(with_manifest(a_bundle(), calibration=calibration.model_dump(mode="json")))


@pytest.mark.parametrize("text", [b"", b"{}", b'{"scores":[]}', b'{"scores":[NaN]}', b'{"scores":["x"]}', b"[1]"])
def test_scores_that_are_none_are_refused(text: bytes) -> None:
    bundle = a_bundle()
    listed = [
        {"name": CALIBRATION, "sha256": sha256_hex(text), "size": len(text)}
        if member.name == CALIBRATION
        else member.model_dump(mode="json")
        for member in bundle.manifest.members
    ]
    forged = replace(bundle, members={**bundle.members, CALIBRATION: text})
    with pytest.raises(Damaged, match=r"calibration\.json"):
        parse_bundle(with_manifest(forged, members=listed))


def test_a_tampered_model_is_refused() -> None:
    with pytest.raises(Damaged, match=r"model\.onnx"):
        parse_bundle(bundle_bytes(swapped_model(a_bundle(), tiny_model((16, 16, 1)))))


def test_another_bundle_than_the_one_asked_for_is_refused() -> None:
    with pytest.raises(Damaged, match="digest"):
        parse_bundle(bundle_bytes(a_bundle(10)), digest=a_bundle(11).digest)


def test_a_manifest_that_lists_a_tampered_model_has_another_digest() -> None:
    honest = a_bundle()
    evil = tiny_model((16, 16, 1))
    members = json.loads(honest.members[MANIFEST])["members"]
    for member in members:
        if member["name"] == MODEL:
            member["sha256"] = sha256_hex(evil)
    forged = with_manifest(swapped_model(honest, evil), members=members)
    with pytest.raises(Damaged, match="digest"):
        parse_bundle(forged, digest=honest.digest)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_an_unknown_schema_version_is_refused(version: object) -> None:
    with pytest.raises(UnknownVersion, match="schema version"):
        parse_bundle(with_manifest(a_bundle(), schema_version=version))


def test_fields_of_a_later_writer_are_left_be() -> None:
    assert parse_bundle(with_manifest(a_bundle(), colour_of_the_day="red")).manifest.threshold == 128


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "golden/../../evil", "a\\b", "golden/", ".hidden", "a/b/c"])
def test_a_member_whose_path_leaves_the_bundle_is_refused(name: str) -> None:
    with pytest.raises(NotABundle, match="name"):
        parse_bundle(zipped({**a_bundle().members, name: b"x"}))


def test_a_symlink_is_refused() -> None:
    with pytest.raises(NotABundle, match="plain file"):
        parse_bundle(zipped({**a_bundle().members, "link": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777))


def test_a_zip_bomb_is_refused_before_it_unpacks() -> None:
    bomb = zipped({MANIFEST: b" " * 50_000_000}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(NotABundle, match="compressed"):
        parse_bundle(bomb)


def test_a_header_that_claims_more_than_the_file_holds_is_refused() -> None:
    data = bytearray(zipped({MANIFEST: b"{}"}))
    central = data.rindex(b"PK\x01\x02")
    data[central + 20 : central + 28] = (7_000_000).to_bytes(4, "little") * 2
    with pytest.raises(BundleError):
        parse_bundle(bytes(data))


def test_two_members_of_one_name_are_refused() -> None:
    buffer = BytesIO(zipped(dict(a_bundle().members)))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(MODEL, b"another")
    with pytest.raises(NotABundle, match="one name"):
        parse_bundle(buffer.getvalue())


def test_a_missing_and_an_added_member_are_refused() -> None:
    members = dict(a_bundle().members)
    with pytest.raises(Damaged, match=r"unlisted members \['extra'\]"):
        parse_bundle(zipped({**members, "extra": b"x"}))
    del members[MODEL]
    with pytest.raises(Damaged, match=r"missing members \['model\.onnx'\]"):
        parse_bundle(zipped(members))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"\x80\x04\x95pickle.", zipped({"archive/data.pkl": b"\x80\x02."}), zipped({MANIFEST: b"[]"})],
    ids=["empty", "cut", "pickle", "pytorch", "not a manifest"],
)
def test_what_is_no_bundle_is_refused_by_what_it_is(data: bytes) -> None:
    with pytest.raises((NotABundle, UnknownVersion)):
        parse_bundle(data)


def test_a_missing_file_is_the_operators_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"none\.andon: cannot be read"):
        read_bundle(tmp_path / "none.andon")


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Mistake, match="cannot be written"):
        write_bundle(a_bundle(), tmp_path / "file" / "b.andon")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Mistake, match="cannot be written"):
        write_bundle(a_bundle(), tmp_path / "folder")
    assert {file.name for file in tmp_path.iterdir()} == {"file", "folder"}


WHOLE = bundle_bytes(replace(a_bundle(), created_at=NOON))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_one_changed_byte_is_found_out_or_changes_nothing(at: int, by: int) -> None:
    """Zip has bytes that mean nothing to us (times, versions) and `made.json`; all else is proven."""
    data = bytearray(WHOLE)
    data[at] ^= by
    try:
        bundle = parse_bundle(bytes(data), digest=a_bundle().digest)
    except BundleError:
        return
    assert bundle.members == a_bundle().members


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_short_is_refused(at: int) -> None:
    with pytest.raises(BundleError):
        parse_bundle(WHOLE[:at])


def test_made_json_is_not_a_member() -> None:
    assert MADE not in parse_bundle(WHOLE).members
