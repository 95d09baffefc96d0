"""`andon bundles`: what a store holds, what each bundle is, what differs, what may go."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from andon.bundle import SUFFIX, BundleError, Damaged, read_bundle, write_bundle
from andon.errors import Broken, Mistake
from andon.records import Assignment, Past, Proof, Trial
from andon.store import BundleStore
from andon.testing.models import proven_bundle

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
A, B, C, D, E = (proven_bundle(threshold=level) for level in (100.0, 110.0, 120.0, 130.0, 140.0))
CUP = proven_bundle(product="cup")
Line = Any


def listed(line: Line, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(line.run("bundles", "list", "--json", *words).stdout)
    return rows


def test_the_latest_put_is_listed_first_with_its_figures(small_line: Line) -> None:
    for days, bundle in ((3, A), (1, B), (2, CUP)):
        small_line.put(bundle, days_ago=days)
    rows = listed(small_line)
    assert [row["digest"] for row in rows] == [B.digest, CUP.digest, A.digest]
    assert (rows[1]["product"], rows[1]["method"], rows[1]["budget"]) == ("cup", "brightest-pixel", 0.05)
    assert rows[0]["size"] == (small_line.folder / (B.digest + SUFFIX)).stat().st_size
    shown = small_line.run("bundles", "list").stdout
    assert shown.index(B.digest[:12]) < shown.index(CUP.digest[:12]) < shown.index(A.digest[:12])
    assert "5 per 100" in shown


def test_each_bundle_says_where_it_serves(small_line: Line) -> None:
    for bundle in (A, B, C):
        small_line.put(bundle)
    given = Assignment(
        station="weld-07", bundle=A.digest, shadows=(B.digest,), past=(Past(bundle=C.digest, at=AT),), at=AT
    )
    small_line.write(given, Assignment(bundle=A.digest, product="cup", at=AT))
    rows = {row["digest"]: row for row in listed(small_line)}
    assert rows[A.digest]["active"] == ["every station, product cup", "weld-07"]
    assert (rows[B.digest]["shadow"], rows[C.digest]["past"]) == (["weld-07"], ["weld-07"])


def test_without_kafka_all_are_listed_and_it_is_said_so(small_line: Line) -> None:
    small_line.put(A)
    small_line.down = True
    told = small_line.run("bundles", "list", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)[0]["digest"] == A.digest
    assert "where each one serves is not shown: cannot reach Kafka" in told.stderr


def test_a_long_list_is_cut_and_it_is_said_so(small_line: Line) -> None:
    for days, bundle in enumerate((A, B, C)):
        small_line.put(bundle, days_ago=days)
    told = small_line.run("bundles", "list", "--last", "2")
    assert C.digest[:12] not in told.stdout
    assert "the latest 2 of 3; --all shows them all" in told.stderr
    assert len(listed(small_line, "--last", "1", "--all")) == 3
    assert [row["digest"] for row in listed(small_line, "--product", "cup")] == []


def test_a_spoilt_bundle_is_listed_with_what_is_wrong_and_hides_no_other(small_line: Line) -> None:
    small_line.put(A)
    half = small_line.folder / ("0" * 64 + SUFFIX)
    half.write_bytes((small_line.folder / (A.digest + SUFFIX)).read_bytes()[:500])
    (small_line.folder / "notes.txt").write_text("not ours")
    rows = {row["digest"]: row for row in listed(small_line)}
    assert set(rows) == {A.digest, "0" * 64}
    assert "not a bundle" in rows["0" * 64]["problem"]
    assert rows[A.digest]["problem"] is None
    assert "unreadable" in small_line.run("bundles", "list").stdout


def test_an_empty_store_says_how_to_fill_it(small_line: Line) -> None:
    assert "andon bundles put FILE" in small_line.run("bundles", "list").stderr


def test_show_tells_what_it_decides_on_which_pixels_and_where_it_serves(small_line: Line) -> None:
    small_line.put(CUP)
    small_line.write(Assignment(station="weld-07", bundle=CUP.digest, at=AT))
    shown = small_line.run("bundles", "show", CUP.digest[:6]).stdout
    for said in (CUP.digest, "cup", "active: weld-07", "5 per 100 good frames", "128 raw score", "8 x 8 pixels",
                 "brightest-pixel", "anomalous at 200", "signed"):  # fmt: skip
        assert said in shown
    order = [shown.index(heading) for heading in ("what it decides", "which pixels", "the model", "golden frames")]
    assert order == sorted(order)
    record = json.loads(small_line.run("bundles", "show", CUP.digest, "--json").stdout)
    assert (record["active"], record["manifest"]["threshold"]) == (["weld-07"], 128.0)


def test_a_file_is_shown_where_it_is(small_line: Line, tmp_path: Path) -> None:
    write_bundle(A, tmp_path / "a.andon")
    told = small_line.run("bundles", "show", str(tmp_path / "a.andon"))
    assert "not in the store" in told.stdout
    assert small_line.store.stored() == []


def test_a_difference_is_told_by_meaning_and_is_exit_status_1(small_line: Line) -> None:
    other = proven_bundle(10, 220, threshold=110.0)
    for bundle in (A, other):
        small_line.put(bundle)
    told = small_line.run("bundles", "diff", A.digest[:6], other.digest[:6], "--json")
    assert told.exit_code == 1
    found = {(each["about"], each["name"]): (each["a"], each["b"]) for each in json.loads(told.stdout)}
    assert found == {
        ("threshold", "score"): ("100", "110"),
        ("golden frames", "200.png"): ("anomalous at 200", "none"),
        ("golden frames", "220.png"): ("none", "anomalous at 220"),
    }
    assert "anomalous at 220" in small_line.run("bundles", "diff", A.digest, other.digest).stdout


def test_no_difference_is_exit_status_0(small_line: Line) -> None:
    small_line.put(A)
    told = small_line.run("bundles", "diff", A.digest, A.digest[:8])
    assert (told.exit_code, told.stdout) == (0, "")
    assert "the same bundle" in told.stderr


def test_files_go_in_and_out_whole(small_line: Line, tmp_path: Path) -> None:
    write_bundle(A, tmp_path / "a.andon")
    told = small_line.run("bundles", "put", str(tmp_path / "a.andon"), "--json")
    assert json.loads(told.stdout) == [{"file": str(tmp_path / "a.andon"), "digest": A.digest}]
    out = tmp_path / "out.andon"
    assert small_line.run("bundles", "get", A.digest[:6], "-o", str(out)).exit_code == 0
    assert read_bundle(out) == A
    assert "there already" in str(small_line.run("bundles", "get", A.digest, "-o", str(out)).exception)


def test_what_is_no_bundle_is_not_put(small_line: Line, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    assert isinstance(small_line.run("bundles", "put", str(tmp_path / "photo.jpg")).exception, BundleError)
    assert small_line.store.stored() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc", "at least the first 6"),
        ("ABCDEF12", "in lower case"),
        ("weld.andon", "nor is it a file there"),
        ("012345", "holds none at all"),
    ],
)
def test_what_means_no_bundle_is_told(small_line: Line, text: str, said: str) -> None:
    told = small_line.run("bundles", "show", text)
    assert isinstance(told.exception, Mistake)
    assert said in str(told.exception)


def old(line: Line, *bundles: Any) -> None:
    for bundle in bundles:
        line.put(bundle, days_ago=40)


def kept(line: Line) -> set[str]:
    return {each.digest for each in line.store.stored()}


def test_gc_keeps_what_any_station_needs_and_what_is_young(small_line: Line) -> None:
    active, proven, shadow, past, unneeded = A, B, C, D, E
    old(small_line, active, proven, shadow, past, unneeded)
    small_line.put(CUP, days_ago=1)
    given = Assignment(
        station="weld-07",
        bundle=active.digest,
        shadows=(shadow.digest,),
        past=(Past(bundle=past.digest, at=AT),),
        promotion=Trial(frames=5, budget=0.1),
        at=AT,
    )
    small_line.write(given, Proof(station="weld-07", bundle=proven.digest, at=AT))
    record = json.loads(small_line.run("bundles", "gc", "--yes", "--json").stdout)
    assert record["bundles"] == [unneeded.digest]
    assert kept(small_line) == {each.digest for each in (active, proven, shadow, past, CUP)}


def test_gc_shows_what_would_go_and_takes_nothing_unless_told(small_line: Line) -> None:
    old(small_line, A)
    told = small_line.run("bundles", "gc")
    assert A.digest in told.stdout
    assert "--yes does it" in told.stderr
    assert kept(small_line) == {A.digest}


def test_gc_does_nothing_without_kafka(small_line: Line) -> None:
    old(small_line, A)
    small_line.down = True
    assert isinstance(small_line.run("bundles", "gc", "--yes").exception, Broken)
    assert kept(small_line) == {A.digest}


def test_a_bundle_that_is_assigned_while_gc_runs_is_kept(small_line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    old(small_line, A, B)
    leftovers = BundleStore.leftovers

    def assigned_meanwhile(store: BundleStore) -> Any:
        small_line.write(Assignment(bundle=A.digest, at=AT))
        return leftovers(store)

    monkeypatch.setattr(BundleStore, "leftovers", assigned_meanwhile)
    told = small_line.run("bundles", "gc", "--yes")
    assert f"{A.digest[:12]} was assigned just now, and is kept" in told.stderr
    assert kept(small_line) == {A.digest}


def test_gc_takes_signatures_and_old_unfinished_files_along(small_line: Line) -> None:
    old(small_line, A)
    small_line.store.add_signature(A.digest, b"s" * 64)
    unfinished = [small_line.folder / f".{digit * 64}.andon.1234abcd.part" for digit in "ab"]
    for path in unfinished:
        path.write_bytes(b"half")
    long_ago = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    os.utime(unfinished[0], (long_ago, long_ago))
    assert json.loads(small_line.run("bundles", "gc", "--yes", "--json").stdout)["leftovers"] == [unfinished[0].name]
    assert list(small_line.folder.iterdir()) == [unfinished[1]]


def test_put_again_a_bundle_is_young_again(small_line: Line) -> None:
    old(small_line, A)
    small_line.store.put(A)
    small_line.run("bundles", "gc", "--yes")
    assert kept(small_line) == {A.digest}


def test_all_of_it_works_over_a_remote_store(small_line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_STORE__BUNDLES", f"memory://store-{uuid4()}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_bundle(A, tmp_path / "a.andon")
    write_bundle(B, tmp_path / "b.andon")
    small_line.proves()
    assert small_line.run("assign", "weld-07", str(tmp_path / "a.andon")).exit_code == 0
    assert small_line.run("bundles", "put", str(tmp_path / "b.andon")).exit_code == 0
    assert {row["digest"] for row in listed(small_line)} == {A.digest, B.digest}
    assert [row["active"] for row in listed(small_line) if row["digest"] == A.digest] == [["weld-07"]]
    assert small_line.run("bundles", "diff", A.digest[:6], B.digest[:6]).exit_code == 1
    record = json.loads(small_line.run("bundles", "gc", "--json").stdout)
    assert (record["bundles"], record["of"]) == ([], 2)


def test_a_spoilt_bundle_is_not_given_out(small_line: Line, tmp_path: Path) -> None:
    small_line.put(A)
    spoilt = small_line.folder / (A.digest + SUFFIX)
    data = bytearray(spoilt.read_bytes())
    data[data.index(b"golden/200.png") + 60] ^= 1
    spoilt.write_bytes(data)
    told = small_line.run("bundles", "get", A.digest, "-o", str(tmp_path / "out"))
    assert isinstance(told.exception, Damaged)
    assert not (tmp_path / "out").exists()
