"""Reading a bundle's drift reference without its model."""

from pathlib import Path

import pytest

from andon.bundle import SUFFIX, BundleError, bundle_bytes, read_reference
from andon.store import BundleStore
from andon.testing.models import proven_bundle


def test_it_is_the_bundles_own(tmp_path: Path) -> None:
    bundle, store = proven_bundle(), BundleStore(str(tmp_path))
    store.put(bundle)
    assert store.reference(bundle.digest) == (bundle.manifest, bundle.reference)


def test_a_bundle_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not hold it"):
        BundleStore(str(tmp_path)).reference("a" * 64)


def test_a_changed_reference_is_refused(tmp_path: Path) -> None:
    bundle = proven_bundle()
    data = bundle_bytes(bundle)
    spoilt = data.replace(b'"mean":0.5', b'"mean":0.4', 1)
    assert spoilt != data
    path = tmp_path / f"{bundle.digest}{SUFFIX}"
    path.write_bytes(spoilt)
    with pytest.raises(BundleError):
        read_reference(path, bundle.digest)


def test_under_another_digest_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{'a' * 64}{SUFFIX}").write_bytes(bundle_bytes(proven_bundle()))
    with pytest.raises(BundleError, match="its digest is"):
        BundleStore(str(tmp_path)).reference("a" * 64)


def test_unsigned_it_is_given_to_nobody_who_trusts_keys(tmp_path: Path) -> None:
    bundle = proven_bundle()
    BundleStore(str(tmp_path)).put(bundle)
    with pytest.raises(BundleError, match="not signed"):
        BundleStore(str(tmp_path), trusted=()).reference(bundle.digest)
