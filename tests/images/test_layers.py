"""Images share their lower layers: what a service stands on holds nothing that it does not pin itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES = ("ingest", "preprocess", "scoring", "alerting", "drift", "machines", "console", "training")
STANDS_ON = {image: stage for stage, image in re.findall(r"^FROM (\w+) AS for-(\S+)$", DOCKERFILE, re.MULTILINE)}
"""By image, the stage that it goes on from."""


def pinned(path: Path) -> set[str]:
    """The packages of a requirements file, with versions and for which machines: without hashes."""
    return {line.rstrip(" \\\n") for line in path.read_text().splitlines() if line and line[0] not in "# "}


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What each layer holds."""
    out = tmp_path_factory.mktemp("lists")
    command = [sys.executable, str(ROOT / "deploy/images/layers.py"), str(ROOT / "requirements"), str(out), *SERVICES]
    subprocess.run(command, check=True)
    return {path.stem: pinned(path) for path in out.glob("*.txt")}


def below(stage: str) -> list[str]:
    """A stage of layers, and those under it."""
    under = re.search(rf"^FROM (\w+) AS {stage}$", DOCKERFILE, re.MULTILINE)
    assert under is not None
    return [stage] if under[1] == "bare" else [*below(under[1]), stage]


def test_every_image_stands_on_a_layer() -> None:
    assert set(STANDS_ON) == {*SERVICES, "scoring-gpu", "training-torch"}


@pytest.mark.parametrize("image", STANDS_ON)
def test_the_layers_under_an_image_hold_only_what_it_pins(image: str, lists: dict[str, set[str]]) -> None:
    own = pinned(ROOT / "requirements" / f"{image}.txt")
    names = {line.partition("==")[0]: line for line in own}
    for layer in below(STANDS_ON[image]):
        for line in lists[layer]:
            name = line.partition("==")[0]
            assert name in names
            assert names[name].partition(" ;")[0] == line.partition(" ;")[0] or "python_full_version" in line


def test_no_layer_repeats_what_lies_below_it(lists: dict[str, set[str]]) -> None:
    names = [line.partition("==")[0] for layer in lists.values() for line in {each.split("==")[0] for each in layer}]
    assert sorted(lists) == ["every", "images", "models", "store"]
    assert len(names) == len(set(names))


def test_the_layers_are_worth_it(lists: dict[str, set[str]]) -> None:
    for layer, package in {"store": "botocore", "images": "opencv-python-headless", "models": "openvino"}.items():
        assert any(line.startswith(f"{package}==") for line in lists[layer])


@pytest.mark.parametrize("image", STANDS_ON)
def test_no_image_holds_both_of_onnx_runtimes_wheels(image: str) -> None:
    on_linux = {
        line.partition("==")[0]
        for line in pinned(ROOT / "requirements" / f"{image}.txt")
        if line.startswith("onnxruntime") and not re.search(r"!= '(x86_64|linux)'|== 'none'", line)
    }
    cpu, gpu = {"onnxruntime"}, {"onnxruntime-gpu"}
    wanted = {"scoring": cpu, "training": cpu, "scoring-gpu": gpu, "training-torch": gpu}
    assert on_linux == wanted.get(image, set())
