"""Loading a bundle: from the store, onto the device, through its gate."""

import gc
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from andon.bundle import SUFFIX, Bundle, BundleError, Damaged, bundle_bytes
from andon.cpu import cpu_limit
from andon.errors import Broken
from andon.metrics import Metrics
from andon.preparation import Preparation
from andon.settings import StoreSettings
from andon.store import BundleStore
from andon.testing.models import (
    LOG_OF_BRIGHTEST,
    proven_bundle,
    swapped_model,
    tiny_backbone,
    tiny_bundle,
    tiny_head,
    tiny_model,
)
from andon_scoring.load import Loader
from andon_scoring.loading import NICENESS, Loading
from andon_scoring.score import Loaded
from andon_scoring.settings import ModelSettings, ScoringSettings

NO_GPU = not Path("/dev/nvidiactl").exists()  # what ONNX Runtime calls available need not be there


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(str(tmp_path / "bundles"))


def loader(store: BundleStore, registry: CollectorRegistry | None = None, **models: Any) -> Loader:
    settings = ScoringSettings(
        models=ModelSettings(**models),
        store=StoreSettings(bundles=store.url),
    )
    return Loader(settings, Metrics(registry or CollectorRegistry()))


def test_a_bundle_is_read_opened_and_proven(store: BundleStore) -> None:
    bundle = proven_bundle(threshold=77.0)
    loaded = loader(store)(store.put(bundle))
    assert (loaded.digest, loaded.threshold) == (bundle.digest, 77.0)
    assert loaded.preparation == bundle.manifest.preparation.digest
    assert loaded.model.shape == (8, 8, 1)
    assert loaded.model.run(np.full((2, 8, 8, 1), 9, np.uint8)).score.tolist() == [9, 9]


def test_graph_calls_are_timed_from_then_on_and_the_gate_is_not(store: BundleStore) -> None:
    registry = CollectorRegistry()
    loaded = loader(store, registry)(store.put(proven_bundle()))
    assert registry.get_sample_value("andon_inference_duration_seconds_count") == 0
    loaded.model.run(np.zeros((3, 8, 8, 1), np.uint8))
    assert registry.get_sample_value("andon_inference_batch_frames_sum") == 3


def test_a_bundle_whose_golden_frames_get_other_scores_here_is_refused(store: BundleStore) -> None:
    bundle = proven_bundle(10, 200)
    moved = tiny_bundle(
        [frame.model_copy(update={"score": frame.score * 1.1}) for frame in bundle.manifest.golden],
        {frame.name: bundle.golden_image(frame) for frame in bundle.manifest.golden},
    )
    with pytest.raises(BundleError, match="2 of 2 golden frames fail"):
        loader(store)(store.put(moved))


def test_a_bundle_whose_golden_frames_are_unscorable_here_is_refused(store: BundleStore) -> None:
    bundle = proven_bundle(0, model=tiny_model(nodes=LOG_OF_BRIGHTEST))
    with pytest.raises(BundleError, match="unscorable"):
        loader(store)(store.put(bundle))


def test_a_bundle_whose_model_takes_another_shape_is_refused(store: BundleStore) -> None:
    bundle = proven_bundle(preparation=Preparation(width=16, height=8, channels=1), model=tiny_model((8, 8, 1)))
    with pytest.raises(BundleError, match="wrong_shape"):
        loader(store)(store.put(bundle))


def test_a_digest_that_the_store_does_not_hold_is_refused(store: BundleStore) -> None:
    with pytest.raises(BundleError, match="does not hold it"):
        loader(store)("ab" * 32)


def test_a_bundle_whose_model_was_swapped_is_refused(store: BundleStore) -> None:
    bundle = proven_bundle()
    forged = swapped_model(bundle, tiny_model(nodes=LOG_OF_BRIGHTEST))
    store.put(bundle)
    Path(store.url, bundle.digest + SUFFIX).write_bytes(bundle_bytes(forged))
    with pytest.raises(Damaged, match=r"model\.onnx"):
        loader(store)(bundle.digest)


def test_another_bundle_under_the_name_is_refused(store: BundleStore) -> None:
    wanted, other = proven_bundle(), proven_bundle(threshold=99.0)
    store.put(wanted)
    Path(store.url, wanted.digest + SUFFIX).write_bytes(bundle_bytes(other))
    with pytest.raises(Damaged, match="its digest is"):
        loader(store)(wanted.digest)


def test_a_model_that_is_no_model_is_refused(store: BundleStore) -> None:
    with pytest.raises(BundleError, match="model:"):
        loader(store)(store.put(proven_bundle(model=b"\x80\x04\x95pickle")))


def test_a_bundle_of_a_remote_store_is_kept_at_hand(tmp_path: Path) -> None:
    remote = BundleStore("memory://test-load")
    digest = remote.put(proven_bundle())
    assert loader(remote, cache=tmp_path / "cache")(digest).digest == digest
    assert (tmp_path / "cache" / (digest + SUFFIX)).exists()


@pytest.mark.skipif(not NO_GPU, reason="there is a GPU here")
def test_cuda_that_cannot_be_had_stops_the_start(store: BundleStore) -> None:
    with pytest.raises(Broken, match="cuda was asked for"):
        loader(store, device="cuda").prove_device()
    with pytest.raises(Broken, match="cuda was asked for"):
        loader(store, device="cuda")(store.put(proven_bundle()))


@pytest.mark.skipif(not NO_GPU, reason="there is a GPU here")
@pytest.mark.parametrize("models", [{"device": "cuda", "allow_cpu": True}, {"device": "auto"}, {"device": "cpu"}])
def test_the_cpu_serves_where_it_may(models: dict[str, Any], store: BundleStore) -> None:
    made = loader(store, **models)
    made.prove_device()
    assert made(store.put(proven_bundle())).threshold == 128.0


@pytest.mark.parametrize(("given", "threads"), [(0, cpu_limit()), (1, 1), (3, 3)])
def test_the_threads_of_a_graph_call_follow_the_cpu_limit_unless_told(
    given: int, threads: int, store: BundleStore
) -> None:
    loaded = loader(store, threads=given)(store.put(proven_bundle()))
    session = loaded.model._model.session  # type: ignore[attr-defined]
    assert session.raw.get_session_options().intra_op_num_threads == threads


def head_bundle(threshold: float, **given: Any) -> Bundle:
    """A bundle whose backbone gives the pixels as numbers, and whose head finds the brightest."""
    return proven_bundle(threshold=threshold, model=tiny_head(), backbone=tiny_backbone(), **given)


def test_bundles_with_the_same_backbone_share_one_for_as_long_as_any_of_them_is_loaded(store: BundleStore) -> None:
    load = loader(store)
    first, second, third = (load(store.put(head_bundle(threshold))) for threshold in (50.0, 60.0, 70.0))
    assert first.model.backbone is second.model.backbone is third.model.backbone is not None
    assert len(load._backbones) == 1
    del first, second, third
    gc.collect()
    assert len(load._backbones) == 0
    load.close()


def test_what_is_shared_scores_as_it_does_apart(store: BundleStore) -> None:
    load = loader(store)
    bundles = [load(store.put(head_bundle(threshold))) for threshold in (50.0, 60.0)]
    frames = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    apart = [bundle.model.run(frames[rows]) for bundle, rows in zip(bundles, (slice(0, 4), slice(4, 6)), strict=True)]
    shared = bundles[0].model.backbone
    assert shared is not None
    features = shared.run(frames)
    together = [
        bundle.model.judge({name: array[rows] for name, array in features.items()})
        for bundle, rows in zip(bundles, (slice(0, 4), slice(4, 6)), strict=True)
    ]
    for one, other in zip(apart, together, strict=True):
        assert np.array_equal(one.score, other.score)
        assert np.array_equal(one.map, other.map)
    load.close()


def test_a_loaded_bundle_says_what_it_takes_of_memory_and_what_runs_it(store: BundleStore) -> None:
    bundle = head_bundle(50.0)
    loaded = loader(store, memory_budget=10**9)(store.put(bundle))
    assert loaded.size >= len(bundle.model)
    assert loaded.backbone_size >= len(bundle.backbone or b"")
    assert (loaded.runtime or "").startswith("onnxruntime ")


def test_loads_are_counted_and_timed(store: BundleStore) -> None:
    registry = CollectorRegistry()
    loader(store, registry)(store.put(proven_bundle()))
    assert registry.get_sample_value("andon_bundle_loads_total") == 1
    assert registry.get_sample_value("andon_bundle_load_seconds_count") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")
def test_loading_runs_at_lowered_priority_and_the_threads_of_a_model_do_not(store: BundleStore) -> None:
    load, digest = loader(store, threads=2), store.put(proven_bundle())
    seen: dict[str, set[int]] = {}

    def watched(wanted: str) -> Loaded:
        before = _threads()
        made = load(wanted)
        seen["models"] = {os.getpriority(os.PRIO_PROCESS, thread) for thread in _threads() - before}
        seen["loading"] = {os.getpriority(os.PRIO_PROCESS, threading.get_native_id())}
        return made

    loading = Loading(watched, 20)
    loading.begin(digest)
    assert loading.ready(20)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert seen == {"models": {own}, "loading": {min(19, own + NICENESS)}}
    loading.close()


def _threads() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/task")}
