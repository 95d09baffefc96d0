"""Where a command is asked to run a model, and what is to run it."""

from dataclasses import dataclass

from andon.errors import Mistake
from andon.inference import Device, Runtime


@dataclass(frozen=True)
class Place:
    """A device, and the runtime on it."""

    device: Device
    runtime: Runtime


def where_it_runs(device: str, runtime: str) -> Place:
    """What `--device` and `--runtime` say. Raises Mistake where they say nothing that there is."""
    if device not in list(Device):
        raise Mistake(f"device {device!r}: {_one_of(Device)}")
    if runtime not in list(Runtime):
        raise Mistake(f"runtime {runtime!r}: {_one_of(Runtime)}")
    return Place(Device(device), Runtime(runtime))


def _one_of(words: type[Device] | type[Runtime]) -> str:
    *most, last = [word.value for word in words]
    return f"{', '.join(most)} or {last}"
