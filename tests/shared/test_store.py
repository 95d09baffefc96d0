"""Bundles and blobs are known by what they hold, wherever they lie."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, ClassVar
from uuid import uuid4

import cv2
import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from andon.bundle import SUFFIX, Bundle, BundleError, Damaged, bundle_bytes
from andon.errors import Broken, Invalid, Mistake
from andon.folder import Folder
from andon.ids import sha256_hex
from andon.manifest import GoldenFrame
from andon.reasons import Reason
from andon.records import Verdict
from andon.store import BlobStore, BundleStore, redacted
from andon.testing.models import proven_bundle, tiny_bundle


def a_bundle() -> Bundle:
    image = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
    golden = GoldenFrame(
        name="golden/a.png", sha256=sha256_hex(image), tensor_sha256="0" * 64, verdict=Verdict.OK, score=0
    )
    return tiny_bundle([golden], {golden.name: image})


@pytest.fixture(params=["folder", "file url", "remote"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "remote":
        return f"memory://store-{uuid4()}"
    return str(tmp_path / "s") if request.param == "folder" else (tmp_path / "s").as_uri()


def test_a_bundle_comes_back_by_its_digest(url: str) -> None:
    store = BundleStore(url)
    digest = store.put(a_bundle())
    assert store.put(a_bundle()) == digest
    assert store.get(digest) == a_bundle()
    assert store.manifest(digest) == a_bundle().manifest


def test_an_unknown_digest_is_told(url: str) -> None:
    for ask in (BundleStore(url).get, BundleStore(url).manifest):
        with pytest.raises(BundleError, match="does not hold it"):
            ask("0" * 64)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_only_a_digest_is_ever_looked_up(url: str, digest: str) -> None:
    with pytest.raises(Mistake, match="not a sha256"):
        BundleStore(url).get(digest)


def test_something_else_under_its_name_is_refused(url: str) -> None:
    store = BundleStore(url)
    fs, root = fsspec.core.url_to_fs(url)
    fs.makedirs(root, exist_ok=True)
    fs.pipe_file(f"{root}/{'0' * 64}{SUFFIX}", bundle_bytes(a_bundle()))
    for ask in (store.get, store.manifest):
        with pytest.raises(Damaged, match="digest"):
            ask("0" * 64)


def test_a_remote_bundle_is_kept_and_a_spoilt_copy_fetched_again(tmp_path: Path) -> None:
    url = f"memory://store-{uuid4()}"
    store = BundleStore(url, cache=tmp_path)
    digest = store.put(a_bundle())
    store.get(digest)
    kept = tmp_path / f"{digest}{SUFFIX}"
    kept.write_bytes(kept.read_bytes()[:-10])
    assert store.get(digest) == a_bundle()
    assert kept.read_bytes() == bundle_bytes(a_bundle())
    fs, root = fsspec.core.url_to_fs(url)
    fs.rm(root, recursive=True)
    assert BundleStore(url, cache=tmp_path).get(digest) == a_bundle()


def test_a_cache_that_cannot_be_written_is_broken(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = BundleStore(f"memory://store-{uuid4()}", cache=tmp_path / "file")
    digest = store.put(a_bundle())
    with pytest.raises(Broken, match="bundle cache"):
        store.get(digest)


def test_a_folder_never_shows_half_a_bundle(tmp_path: Path) -> None:
    BundleStore(str(tmp_path)).put(a_bundle())
    assert [file.name for file in tmp_path.iterdir()] == [a_bundle().digest + SUFFIX]


def test_a_half_written_bundle_is_mended_by_putting_it_again(url: str) -> None:
    store = BundleStore(url)
    digest = store.put(a_bundle())
    fs, root = fsspec.core.url_to_fs(url)
    fs.pipe_file(f"{root}/{digest}{SUFFIX}", bundle_bytes(a_bundle())[:300])
    with pytest.raises(BundleError):
        store.get(digest)
    store.put(a_bundle())
    assert store.get(digest) == a_bundle()


def test_two_that_put_and_read_at_once_see_whole_bundles_only(url: str) -> None:
    bundles = [proven_bundle(threshold=float(level)) for level in (100, 110)]
    store = BundleStore(url)
    for bundle in bundles:
        store.put(bundle)

    def work(turn: int) -> bool:
        bundle = bundles[turn % 2]
        return BundleStore(url).put(bundle) == bundle.digest and BundleStore(url).get(bundle.digest) == bundle

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(100)))
    assert {each.digest for each in store.stored()} == {bundle.digest for bundle in bundles}
    assert store.leftovers() == []


def test_a_bundle_is_found_by_its_first_digits(url: str) -> None:
    store = BundleStore(url)
    digest = store.put(a_bundle())
    assert store.find(digest) == store.find(digest[:6]) == digest
    with pytest.raises(Mistake, match="6 to 64 hex digits"):
        store.find(digest[:5])
    with pytest.raises(BundleError, match=f"the latest there is {digest[:16]}"):
        store.find("000000" if digest[0] != "0" else "ffffff")


def test_a_beginning_that_several_share_is_told(tmp_path: Path) -> None:
    for last in "12":
        (tmp_path / f"{'a' * 63}{last}{SUFFIX}").write_bytes(b"")
    with pytest.raises(Mistake, match="2 bundles begin so"):
        BundleStore(str(tmp_path)).find("aaaaaa")


def test_ten_thousand_bundles_are_listed_in_a_breath(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number:064x}{SUFFIX}").touch()
    begun = time.process_time()
    assert len(BundleStore(str(tmp_path)).stored()) == 10_000
    assert time.process_time() - begun < 5


def test_what_a_remote_bundle_says_of_itself_is_read_once_and_a_spoilt_copy_again(tmp_path: Path) -> None:
    url = f"memory://store-{uuid4()}"
    store = BundleStore(url, cache=tmp_path)
    digest = store.put(a_bundle())
    assert store.card(digest).manifest == a_bundle().manifest
    kept = tmp_path / f"{digest}.json"
    kept.write_text(kept.read_text().replace("128.0", "999.0"))
    assert store.card(digest).manifest == a_bundle().manifest
    fs, root = fsspec.core.url_to_fs(url)
    fs.rm(root, recursive=True)
    assert [
        card.digest for card in BundleStore(url, cache=tmp_path).cards([digest]) if not isinstance(card, Exception)
    ] == [digest]
    assert isinstance(next(iter(BundleStore(url).cards([digest]))), BundleError)


class Meeting(MemoryFileSystem):
    """A store that opens nothing before two ask for something."""

    protocol = "meeting"
    barrier: ClassVar[Barrier]

    def _open(self, path: str, mode: str = "rb", **given: Any) -> Any:
        if mode == "rb":
            self.barrier.wait(timeout=10)
        return super()._open(path, mode, **given)


def test_manifests_of_a_remote_store_are_read_several_at_a_time_and_what_is_wrong_is_in_its_place() -> None:
    fsspec.register_implementation("meeting", Meeting, clobber=True)
    Meeting.barrier = Barrier(2)
    store, made = BundleStore(f"meeting://store-{uuid4()}"), proven_bundle()
    store.put(made)
    first, second = store.manifests([made.digest, "0" * 64])
    assert first == made.manifest
    assert isinstance(second, BundleError)


class Away(MemoryFileSystem):
    """A store whose driver raises what its library raises."""

    protocol = "away"
    raises: ClassVar[Exception] = OSError()

    def _open(self, *_: Any, **__: Any) -> Any:
        raise self.raises

    ls = exists = rm_file = pipe_file = _open


class NoAnswer(Exception):
    """As botocore.exceptions.EndpointConnectionError: no OSError."""


@pytest.mark.parametrize(
    "error", [NoAnswer("Could not connect"), OSError("Could not connect"), TimeoutError("Could not connect")]
)
def test_a_store_that_is_away_is_broken_in_a_sentence_whatever_its_driver_raises(error: Exception) -> None:
    fsspec.register_implementation("away", Away, clobber=True)
    Away.raises = error
    store, digest = BundleStore("away://key:secret@bucket"), a_bundle().digest
    for ask in (
        lambda: store.put(a_bundle()),
        lambda: store.get(digest),
        lambda: store.manifest(digest),
        store.stored,
        lambda: store.find(digest[:8]),
        lambda: store.remove(digest),
    ):
        with pytest.raises(Broken, match=r"store away://bucket: .*Could not connect") as told:
            ask()
        assert "secret" not in str(told.value)


def test_a_mistake_of_ours_is_not_taken_for_the_stores() -> None:
    fsspec.register_implementation("away", Away, clobber=True)
    Away.raises = TypeError("ours")
    with pytest.raises(TypeError, match="ours"):
        BundleStore("away://bucket").stored()


def test_a_store_that_goes_away_while_it_is_read_is_broken_and_no_bad_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"memory://store-{uuid4()}"
    digest = BundleStore(url).put(a_bundle())

    def gone(*_: Any) -> bytes:
        raise OSError("connection reset")

    monkeypatch.setattr(MemoryFile, "read", gone)
    for ask in (BundleStore(url).get, BundleStore(url).manifest):
        with pytest.raises(Broken, match="connection reset"):
            ask(digest)


def test_a_store_that_cannot_be_written_is_broken(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Broken, match="cannot be written"):
        BundleStore(str(tmp_path / "file")).put(a_bundle())


def test_an_unknown_kind_of_store_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="nosuch"):
        BundleStore("nosuch://bucket").put(a_bundle())


def test_a_frame_comes_back_by_its_dataref(url: str) -> None:
    blobs, data = BlobStore(url), b"an image"
    dataref = blobs.put(sha256_hex(data), data)
    assert blobs.put(sha256_hex(data), data) == dataref
    assert blobs.get(dataref) == data


def test_a_dataref_of_another_place_is_never_opened(tmp_path: Path) -> None:
    blobs = BlobStore(str(tmp_path / "s"))
    secret = sha256_hex(b"secret")
    for dataref in ("/etc/passwd", f"{tmp_path}/s/../other/{secret}", f"file:///x/{secret[:2]}/{secret}", ""):
        with pytest.raises(Invalid) as refused:
            blobs.get(dataref)
        assert refused.value.reason is Reason.BAD_HEADER


def test_a_missing_and_a_spoilt_frame_are_told_apart(tmp_path: Path) -> None:
    blobs = BlobStore(str(tmp_path))
    sha256 = sha256_hex(b"frame")
    dataref = blobs.put(sha256, b"frame")
    Path(dataref).write_bytes(b"frome")
    with pytest.raises(Invalid) as spoilt:
        blobs.get(dataref)
    assert spoilt.value.reason is Reason.CHECKSUM_MISMATCH
    Path(dataref).unlink()
    with pytest.raises(Invalid) as missing:
        blobs.get(dataref)
    assert missing.value.reason is Reason.MISSING_DATA


def test_a_frame_too_large_is_not_read_whole(tmp_path: Path) -> None:
    dataref = BlobStore(str(tmp_path)).put(sha256_hex(b"12345"), b"12345")
    with pytest.raises(Invalid) as refused:
        BlobStore(str(tmp_path), max_bytes=4).get(dataref)
    assert refused.value.reason is Reason.TOO_LARGE


def test_passwords_in_a_url_are_not_shown() -> None:
    assert redacted("s3://key:secret@bucket/andon") == "s3://bucket/andon"


def test_a_folder_lists_what_lies_below_and_removes_a_folder_with_one_object_last(url: str) -> None:
    folder = Folder(url)
    assert folder.folders() == []
    assert folder.listed("a") == []
    for name in ("a/1", "a/2", "a/last", "b/1", "top"):
        folder.write(name, name.encode())
    assert sorted(folder.folders()) == ["a", "b"]
    assert sorted((each.name, each.size) for each in folder.listed("a")) == [("1", 3), ("2", 3), ("last", 6)]
    assert [each.name for each in folder.listed()] == ["top"]
    folder.remove_folder("a", last="last")
    folder.remove_folder("a", last="last")  # again
    assert folder.listed("a") == []
    assert folder.folders() == ["b"]


def test_the_object_that_goes_last_outlives_a_removal_that_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(str(tmp_path))
    for name in ("a/1", "a/2", "a/0-last"):
        folder.write(name, b"x")
    left = [2]

    def remove(self: Folder, name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Broken("killed here")
        (tmp_path / name).unlink()

    monkeypatch.setattr(Folder, "remove", remove)
    with pytest.raises(Broken):
        folder.remove_folder("a", last="0-last")
    assert [each.name for each in folder.listed("a")] == ["0-last"]
