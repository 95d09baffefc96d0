"""The same bytes run on ONNX Runtime and on OpenVINO, and whichever passes its gate and is faster may serve."""

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from andon.bundle import Bundle, BundleError
from andon.errors import Broken, Mistake
from andon.fastest import fastest
from andon.inference import Device, Model, Runtime, check_device, open_backbone, open_bundle, open_model, prove_device
from andon.inference import openvino as on_openvino
from andon.inference.device import check_runtime
from andon.inference.faster import faster_session
from andon.inference.ort import OrtSession
from andon.onnxfile import UnsafeModel
from andon.testing.models import BRIGHTEST, LOG_OF_BRIGHTEST, ROW_MEANS, Node, float_output, proven_bundle, tiny_model

BOTH = pytest.mark.parametrize("runtime", [Runtime.ONNXRUNTIME, Runtime.OPENVINO])
LEVELS = (3, 200, 7, 9, 255, 0, 1, 2, 4, 5, 6)


def frames(*levels: int) -> np.ndarray:
    return np.stack([np.full((8, 8, 1), level, np.uint8) for level in levels])


@BOTH
def test_a_batch_is_scored_row_by_row(runtime: Runtime) -> None:
    outputs = open_model(tiny_model(), runtime=runtime).run(frames(*LEVELS))
    assert outputs.score.tolist() == list(LEVELS)
    assert outputs.score.dtype == outputs.map.dtype == np.float32
    assert outputs.map.shape == (len(LEVELS), 8, 8)
    assert outputs.problems == (None,) * len(LEVELS)


@BOTH
@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_a_graph_made_for_a_fixed_batch_takes_any_number_of_frames(runtime: Runtime, count: int) -> None:
    model = open_model(tiny_model(), runtime=runtime, batch=4)
    outputs = model.run(frames(*LEVELS[:count]))
    assert outputs.score.tolist() == list(LEVELS[:count])
    assert outputs.map.shape == (count, 8, 8)
    assert model.shape == (8, 8, 1)


@BOTH
@pytest.mark.parametrize("batch", [None, 4])
def test_an_embedding_is_the_same_on_either_runtime_row_by_row(runtime: Runtime, batch: int | None) -> None:
    data = tiny_model(nodes=(*BRIGHTEST, ROW_MEANS), graph=float_output("embedding", 8))
    outputs = open_model(data, runtime=runtime, batch=batch).run(frames(*LEVELS))
    assert outputs.embedding is not None
    assert outputs.embedding.tolist() == [[level] * 8 for level in LEVELS]


@BOTH
def test_any_other_third_output_is_refused_by_either_runtime(runtime: Runtime) -> None:
    with pytest.raises(BundleError, match=r"may give float32 embedding \[N, d\].*floats: float32"):
        open_model(tiny_model(graph=float_output("floats", 8, 8, 1)), runtime=runtime)


@BOTH
def test_an_infinite_score_marks_its_own_row_alone(runtime: Runtime) -> None:
    outputs = open_model(tiny_model(nodes=LOG_OF_BRIGHTEST), runtime=runtime).run(frames(0, 200))
    assert [problem is None for problem in outputs.problems] == [False, True]


@BOTH
def test_answers_stay_as_they_are_when_the_next_batch_is_run(runtime: Runtime) -> None:
    model = open_model(tiny_model(), runtime=runtime)
    first = model.run(frames(3))
    model.run(frames(99))
    assert first.score.tolist() == [3]
    assert first.map.max() == 3


@BOTH
@pytest.mark.parametrize(
    "data",
    [
        tiny_model().replace(b"frames", b"flames"),
        tiny_model().replace(b"score", b"scare"),
        tiny_model(nodes=(*BRIGHTEST[:2], Node("NoSuchOp", ("map",), "score", {}))),
        tiny_model(nodes=BRIGHTEST[:2]),
    ],
    ids=["input name", "output name", "unknown operator", "no score"],
)
def test_a_model_of_another_contract_is_refused(runtime: Runtime, data: bytes) -> None:
    with pytest.raises(BundleError, match="model:"):
        open_model(data, runtime=runtime)


@pytest.mark.parametrize("runtime", Runtime)
def test_an_unsafe_model_is_refused_before_any_runtime_sees_it(runtime: Runtime) -> None:
    with pytest.raises(UnsafeModel, match="pickle"):
        open_model(b"\x80\x04\x95pickle", runtime=runtime)


@BOTH
def test_a_device_that_fails_stops_the_process(runtime: Runtime) -> None:
    class Failing:
        """A graph that fails as OpenVINO's do."""

        size = 1

        def run(self, given: Any) -> Any:
            raise RuntimeError("Exception from src/core.cpp:1:\n\ncpu is on fire")

    model = open_model(tiny_model(), runtime=runtime)
    if runtime is Runtime.OPENVINO:
        model.session._compiled = (Failing(),)  # type: ignore[attr-defined]
        with pytest.raises(Broken, match=r"OpenVINO .* CPU failed: cpu is on fire"):
            model.run(frames(1))
    else:
        with pytest.raises(Broken, match="CPUExecutionProvider failed"):
            model.session.run(["score"], {"frames": frames(1).astype(np.float32)})


def test_a_model_says_what_runs_it_with_its_version() -> None:
    assert open_model(tiny_model()).runtime.startswith("onnxruntime 1.")
    assert open_model(tiny_model()).runtime.endswith(" CPUExecutionProvider")
    on_cpu = open_model(tiny_model(), runtime=Runtime.OPENVINO)
    assert on_cpu.runtime == on_cpu.provider
    assert on_cpu.runtime.startswith("OpenVINO 20")
    assert on_cpu.runtime.endswith(" CPU")


def test_openvino_computes_in_float32_whatever_the_processor_offers() -> None:
    session = open_model(tiny_model(), runtime=Runtime.OPENVINO, threads=1).session
    graph = session._compiled[0]._graph  # type: ignore[attr-defined]
    assert graph.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert graph.get_property("INFERENCE_NUM_THREADS") == 1
    assert graph.get_property("ENABLE_CPU_PINNING") is False


def test_one_openvino_session_serves_several_threads() -> None:
    """A bundle is proven by one thread on the backbone that another one serves from."""
    model = open_model(tiny_model(), runtime=Runtime.OPENVINO, threads=1)
    wrong: list[float] = []

    def score(level: int) -> None:
        for _ in range(200):
            got = float(model.run(frames(level)).score[0])
            if got != level:
                wrong.append(got)

    threads = [threading.Thread(target=score, args=(level,)) for level in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_openvino_is_kept_from_telling_its_makers_of_its_use() -> None:
    """Importing it sends an event over the network, unless the package that does so cannot be had."""
    script = (
        "import sys\n"
        "from andon.inference.openvino import load\n"
        "load()\n"
        "from openvino.tools.ovc import telemetry\n"
        "assert type(telemetry).__module__ == 'openvino.tools.ovc.telemetry_stub', type(telemetry)\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry.')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_openvino_that_is_not_installed_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(Mistake, match=r"install the extra andon\[openvino\]"):
        open_model(tiny_model(), runtime=Runtime.OPENVINO)
    with pytest.raises(Mistake, match="not installed"):
        prove_device(Device.CPU, Runtime.OPENVINO, allow_cpu=False)
    assert open_bundle(proven_bundle(), runtime=Runtime.AUTO).provider == "CPUExecutionProvider"


def test_openvino_on_cuda_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="openvino on device cuda"):
        check_runtime(Device.CUDA, Runtime.OPENVINO)
    check_runtime(Device.AUTO, Runtime.OPENVINO)
    check_device(Device.CPU, "CPUExecutionProvider", allow_cpu=False)


class Slowed:
    """A session that takes longer, and may say something else."""

    def __init__(self, session: Any, runs: int, adds: float = 0.0) -> None:
        self.inputs, self.outputs = session.inputs, session.outputs
        self.provider = session.provider
        self.runtime = session.runtime
        self._session, self._runs, self._adds = session, runs, adds

    def run(self, names: Any, given: Any) -> Any:
        for _ in range(self._runs):
            self._session.run(names, given)
        return [array + self._adds for array in self._session.run(names, given)]


def opened(bundle: Bundle, **slow: tuple[int, float]) -> Any:
    """What `fastest` opens: runtimes named in `slow` take that many runs longer and add that much to scores."""

    def by(runtime: Runtime) -> Model:
        model = open_model(bundle.model, runtime=runtime, threads=1)
        runs, adds = slow.get(runtime.value, (0, 0.0))
        return Model(Slowed(model.session, runs, adds), model.shape)

    return by


@pytest.mark.parametrize(("slow", "chosen"), [("onnxruntime", "OpenVINO"), ("openvino", "CPUExecutionProvider")])
def test_the_faster_runtime_serves_and_both_figures_are_told(slow: str, chosen: str) -> None:
    bundle = proven_bundle()
    with capture_logs() as logs:
        model = fastest(bundle, opened(bundle, **{slow: (200, 0.0)}))
    assert model.provider.startswith(chosen)
    (told,) = [log for log in logs if log["event"] == "runtime_chosen"]
    assert told["bundle"] == bundle.digest
    assert told["runtime"].startswith(chosen)
    assert len(told["ms"]) == 2


@pytest.mark.parametrize(("wrong", "chosen"), [("onnxruntime", "OpenVINO"), ("openvino", "CPUExecutionProvider")])
def test_a_runtime_that_fails_the_gate_is_left_out_however_fast(wrong: str, chosen: str) -> None:
    bundle = proven_bundle()
    other = "openvino" if wrong == "onnxruntime" else "onnxruntime"
    with capture_logs() as logs:
        model = fastest(bundle, opened(bundle, **{wrong: (0, 50.0), other: (200, 0.0)}))
    assert model.provider.startswith(chosen)
    (told,) = [log for log in logs if log["event"] == "runtime_left_out"]
    assert "golden frames fail" in told["why"]


def test_where_no_runtime_passes_the_gate_tells_why() -> None:
    bundle = proven_bundle()
    model = fastest(bundle, opened(bundle, onnxruntime=(0, 50.0), openvino=(0, 50.0)))
    assert model.provider == "CPUExecutionProvider"


def test_auto_serves_a_bundle_by_either() -> None:
    model = open_bundle(proven_bundle(), runtime=Runtime.AUTO)
    assert model.run(frames(3, 200)).score.tolist() == [3, 200]


def test_a_graph_without_golden_frames_goes_to_the_faster_runtime_too() -> None:
    backbone = open_backbone(tiny_model(), runtime=Runtime.AUTO)
    assert backbone.run(frames(3))["score"].tolist() == [3]
    assert open_model(tiny_model(), runtime=Runtime.AUTO).run(frames(5)).score.tolist() == [5]


def test_a_runtime_that_cannot_open_a_graph_leaves_it_to_the_other() -> None:
    known = OrtSession(tiny_model(), Device.CPU, threads=1)

    def refused() -> Any:
        raise BundleError("model: OpenVINO cannot open it")

    with capture_logs() as logs:
        assert faster_session(known, refused) is known
    assert [log["event"] for log in logs] == ["runtime_left_out"]


def test_openvino_keeps_the_larger_graph_only_where_it_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_openvino, "_seconds", lambda graph, given: 1.0)
    assert [each.size for each in open_openvino()._compiled] == [8, 1]
    monkeypatch.setattr(on_openvino, "_seconds", lambda graph, given: float(graph.size))
    assert [each.size for each in open_openvino()._compiled] == [1]


def open_openvino() -> Any:
    return open_model(tiny_model(), runtime=Runtime.OPENVINO).session
