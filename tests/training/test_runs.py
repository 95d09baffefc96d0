"""`--device` and `--runtime` say where a bundle is proven."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from andon.bundle import write_bundle
from andon.errors import Mistake
from andon.inference import Device, Runtime
from andon.testing.models import proven_bundle
from andon_training.commands.runs import Place, where_it_runs
from andon_training.commands.verify import verify

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(verify)


def test_every_device_and_runtime_can_be_named() -> None:
    for device in Device:
        for runtime in Runtime:
            assert where_it_runs(device.value, runtime.value) == Place(device, runtime)


@pytest.mark.parametrize(
    ("device", "runtime", "said"),
    [
        ("gpu", "auto", "device 'gpu': cpu, cuda or auto"),
        ("cpu", "tensorrt", "runtime 'tensorrt': onnxruntime, openvino or auto"),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(device: str, runtime: str, said: str) -> None:
    with pytest.raises(Mistake, match=said):
        where_it_runs(device, runtime)


@pytest.mark.parametrize(("runtime", "told"), [("onnxruntime", "onnxruntime 1."), ("openvino", "OpenVINO 20")])
def test_a_bundle_is_verified_on_the_runtime_that_will_serve(tmp_path: Path, runtime: str, told: str) -> None:
    write_bundle(proven_bundle(), tmp_path / "part.andon")
    result = CliRunner().invoke(app, [str(tmp_path / "part.andon"), "--runtime", runtime, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["runtime"].startswith(told)
