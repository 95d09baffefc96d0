"""int8 is used where it sees as well as float32, and the bundle says what it cost."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from andon.inference import open_model
from andon.manifest import Quantisation
from andon.onnxfile import check_model
from andon_training.backbones import read_backbone, shipped_backbone
from andon_training.choose import Fixed, default_plan
from andon_training.filter_bank import NAME as FILTER_BANK
from andon_training.fit import FitSettings, fit_bundle
from andon_training.graph import IR_VERSION, OPSET
from andon_training.method import cross_fit, inspection_model
from andon_training.options import Lighting, Method
from andon_training.precision import MOST_BAND, MOST_LOST, compared, in_int8
from andon_training.progress import silent
from andon_training.quantise import CALIBRATION_FRAMES, quantised
from andon_training.sample import open_extractor
from andon_training.trial import Plan, Trial, TrialFrames, trial_frames
from andon_training.views import Eyes, view_model

SIDE = 64
FIXED = Fixed(SIDE, Method.GAUSSIAN, Lighting.LEVELLED, registered=False)


def part(seed: int) -> np.ndarray:
    """A drawn good part, uint8 [SIDE, SIDE, 1]."""
    random = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE), 100, np.uint8)
    x, y = random.integers(30, 34, 2).tolist()
    cv2.circle(image, (x, y), 16, 180, -1, cv2.LINE_AA)
    cv2.rectangle(image, (4, 4), (14, 20), 60, -1)
    return np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)[..., None]


@cache
def parts(n: int = 40) -> np.ndarray:
    return np.stack([part(seed) for seed in range(n)])


@cache
def frames() -> TrialFrames:
    return trial_frames(parts())


@cache
def plan() -> Plan:
    return default_plan(frames(), shipped_backbone(), FIXED)


@cache
def exact() -> Eyes:
    return view_model(plan().recipe, (SIDE, SIDE, 1))


@cache
def rounded() -> Eyes:
    return quantised(exact(), parts())


def types_of(data: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_model_from_string(data).graph.node}


def test_rounding_the_same_eyes_on_the_same_frames_gives_the_same_bytes() -> None:
    assert quantised(exact(), parts()).model == rounded().model
    assert quantised(exact(), parts()[::-1].copy() // 2).model != rounded().model


def test_rounded_eyes_are_one_small_file_of_standard_operators() -> None:
    check_model(rounded().model)
    made = onnx.load_model_from_string(rounded().model)
    onnx.checker.check_model(made, full_check=True)
    assert {(entry.domain, entry.version) for entry in made.opset_import} == {("", OPSET)}
    assert made.ir_version == IR_VERSION
    assert not made.metadata_props
    assert len(rounded().model) < 0.4 * len(exact().model)


def test_the_backbone_is_rounded_and_what_comes_before_and_after_is_not() -> None:
    made = onnx.load_model_from_string(rounded().model)
    weights = {tensor.name: tensor.data_type for tensor in made.graph.initializer}
    giver = {output: node for node in made.graph.node for output in node.output}
    convolutions = [node for node in made.graph.node if node.op_type == "Conv"]
    assert convolutions
    for node in convolutions:
        kept = giver[node.input[1]]
        assert kept.op_type == "DequantizeLinear"
        assert weights[kept.input[0]] == onnx.TensorProto.INT8
    assert [(i.name, i.type.tensor_type.elem_type) for i in made.graph.input] == [("frames", onnx.TensorProto.UINT8)]
    assert {o.type.tensor_type.elem_type for o in made.graph.output} == {onnx.TensorProto.FLOAT}


def test_rounded_eyes_see_what_the_exact_ones_see() -> None:
    fresh = np.stack([part(seed) for seed in range(100, 110)])
    seen, known = (open_extractor(eyes).run(fresh) for eyes in (rounded(), exact()))
    for ours, theirs in zip(seen, known, strict=True):
        assert ours.shape == theirs.shape
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
        assert np.abs(ours - theirs).mean() < 0.1 * theirs.std()


def test_all_of_the_line_is_calibrated_on_not_its_beginning() -> None:
    """Its second half is three times as bright; half of the frames calibrated on must be of it."""
    dark = np.stack([part(seed) // 3 for seed in range(CALIBRATION_FRAMES)])
    line = np.concatenate([dark, parts(CALIBRATION_FRAMES)])
    as_it_is = replace(plan().recipe, lighting=Lighting.AS_IS)
    eyes = view_model(as_it_is, (SIDE, SIDE, 1))
    (known, *_), (seen, *_), (blind, *_) = (
        open_extractor(one).run(parts(8)) for one in (eyes, quantised(eyes, line), quantised(eyes, dark))
    )
    assert np.abs(seen - known).mean() < 0.7 * np.abs(blind - known).mean()


@pytest.mark.parametrize("method", Method)
def test_a_rounded_model_is_served_like_any_other(method: Method) -> None:
    extractor = open_extractor(rounded())
    learned, held_out = cross_fit(extractor.views, extractor.run_all(parts()), method)
    data = inspection_model(rounded(), learned)
    check_model(data)
    assert "DequantizeLinear" in types_of(data)
    model = open_model(data)
    holed = part(200)
    cv2.circle(holed, (32, 32), 5, 0, -1)
    fresh = np.stack([part(201), holed])
    assert model.run(fresh).score[1] > held_out.max() > 0.5 * model.run(fresh).score[0]
    np.testing.assert_allclose(model.run(fresh[1:]).score, model.run(fresh).score[1:], rtol=1e-5)


def trial(good: np.ndarray, drawn: np.ndarray) -> Trial:
    return Trial(plan(), good.astype(np.float32), drawn[None].astype(np.float32))


GOOD, DRAWN = np.linspace(0.8, 1.2, 100), np.linspace(1.0, 3.0, 100)


def test_rounding_that_changes_nothing_is_used() -> None:
    found = compared(trial(GOOD, DRAWN), trial(GOOD, DRAWN))
    assert (found.used, found.reason, found.band) == (True, "", 0)
    assert found.auroc_after == found.auroc_float32


def test_rounding_that_loses_too_much_is_refused_with_the_reason() -> None:
    """Ten defects that were seen before are not seen any more; far below the threshold is far."""
    blind = DRAWN.copy()
    blind[-10:] = 0.7
    found = compared(trial(GOOD, DRAWN), trial(GOOD, blind))
    assert found.auroc_float32 - found.auroc_after > MOST_LOST
    assert not found.used
    assert found.reason.startswith("it would lose 0.1")
    assert str(MOST_LOST) in found.reason


def test_rounding_that_moves_scores_too_far_is_refused_with_the_reason() -> None:
    """All scores by the same quarter: the order, and with it AUROC, stays."""
    found = compared(trial(GOOD, DRAWN), trial(GOOD * 1.25, DRAWN * 1.25))
    assert found.auroc_after == found.auroc_float32
    assert found.band > MOST_BAND
    assert not found.used
    assert found.reason.startswith("scores move by up to ")


def test_the_band_is_how_far_a_score_moved_as_a_share_of_the_threshold() -> None:
    moved = GOOD.copy()
    moved[50] += 0.06
    threshold = np.quantile(GOOD, 0.99)
    found = compared(trial(GOOD, DRAWN), trial(moved, DRAWN))
    assert found.band == pytest.approx(0.06 / threshold, abs=1e-4)
    assert found.used


def test_far_above_the_threshold_a_score_may_move_as_it_likes() -> None:
    loud = np.append(DRAWN, 20)
    louder = np.append(DRAWN, 30)
    good = np.append(GOOD, 1.0)
    assert compared(trial(good, loud), trial(good, louder)).used
    assert not compared(trial(good, loud), trial(good, np.append(DRAWN, 1.1))).used


def test_rounding_that_sees_better_is_no_reason_against_it() -> None:
    better = DRAWN + 0.05
    found = compared(trial(GOOD, DRAWN), trial(GOOD, better))
    assert found.auroc_after > found.auroc_float32
    assert found.used


def test_the_eyes_that_come_back_are_the_ones_that_were_found_fit() -> None:
    eyes, found = in_int8(exact(), plan(), frames(), silent)
    assert eyes == (quantised(exact(), frames().good) if found.used else exact())
    assert 0 <= found.band < 1


class Drawn:
    """A good part as an encoded image in memory."""

    def __init__(self, seed: int) -> None:
        self.name = f"{seed}.png"
        self._data = cv2.imencode(".png", part(seed))[1].tobytes()

    def read_bytes(self) -> bytes:
        return self._data


def test_a_bundle_fitted_in_int8_says_so_and_what_it_cost() -> None:
    settings = FitSettings(budget=0.05, fixed=FIXED, int8=True)
    bundle = fit_bundle([Drawn(seed) for seed in range(40)], settings, andon_version="test")
    training = bundle.manifest.training
    assert isinstance(training.quantisation, Quantisation)
    assert training.precision == ("int8" if training.quantisation.used else "float32")
    assert ("DequantizeLinear" in types_of(bundle.model)) == training.quantisation.used
    exactly = fit_bundle([Drawn(seed) for seed in range(40)], replace(settings, int8=False), andon_version="test")
    assert (exactly.manifest.training.precision, exactly.manifest.training.quantisation) == ("float32", None)


def test_int8_that_gives_infinite_numbers_is_not_offered() -> None:
    """The filter bank takes logarithms of energies that rounding brings below nothing."""
    random = np.random.default_rng(0)
    edges = 100 + 40 * (np.arange(SIDE) > 30)[:, None] + random.normal(0, 3, (24, SIDE, SIDE, 1))
    frames = trial_frames(edges.clip(0, 255).astype(np.uint8))
    plan = default_plan(frames, read_backbone(Path(FILTER_BANK)), FIXED)
    eyes = view_model(plan.recipe, (SIDE, SIDE, 1))
    kept, found = in_int8(eyes, plan, frames, silent)
    assert kept is eyes
    assert (found.used, found.auroc_after, found.band) == (False, None, None)
    assert "infinite" in found.reason
