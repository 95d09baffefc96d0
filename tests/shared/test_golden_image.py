"""One golden frame out of a bundle in a store, without the rest of it."""

from pathlib import Path

import pytest

from andon.bundle import SUFFIX, BundleError, Damaged, bundle_bytes, read_golden
from andon.store import BundleStore
from andon.testing.models import proven_bundle


@pytest.mark.parametrize("scheme", ["", "memory://golden"])
def test_every_golden_frame_is_read_by_itself(scheme: str, tmp_path: Path):
    store, bundle = BundleStore(scheme or str(tmp_path)), proven_bundle()
    store.put(bundle)
    for frame in bundle.manifest.golden:
        assert store.golden_image(bundle.digest, frame) == bundle.golden_image(frame)


def test_the_model_is_not_read(tmp_path: Path):
    path, bundle = tmp_path / "some.andon", proven_bundle()
    data = bundle_bytes(bundle)
    at = data.index(bundle.model)
    path.write_bytes(data[:at] + bytes(len(bundle.model)) + data[at + len(bundle.model) :])
    frame = bundle.manifest.golden[0]
    assert read_golden(path, frame) == bundle.golden_image(frame)


def test_an_image_that_is_not_the_one_it_was_proven_with_is_refused(tmp_path: Path):
    store, bundle = BundleStore(str(tmp_path)), proven_bundle()
    store.put(bundle)
    first, second = bundle.manifest.golden[:2]
    for wrong in (second.model_copy(update={"name": first.name}), first.model_copy(update={"name": "golden/none.png"})):
        with pytest.raises(Damaged, match="not the image it was proven with"):
            store.golden_image(bundle.digest, wrong)


def test_a_bundle_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(BundleError, match="does not hold it"):
        BundleStore(str(tmp_path)).golden_image("ab" * 32, proven_bundle().manifest.golden[0])
    assert list(tmp_path.glob(f"*{SUFFIX}")) == []
