"""A student learns from its teacher, stops and goes on, and is exported as it is.

python -m pytest tests/distil        where torch, onnx, onnxruntime, opencv, pytest and pytest-timeout are installed
"""

from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from distil.batches import Batch, Task, batches, produced
from distil.distil import Run, distil, resumed
from distil.export import export, in_own_units, onnx_model
from distil.learner import Learner, learning_rate
from distil.loss import losses, metric_of
from distil.student import Student

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own exporter
SIZE, GROUPS = 64, 2


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of random weights: what it says follows from the picture, and nobody wrote it down."""
    torch.manual_seed(11)
    path = tmp_path_factory.mktemp("teacher") / "teacher.onnx"
    onnx.save(onnx_model(Student(8, 16, 16, n8=1, n16=1).eval()), path)
    return path


@pytest.fixture(scope="module")
def made(teacher: Path) -> list[Batch]:
    return list(islice(batches(Task(teacher, 0, SIZE, GROUPS)), 6))


def new_learner(made: list[Batch]) -> Learner:
    torch.manual_seed(5)
    metrics = metric_of([batch.s8 for batch in made]), metric_of([batch.s16 for batch in made])
    return Learner(*metrics, Student(8, 16, 16, n8=1, n16=1))


def test_a_batch_is_the_same_for_the_same_seed(teacher: Path, made: list[Batch]) -> None:
    again = next(batches(Task(teacher, made[0].seed, SIZE, GROUPS)))
    assert np.array_equal(again.pictures, made[1].pictures)
    assert np.array_equal(again.s16, made[1].s16)


def test_batches_come_in_order_from_the_other_process(teacher: Path, made: list[Batch]) -> None:
    with produced(Task(teacher, 0, SIZE, GROUPS)) as stream:
        got = list(islice(stream, 2))
    assert [batch.seed for batch in got] == [GROUPS, 2 * GROUPS]
    assert np.array_equal(got[1].s8, made[1].s8)


def test_a_whitened_error_counts_small_directions_as_much_as_large_ones() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(200, 1, 4, 4)), rng.normal(size=(200, 2, 4, 4))
    metric = metric_of([(shared + 0.3 * own).astype(np.float32)])
    along, across = torch.ones(1, 2, 1, 1), torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)
    assert metric.whitened(across).square().mean() > 3 * metric.whitened(along).square().mean()


def test_a_student_that_gives_the_mean_has_a_loss_of_about_one() -> None:
    features = np.random.default_rng(0).normal(3, 2, (16, 12, 8, 8)).astype(np.float32)
    told = losses(metric_of([features]), torch.zeros(features.shape), torch.from_numpy(features))
    assert float(told.plain) == pytest.approx(1, abs=0.05)
    assert float(told.whitened) == pytest.approx(1, abs=0.05)


def test_a_perfect_student_has_no_loss(made: list[Batch]) -> None:
    metric, target = metric_of([made[0].s8]), torch.from_numpy(made[0].s8).float()
    assert float(losses(metric, metric.standardised(target), target).total()) < 1e-9


def test_distillation_lowers_the_loss(made: list[Batch]) -> None:
    learner = new_learner(made)
    told = [sum(learner.step(batch, 0.1).numbers()) for _ in range(12) for batch in made]
    assert np.mean(told[-6:]) < 0.7 * np.mean(told[:6])


def test_the_learning_rate_warms_up_and_ends_at_nothing() -> None:
    assert learning_rate(3, 0.0) < learning_rate(300, 0.0) == learning_rate(3000, 0.4)
    assert learning_rate(9000, 1.0) < 1e-5


def test_the_mean_of_the_weights_follows_the_weights(made: list[Batch]) -> None:
    learner = new_learner(made)
    before = learner.mean_student.h8.weight.clone()
    learner.step(made[0], 0.1)
    learner.step(made[1], 0.1)
    to_mean, to_student = (learner.mean_student.h8.weight - before).norm(), (learner.student.h8.weight - before).norm()
    assert 0 < to_mean < to_student


def test_a_checkpoint_resumes_to_the_same_weights(made: list[Batch], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("distil.learner.Student", lambda: Student(8, 16, 16, n8=1, n16=1))
    straight = new_learner(made)
    halves = Run(new_learner(made), tmp_path / "s", 60, spent=7.0, seed=made[2].seed)
    for batch in made[:3]:
        straight.step(batch, 0.5)
        halves.learner.step(batch, 0.5)
    halves.save()
    again = resumed(tmp_path / "s", 60)
    assert again is not None
    assert (again.spent, again.seed, again.learner.steps) == (7.0, made[2].seed, 3)
    for batch in made[3:]:
        straight.step(batch, 0.5)
        again.learner.step(batch, 0.5)
    for one, other in zip(_tensors(straight), _tensors(again.learner), strict=True):
        assert torch.equal(one, other)


def _tensors(learner: Learner) -> list[torch.Tensor]:
    return [*learner.student.state_dict().values(), *learner.mean_student.state_dict().values()]


def test_the_export_equals_the_student_at_any_size(made: list[Batch], tmp_path: Path) -> None:
    learner = new_learner(made)
    for batch in made:
        learner.step(batch, 0.1)
    export(learner, tmp_path / "s.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "s.onnx", providers=["CPUExecutionProvider"])
    picture = torch.rand(2, 3, 96, 160) * 2 - 1
    with torch.no_grad():
        wanted = learner.mean_student(picture)
    given = session.run(["s8", "s16"], {"input": picture.numpy()})
    for metric, student, exported in zip(learner.metrics, wanted, given, strict=True):
        assert torch.allclose(student, metric.standardised(torch.from_numpy(exported)), atol=1e-3)


def test_the_export_holds_what_runs_well_as_int8(made: list[Batch]) -> None:
    learner = new_learner(made)
    learner.step(made[0], 0.1)
    model = onnx_model(in_own_units(learner.mean_student, *learner.metrics))
    assert {node.op_type for node in model.graph.node} == {"Conv", "Relu", "Add"}
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert {prop.key: prop.value for prop in model.metadata_props} == {"andon.pixels": "symmetric"}


def test_a_run_leaves_a_checkpoint_and_a_backbone_and_goes_on_from_them(teacher: Path, tmp_path: Path) -> None:
    task = Task(teacher, 0, SIZE, GROUPS)
    distil(task, tmp_path / "s", 2.0)
    first = torch.load(tmp_path / "s.pt", weights_only=True)
    distil(task, tmp_path / "s", first["spent"] + 2.0)
    second = torch.load(tmp_path / "s.pt", weights_only=True)
    assert (tmp_path / "s.onnx").exists()
    assert second["learner"]["steps"] > first["learner"]["steps"]
    assert second["seed"] == GROUPS * second["learner"]["steps"]
