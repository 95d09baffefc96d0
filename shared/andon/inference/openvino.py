"""OpenVINO on the CPU: the same ONNX bytes, in float32 where they say float32, int8 where they say int8.

Graphs are compiled for fixed numbers of rows: ResNet-18 in int8 at 256x256, one thread of an AMD EPYC with VNNI, took
5.2 ms a frame so, and 8.0 ms with the number of rows left open; float32 15.3 and 18.0 ms.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.bundle import BundleError
from andon.errors import Broken, Mistake
from andon.inference.session import Arrays, Port, piece, rows_of

MANY = 8  # rows of the other compiled graph, where that is worth its memory
WORTH = 0.95  # of the time of single rows
RUNS = 3  # of which the shortest counts


def load() -> Any:
    """The library, with its messages home switched off: it tells its makers of every import unless kept from it.

    Raises Mistake when it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # OpenVINO then takes its own stub
    try:
        import openvino
    except ImportError as error:
        raise Mistake(
            "runtime openvino: not installed here; install the extra andon[openvino], or take runtime onnxruntime"
        ) from error
    return openvino


def installed() -> bool:
    """Whether it can be had at all."""
    try:
        load()
    except Mistake:
        return False
    return True


class OpenVinoSession:
    """A Session of OpenVINO, on the CPU."""

    __slots__ = ("_compiled", "inputs", "outputs", "provider", "runtime")

    def __init__(self, data: bytes, *, threads: int, batch: int | None = None) -> None:
        """With `batch` every call takes that many rows, padded if need be; else what is fastest here.

        Raises BundleError when OpenVINO cannot open `data`, Mistake when it is not installed.
        """
        library = load()
        self.provider = self.runtime = f"OpenVINO {library.__version__.split('-')[0]} CPU"
        try:
            graph = library.Core().read_model(data)
            self.inputs, self.outputs = _ports(graph.inputs), _ports(graph.outputs)
            self._compiled = tuple(_Compiled(library, graph, size, threads) for size in _sizes(batch))
        except RuntimeError as error:
            raise BundleError(f"model: OpenVINO cannot open it: {_first_line(error)}") from error
        if batch is None:
            self._compiled = self._worth_their_memory()

    def run(self, names: Sequence[str], given: Arrays) -> list[NDArray[Any]]:
        """As Session."""
        try:
            parts = list(self._pieces(given))
        except RuntimeError as error:
            raise Broken(f"{self.provider} failed: {_first_line(error)}") from error
        at = [next(i for i, port in enumerate(self.outputs) if port.name == name) for name in names]
        count = rows_of(given)
        return [np.concatenate([part[i] for part in parts])[:count] for i in at]

    def _pieces(self, given: Arrays) -> Any:
        """Outputs of the largest pieces that the rows fill, then of the smallest."""
        start, count = 0, rows_of(given)
        while start < count:
            graph = next((each for each in self._compiled if each.size <= count - start), self._compiled[-1])
            yield graph.run(piece(given, start, graph.size))
            start += graph.size

    def _worth_their_memory(self) -> "tuple[_Compiled, ...]":
        many, one = self._compiled
        given = {
            port.name: np.zeros([MANY, *(side or 1 for side in port.shape[1:])], port.kind) for port in self.inputs
        }
        try:
            worth = _seconds(many, given) < WORTH * MANY * _seconds(one, piece(given, 0, 1))
        except RuntimeError:
            return self._compiled  # it will fail, and say so, on the first frame
        return (many, one) if worth else (one,)


class _Compiled:
    """The graph for `size` rows, and the requests that wait to be used again: one request serves one thread."""

    def __init__(self, library: Any, graph: Any, size: int, threads: int) -> None:
        fixed = graph.clone()
        fixed.reshape({each.any_name: [size, *list(each.partial_shape)[1:]] for each in fixed.inputs})
        self.size = size
        self._graph = library.Core().compile_model(fixed, "CPU", _settings(threads))
        self._waiting: list[Any] = []

    def run(self, given: Arrays) -> list[NDArray[Any]]:
        """The outputs, in the graph's order, for exactly `size` rows. Raises RuntimeError."""
        request = self._request()
        found = request.infer(dict(given), share_inputs=True)
        outputs = [np.array(array) for array in found.values()]
        self._waiting.append(request)
        return outputs

    def _request(self) -> Any:
        try:
            return self._waiting.pop()
        except IndexError:
            return self._graph.create_infer_request()


def _sizes(batch: int | None) -> tuple[int, ...]:
    return (MANY, 1) if batch is None else (batch,)


def _settings(threads: int) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # else it computes in bf16 where the processor can
        "ENABLE_CPU_PINNING": False,  # two processes would be pinned to the same cores
    }


def _ports(found: Sequence[Any]) -> tuple[Port, ...]:
    return tuple(Port(port.any_name, port.element_type.to_dtype().name, _shape(port.partial_shape)) for port in found)


def _shape(sides: Any) -> tuple[int | None, ...]:
    return tuple(None if side.is_dynamic else side.get_length() for side in sides)


def _seconds(graph: _Compiled, given: Arrays) -> float:
    return min(_once(graph, given) for _ in range(RUNS))


def _once(graph: _Compiled, given: Arrays) -> float:
    began = time.perf_counter()
    graph.run(given)
    return time.perf_counter() - began


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else str(error)
