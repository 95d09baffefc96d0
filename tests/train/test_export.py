"""A trained torch model becomes ONNX that says the same: every model Andon proves, and what each may be asked for.

make test-torch        where torch and anomalib are installed
"""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs torch and anomalib: make test-torch")
pytest.importorskip("anomalib", reason="needs torch and anomalib: make test-torch")
sys.path.append(str(Path(__file__).parent))

from export_models import MODELS, Frames, frames, made  # noqa: E402

from andon.errors import Mistake  # noqa: E402
from andon.inference import Model, open_model  # noqa: E402
from andon.onnxfile import check_model  # noqa: E402
from andon.preparation import Preparation  # noqa: E402
from andon_training.anomalib_models.trained import Front, Trained, front_for  # noqa: E402
from andon_training.export import Exported, ExportOptions, compare_options, export, prove_export  # noqa: E402
from andon_training.export.raw import LOGIT_OFFSET  # noqa: E402
from andon_training.export.reference import reference  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # anomalib's and timm's own
NAMES = list(MODELS)
SPLIT = ["padim", "patchcore"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@cache
def trained(name: str) -> Trained:
    return made(name)


@cache
def exported(name: str) -> Exported:
    return export(trained(name))


@cache
def opened(name: str) -> Model:
    return open_model(exported(name).model, backbone=exported(name).backbone, threads=1)


def some(model: Trained, count: int = 8, seed: int = 3) -> Frames:
    height, width, channels = model.preparation.shape
    return frames(count, height, width, channels, seed)


def expected(model: Trained, given: Frames, settings: dict[str, Any] | None = None) -> NDArray[np.float32]:
    return reference(model, settings or {}, given).score


def middle(model: Trained, given: Frames, made_of_it: Exported) -> float:
    """A threshold with half of the frames on either side."""
    return float(np.median(expected(model, given, dict(made_of_it.settings))))


def graphs(model: Exported) -> list[Any]:
    return [onnx.load_from_string(data) for data in (model.model, model.backbone) if data]


@pytest.mark.parametrize("name", NAMES)
def test_every_verdict_is_torch_s(name: str) -> None:
    given = some(trained(name))
    threshold = float(np.median(expected(trained(name), given)))
    proof = prove_export(trained(name), exported(name), given, threshold)
    assert proof.frames == len(given)
    assert proof.worst < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_the_map_is_torch_s(name: str) -> None:
    given = some(trained(name), 2)
    wanted = reference(trained(name), {}, given).map
    assert np.abs(opened(name).run(given).map - wanted).max() < 1e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_any_size_scores_as_its_frames_alone(name: str) -> None:
    given = some(trained(name))
    alone = np.concatenate([opened(name).run(frame[np.newaxis]).score for frame in given])
    for size in (3, 8):
        assert opened(name).run(given[:size]).score == pytest.approx(alone[:size], rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_one_of_standard_operators_with_n_free_and_the_rest_fixed(name: str) -> None:
    for model in graphs(exported(name)):
        data = model.SerializeToString()
        onnx.checker.check_model(model, full_check=True)
        check_model(data)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
        for value in [*model.graph.input, *model.graph.output]:
            first, *others = value.type.tensor_type.shape.dim
            assert first.dim_param == "N"
            assert all(dim.dim_value > 0 for dim in others)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_says_nothing_of_the_machine_that_made_it(name: str) -> None:
    for model in graphs(exported(name)):
        assert not model.metadata_props
        assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
        assert str(Path.home()).encode() not in model.SerializeToString()


@pytest.mark.parametrize("name", NAMES)
def test_batch_normalisation_is_in_the_weights(name: str) -> None:
    for model in graphs(exported(name)):
        assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("name", ["padim", "patchcore", "stfpm"])
def test_the_same_module_gives_the_same_bytes(name: str) -> None:
    again = export(made(name))
    assert (again.model, again.backbone) == (exported(name).model, exported(name).backbone)


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); sys.path.append(sys.argv[1])\n"
        "from export_models import made; from andon_training.export import export\n"
        "import pathlib; each = export(made('padim'))\n"
        "pathlib.Path(sys.argv[2]).write_bytes(each.backbone + each.model)"
    )
    there = tmp_path / "model.onnx"
    subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(there)], check=True, timeout=120)
    here = exported("padim")
    assert there.read_bytes() == (here.backbone or b"") + here.model


# Raw scores


def test_fastflow_s_scores_are_its_own_plus_one() -> None:
    model = trained("fastflow")
    given = some(model)
    with torch.no_grad():
        own = model.module(torch.from_numpy(model.front(given))).pred_score.flatten().numpy()
    assert own.max() < 0
    assert exported("fastflow").settings == {"score_offset": 1.0}
    assert opened("fastflow").run(given).score == pytest.approx(own + exported("fastflow").offset, abs=1e-5)


def test_supersimplenet_s_scores_are_logits_which_do_not_saturate() -> None:
    model = made("supersimplenet")
    model.module.segdec.cls_fc.bias.data += 40
    given = some(model)
    with torch.no_grad():
        own = model.module(torch.from_numpy(model.front(given))).pred_score.numpy()
    made_of_it = export(model)
    score = open_model(made_of_it.model, threads=1).run(given).score
    assert np.unique(own).tolist() == [1.0]
    assert len(np.unique(score)) == len(given)
    assert score.min() > LOGIT_OFFSET


def test_supersimplenet_s_logits_are_its_own_answer_before_the_sigmoid() -> None:
    model = trained("supersimplenet")
    given = some(model)
    with torch.no_grad():
        own = model.module(torch.from_numpy(model.front(given)))
    ours = opened("supersimplenet").run(given)
    assert 1 / (1 + np.exp(LOGIT_OFFSET - ours.score)) == pytest.approx(own.pred_score.numpy(), abs=1e-4)
    assert 1 / (1 + np.exp(LOGIT_OFFSET - ours.map)) == pytest.approx(own.anomaly_map[:, 0].numpy(), abs=1e-4)


@pytest.mark.parametrize("name", ["padim", "patchcore", "efficient_ad", "stfpm", "reverse_distillation", "dinomaly"])
def test_the_others_scores_are_the_module_s_own(name: str) -> None:
    model = trained(name)
    given = some(model, 3)
    with torch.no_grad():
        own = model.module(torch.from_numpy(model.front(given))).pred_score.flatten().numpy()
    assert exported(name).offset == 0
    assert opened(name).run(given).score == pytest.approx(own, rel=1e-4)


def test_an_efficientad_that_was_never_standardised_scores_as_it_does() -> None:
    from export_models import _efficient_ad

    torch.manual_seed(0)
    model = replace(trained("efficient_ad"), module=_efficient_ad(256).eval())
    given = some(model, 2)
    assert prove_export(model, export(model), given, float(expected(model, given).min())).worst < 1e-4


# Channels


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_grey_and_many_channels_are_mapped_inside_the_graph(channels: int) -> None:
    model = made("padim", channels)
    given = some(model)
    assert given.shape[-1] == channels
    assert prove_export(model, export(model), given, float(np.median(expected(model, given)))).worst < 1e-4


def test_a_front_that_mixes_rgb_is_kept_as_it_is() -> None:
    mixed = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    model = replace(trained("padim"), front=Front(weight=mixed, bias=np.array([0.1, -0.2, 0.3], np.float32)))
    given = some(model)
    assert prove_export(model, export(model), given, 1.0).worst < 1e-4


# Backbone and head


@pytest.mark.parametrize("name", SPLIT)
def test_the_whole_model_scores_as_its_backbone_and_head(name: str) -> None:
    whole = export(trained(name), ExportOptions(split=False))
    given = some(trained(name))
    assert whole.backbone is None
    assert open_model(whole.model, threads=1).run(given).score == pytest.approx(opened(name).run(given).score, rel=1e-5)


def test_two_stations_of_one_extractor_have_one_backbone() -> None:
    here = made("padim")
    there = replace(here, module=made("padim").module)
    there.module.gaussian.mean = there.module.gaussian.mean + 0.5
    first, second = export(here), export(there)
    assert first.backbone == second.backbone
    assert first.model != second.model


def test_another_front_is_another_backbone() -> None:
    preparation, front = Preparation(width=64, height=64, channels=1), front_for(1, (0.0,) * 3, (1.0,) * 3)
    grey = replace(trained("padim"), front=front, preparation=preparation)
    assert export(grey).backbone != exported("padim").backbone


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SPLIT])
def test_a_model_that_learns_all_of_itself_has_no_backbone(name: str) -> None:
    assert exported(name).backbone is None


# Options


def test_patchcore_with_one_neighbour_is_patchcore_s_own_of_one() -> None:
    model, options = trained("patchcore"), ExportOptions(num_neighbors=1)
    one, given = export(model, options), some(model)
    assert one.settings["num_neighbors"] == 1
    assert prove_export(model, one, given, middle(model, given, one)).worst < 1e-4
    operators = Counter(node.op_type for graph in graphs(one) for node in graph.graph.node)
    assert not operators["TopK"] + operators["Softmax"]


def test_a_bounded_memory_is_the_coreset_of_that_size() -> None:
    model = trained("patchcore")
    small, given = export(model, ExportOptions(bank_size=60)), some(model)
    assert small.settings["bank_size"] == 60
    assert small.size < exported("patchcore").size
    assert prove_export(model, small, given, middle(model, given, small)).worst < 1e-4
    fewer, more = ({"bank_size": size, "num_neighbors": 1} for size in (60, 100))
    assert np.all(expected(model, given, fewer) >= expected(model, given, more))


def test_a_memory_of_more_than_one_run_is_searched_whole() -> None:
    model = made("patchcore")
    near = model.module.memory_bank
    away = near + 50 * torch.randn(near.shape, generator=torch.Generator().manual_seed(1))
    model.module.memory_bank = torch.cat([away, away + 9, near])
    assert len(model.module.memory_bank) > 512
    given = some(model)
    assert prove_export(model, export(model), given, 1.0).worst < 1e-3


@pytest.mark.parametrize("options", [ExportOptions(bank_size=0), ExportOptions(num_neighbors=0)])
def test_a_memory_of_nothing_is_refused(options: ExportOptions) -> None:
    with pytest.raises(Mistake, match="at least 1"):
        export(trained("patchcore"), options)


def test_padim_s_diagonal_forgets_how_features_vary_together() -> None:
    model = trained("padim")
    diagonal, given = export(model, ExportOptions(covariance="diagonal")), some(model)
    assert diagonal.settings["covariance"] == "diagonal"
    assert diagonal.size < exported("padim").size
    assert prove_export(model, diagonal, given, middle(model, given, diagonal)).worst < 1e-4
    assert not np.allclose(expected(model, given), expected(model, given, diagonal.settings), rtol=1e-2)


def test_a_covariance_with_directions_of_rounding_below_zero_is_exported_all_the_same() -> None:
    model = made("padim")
    inverse = model.module.gaussian.inv_covariance
    values, vectors = torch.linalg.eigh(inverse[0].double())
    values[0] = -1e-6 * values[-1]
    inverse[0] = (vectors * values @ vectors.T).float()
    given = some(model)
    assert prove_export(model, export(model), given, 1.0).worst < 1e-3


@pytest.mark.parametrize(("name", "options"), [("padim", 2), ("patchcore", 4), ("stfpm", 1)])
def test_each_option_is_shown_with_its_accuracy_and_speed(name: str, options: int) -> None:
    good, bad = some(trained(name), 4), some(trained(name), 4, seed=9)
    rows = compare_options(trained(name), good, 255 - bad, threads=1)
    assert rows[0].option == "as trained"
    assert len(rows) == options
    assert all(0 <= row.auroc <= 1 and row.ms > 0 and row.megabytes > 0 for row in rows)
    assert len({row.megabytes for row in rows}) > 1 or options == 1


# Refusals


class _Plain(torch.nn.Module):
    """A model that nobody wrote an export for."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.norm = torch.nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, given: Any) -> Any:
        return self.answer(self.norm(given))


def _unknown(answer: Any) -> Trained:
    torch.manual_seed(0)
    return Trained(
        "mine", _Plain(answer).eval(), Preparation(width=16, height=16), front_for(3, (0.0,) * 3, (1.0,) * 3), {}
    )


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: {"anomaly_map": x, "pred_score": x.amax((1, 2, 3))},
        lambda x: (x, x.amax((-2, -1))),
        lambda x: (x.amax((-2, -1)), x.squeeze(1)),
        lambda x: x,
    ],
    ids=["mapping", "map and score", "score and map", "map alone"],
)
def test_any_model_that_gives_a_score_or_a_map_is_exported(answer: Any) -> None:
    model = _unknown(answer)
    given = some(model)
    whole = export(model)
    assert prove_export(model, whole, given, 0.3).worst < 1e-4
    assert open_model(whole.model, threads=1).run(given).map.shape == (8, 16, 16)


def test_a_model_without_a_map_gives_a_map_of_one_place() -> None:
    model = _unknown(lambda x: x.amax((1, 2, 3)))
    outputs = open_model(export(model).model, threads=1).run(some(model))
    assert outputs.map.shape == (8, 1, 1)
    assert np.array_equal(outputs.map[:, 0, 0], outputs.score)


def test_a_model_that_gives_neither_is_refused() -> None:
    with pytest.raises(Mistake, match="no score and no map"):
        export(_unknown(lambda x: "a word"))


def test_a_model_that_cannot_be_exported_is_refused_with_the_operator() -> None:
    with pytest.raises(Mistake, match=r"mine: PyTorch cannot export.*aten.*linalg_eig.*choose another model"):
        export(_unknown(lambda x: torch.linalg.eigvals(x[:, 0]).abs().amax(1)))


def test_a_model_that_was_never_fitted_is_refused() -> None:
    from export_models import _padim, _patchcore

    for name, build in (("padim", _padim), ("patchcore", _patchcore)):
        with pytest.raises(Mistake, match="not fitted"):
            export(replace(trained(name), module=build(64).eval()))


# Parity


def _altered(name: str, change: Any) -> Exported:
    """An export of which some weight is not the module's."""
    data = exported(name).model
    model = onnx.load_from_string(data)
    change(model.graph)
    return replace(exported(name), model=model.SerializeToString())


def _scaled_output(output: str, by: float) -> Any:
    def change(graph: Any) -> None:
        (last,) = (node for node in graph.node if node.output[0] == output)
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(by, np.float32), "altered"))
        last.CopyFrom(onnx.helper.make_node("Mul", [last.input[0], "altered"], [output]))

    return change


def test_a_score_that_moved_names_the_frame_both_scores_and_the_score_alone() -> None:
    given = some(trained("padim"))
    altered = _altered("padim", _scaled_output("score", 1.01))
    names = [f"part-{i}.png" for i in range(len(given))]
    with pytest.raises(Mistake, match=r"padim: part-0\.png: PyTorch scores it \d.*, ONNX \d.*likely the score alone"):
        prove_export(trained("padim"), altered, given, 1.0, names)


def test_a_verdict_that_differs_is_told_though_the_score_hardly_moved() -> None:
    given = some(trained("padim"))
    score = float(expected(trained("padim"), given)[3])
    altered = _altered("padim", _scaled_output("score", 1.0004))
    with pytest.raises(Mistake, match=r"frame 3: .*the verdict differs"):
        prove_export(trained("padim"), altered, given, score * 1.0002)


def test_a_threshold_that_is_a_frame_s_own_score_is_no_difference() -> None:
    given = some(trained("padim"))
    scores = expected(trained("padim"), given).astype(np.float64)
    for threshold in (np.nextafter(scores[2], np.inf), scores[2], np.nextafter(scores[2], -np.inf)):
        assert prove_export(trained("padim"), exported("padim"), given, float(threshold)).worst < 1e-5


def test_another_preparation_is_told_as_such() -> None:
    model = trained("stfpm")
    darker = replace(model, front=Front(weight=model.front.weight, bias=model.front.bias - 0.5))
    with pytest.raises(Mistake, match="likely the preparation"):
        prove_export(model, export(darker), some(model), 1e-4)


def test_another_backbone_is_told_by_its_first_layer() -> None:
    other = made("padim")
    other.module.feature_extractor.feature_extractor.layer1[0].conv1.weight.data *= 1.5
    mixed = replace(exported("padim"), backbone=export(other).backbone)
    with pytest.raises(Mistake, match="the backbone: layer1 is the first"):
        prove_export(trained("padim"), mixed, some(trained("padim")), 1.0)


def test_a_model_that_gives_no_finite_score_is_told_as_the_training_s() -> None:
    model = made("padim")
    model.module.gaussian.mean = model.module.gaussian.mean * float("nan")
    with pytest.raises(Mistake, match="likely the training"):
        prove_export(model, export(model), some(model), 1.0)


def test_no_frames_prove_nothing() -> None:
    with pytest.raises(Mistake, match="no frames"):
        prove_export(trained("padim"), exported("padim"), some(trained("padim"))[:0], 1.0)
