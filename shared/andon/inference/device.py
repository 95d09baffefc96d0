"""Where models run, what runs them, and whether that is to be had."""

from enum import StrEnum

from andon.errors import Broken, Mistake


class Device(StrEnum):
    """Where models run."""

    CPU = "cpu"
    CUDA = "cuda"
    AUTO = "auto"  # the GPU where there is one, else the CPU


class Runtime(StrEnum):
    """What runs them: the same bytes either way."""

    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"  # on the CPU only
    AUTO = "auto"  # on the CPU the faster of those that pass the bundle's gate; on a GPU ONNX Runtime


def check_device(device: Device, provider: str, *, allow_cpu: bool) -> None:
    """Raises Broken when CUDA was asked for and `provider`, the session's own word, is something else."""
    if device is Device.CUDA and provider != "CUDAExecutionProvider" and not allow_cpu:
        raise Broken(
            f"device cuda was asked for, but ONNX Runtime gives {provider}: no card, driver or CUDA libraries "
            "here; install them, set the device to cpu, or allow the CPU on purpose (allow_cpu)"
        )


def check_runtime(device: Device, runtime: Runtime) -> None:
    """Raises Mistake where `runtime` can never run on `device`."""
    if runtime is Runtime.OPENVINO and device is Device.CUDA:
        raise Mistake("runtime openvino on device cuda: it runs on the CPU only; take onnxruntime, or device cpu")


def prove_device(device: Device, runtime: Runtime = Runtime.ONNXRUNTIME, *, allow_cpu: bool) -> None:
    """Opens a model of three numbers on `device`: what `get_available_providers` promises is not proof.

    Raises Broken when CUDA was asked for and cannot be had, Mistake when OpenVINO was and is not installed.
    """
    from andon.inference import openvino, ort

    check_runtime(device, runtime)
    if runtime is Runtime.OPENVINO:
        openvino.load()
        return
    check_device(device, ort.example_provider(device), allow_cpu=allow_cpu)
