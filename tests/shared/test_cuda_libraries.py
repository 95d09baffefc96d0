"""CUDA from Python packages: an image with a GPU's libraries needs none of the base's."""

from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

import onnxruntime
import pytest

from andon.inference import ort
from andon.inference.device import Device
from andon.inference.ort import example_provider, load_cuda


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """How often ONNX Runtime was asked to load CUDA. It says that it can; the card is missing."""
    calls: list[str] = []

    def preload() -> None:
        calls.append("cuda")
        print("Failed to load libcudnn.so.9")  # noqa: T201 - as ONNX Runtime does

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload)
    load_cuda.cache_clear()
    yield calls
    load_cuda.cache_clear()


@pytest.fixture
def with_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVIDIA's Python packages are installed."""
    monkeypatch.setattr(ort, "find_spec", lambda name: ModuleSpec(name, None) if name == "nvidia" else find_spec(name))


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not."""
    monkeypatch.setattr(ort, "find_spec", lambda name: None)


@pytest.mark.usefixtures("with_packages")
def test_cuda_is_loaded_from_python_packages_once_before_the_first_model(loaded: list[str]) -> None:
    example_provider(Device.AUTO)
    example_provider(Device.AUTO)
    assert loaded == ["cuda"]


@pytest.mark.usefixtures("with_packages")
def test_what_onnx_runtime_misses_is_no_part_of_a_commands_answer(
    loaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    example_provider(Device.AUTO)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "libcudnn" in printed.err


@pytest.mark.usefixtures("with_packages")
def test_the_cpu_loads_no_cuda(loaded: list[str]) -> None:
    example_provider(Device.CPU)
    assert loaded == []


@pytest.mark.usefixtures("without_packages")
def test_without_those_packages_the_systems_cuda_is_left_to_onnx_runtime(loaded: list[str]) -> None:
    example_provider(Device.AUTO)
    assert loaded == []
