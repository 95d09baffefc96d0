"""What a trained model looks at also says what a picture is like; the scores are those of before, to the bit."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs torch and anomalib: make test-torch")
pytest.importorskip("anomalib", reason="needs torch and anomalib: make test-torch")
sys.path.append(str(Path(__file__).parent))

from export_models import MODELS, Frames, frames, made  # noqa: E402

from andon.inference import EMBEDDING, Runtime, open_model  # noqa: E402
from andon_training.anomalib_models.trained import Trained  # noqa: E402
from andon_training.export import Exported, ExportOptions, embedding_too, export, prove_export  # noqa: E402
from andon_training.export.embedding import MOST_FRAMES  # noqa: E402
from andon_training.export.reference import reference  # noqa: E402
from andon_training.memory.banks import find_head  # noqa: E402
from andon_training.memory.graph import Wiring  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # anomalib's and timm's own
SAYING = [name for name in MODELS if name != "dinomaly"]
NIGHTLY = ("efficient_ad", "fastflow", "reverse_distillation", "supersimplenet")  # they are looked at as stfpm is
GOOD = 24
FORMS = {"split": ExportOptions(), "one graph": ExportOptions(split=False)}
Singles = NDArray[np.float32]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@cache
def trained(name: str) -> Trained:
    return made(name)


def some(name: str, count: int = 8, seed: int = 3) -> Frames:
    height, width, channels = trained(name).preparation.shape
    return frames(count, height, width, channels, seed)


@cache
def silent(name: str, form: str = "split") -> Exported:
    return export(trained(name), FORMS[form])


@cache
def saying(name: str, form: str = "split") -> Exported:
    return embedding_too(silent(name, form), some(name, GOOD, seed=1))


def said(exported: Exported, given: Frames, runtime: Runtime = Runtime.ONNXRUNTIME) -> Singles:
    found = open_model(exported.model, backbone=exported.backbone, runtime=runtime, threads=1).run(given).embedding
    assert found is not None
    return found


def stripes(name: str, count: int = 8) -> Frames:
    """Pictures of something else."""
    height, width, channels = trained(name).preparation.shape
    row = (np.arange(width) // 3 % 2 * 255).astype(np.uint8)
    return np.broadcast_to(row[np.newaxis, np.newaxis, :, np.newaxis], (count, height, width, channels)).copy()


def names_and_forms() -> Iterator[object]:
    for name in SAYING:
        for form in FORMS if name in ("padim", "patchcore") else ("split",):
            yield pytest.param(name, form, marks=pytest.mark.nightly if name in NIGHTLY else ())


@pytest.mark.parametrize(("name", "form"), list(names_and_forms()))
def test_components_of_the_good_frames_lie_at_0_and_spread_1_and_other_pictures_lie_far(name: str, form: str) -> None:
    good = said(saying(name, form), some(name, GOOD, seed=1))
    assert good.shape == (GOOD, saying(name, form).settings[EMBEDDING])
    np.testing.assert_allclose(good[:, :-1].mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(good[:, :-1].std(axis=0, ddof=1), 1, rtol=0.05)
    fresh, other = (said(saying(name, form), given) for given in (some(name), stripes(name)))
    assert np.linalg.norm(other.mean(axis=0)) > 5 * np.linalg.norm(fresh.mean(axis=0))


@pytest.mark.parametrize(("name", "form"), list(names_and_forms()))
def test_no_score_and_no_map_moves_by_a_bit(name: str, form: str) -> None:
    before, after = (
        open_model(each.model, backbone=each.backbone, threads=1).run(some(name))
        for each in (silent(name, form), saying(name, form))
    )
    assert np.array_equal(before.score, after.score)
    assert np.array_equal(before.map, after.map)
    assert (before.embedding is None, after.embedding is None) == (True, False)
    assert saying(name, form).backbone == silent(name, form).backbone


@pytest.mark.parametrize(("name", "form"), list(names_and_forms()))
def test_the_export_is_proven_with_it(name: str, form: str) -> None:
    exported = saying(name, form)
    threshold = float(np.median(reference(trained(name), exported.settings, some(name)).score))
    assert prove_export(trained(name), exported, some(name), threshold).worst < 1e-4


@pytest.mark.parametrize("name", ["padim", "patchcore", "stfpm"])
def test_it_is_the_same_on_either_runtime_alone_and_in_a_batch(name: str) -> None:
    given = some(name)
    expected = said(saying(name), given)
    np.testing.assert_allclose(said(saying(name), given, Runtime.OPENVINO), expected, atol=0.02)
    alone = np.concatenate([said(saying(name), frame[np.newaxis]) for frame in given])
    np.testing.assert_allclose(alone, expected, atol=0.02)


def test_one_graph_says_what_backbone_and_head_say() -> None:
    split, whole = (said(saying("patchcore", form), some("patchcore")) for form in FORMS)
    np.testing.assert_allclose(whole, split, atol=0.02)


def test_the_same_module_and_frames_give_the_same_bytes() -> None:
    again = embedding_too(silent("patchcore"), some("patchcore", GOOD, seed=1))
    assert again.model == saying("patchcore").model
    onnx.checker.check_model(onnx.load_model_from_string(again.model), full_check=True)


def test_a_model_whose_features_nobody_knows_serves_without() -> None:
    plain = replace(silent("stfpm"), features=())
    assert embedding_too(plain, some("stfpm")) is plain


def test_a_memory_is_found_beside_an_embedding() -> None:
    assert find_head(Wiring(saying("patchcore").model)) is not None


def test_many_frames_are_looked_at_from_the_first_to_the_last() -> None:
    """The last third of the frames is of another product; a look at the first ones alone would miss it."""
    few = some("patchcore", 2 * MOST_FRAMES, seed=1)
    few[-MOST_FRAMES // 2 :] = 255 - few[-MOST_FRAMES // 2 :]
    found = said(embedding_too(silent("patchcore"), few), few)
    assert np.linalg.norm(found[-8:].mean(axis=0)) < 10
