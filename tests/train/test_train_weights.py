"""Pretrained weights come from files an operator brought; without them the command says exactly which file to bring."""

import urllib.request
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from safetensors.torch import save_file
from train_command import andon_train, draw

from andon.errors import Mistake
from andon_training.anomalib_models.onnx_weights import onnx_state
from andon_training.anomalib_models.quiet import offline

PADIM = ("padim", "--size", 64, "--set", "backbone=resnet18")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("frames"), 40)


@pytest.fixture(scope="module")
def resnet() -> torch.nn.Module:
    torch.manual_seed(3)
    return timm.create_model("resnet18", pretrained=False)


@pytest.fixture(autouse=True)
def an_empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_without_weights_the_command_says_which_file_to_bring(folder: Path, tmp_path: Path) -> None:
    ran = andon_train(*PADIM, folder, out=tmp_path / "made.andon")
    assert isinstance(ran.error, Mistake)
    told = str(ran.error)
    assert "timm/resnet18" in told
    assert "model.safetensors" in told
    assert "--weights" in told
    assert ran.bundle is None


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_weights_from_a_file_are_used_and_recorded(
    suffix: str, folder: Path, tmp_path: Path, resnet: torch.nn.Module
) -> None:
    file = tmp_path / f"resnet18.{suffix}"
    state = resnet.state_dict()
    save_file(state, file) if suffix == "safetensors" else torch.save(state, file)
    ran = andon_train(*PADIM, folder, "--weights", file, out=tmp_path / "made.andon")
    assert ran.bundle is not None, ran.said
    training = ran.bundle.manifest.training
    assert training.backbone is not None
    assert training.backbone.name == "resnet18"
    assert training.settings["weights"] == file.name
    assert ran.bundle.backbone is not None
    first = next(
        each for each in onnx.load_from_string(ran.bundle.backbone).graph.initializer if list(each.dims)[:1] == [64]
    )
    scale = resnet.bn1.weight / torch.sqrt(resnet.bn1.running_var + resnet.bn1.eps)
    folded = (resnet.conv1.weight * scale[:, None, None, None]).detach().numpy()
    assert np.allclose(numpy_helper.to_array(first), folded, rtol=1e-4)


def test_the_weights_of_another_network_are_refused(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save(timm.create_model("mobilenetv3_small_050", pretrained=False).state_dict(), file)
    ran = andon_train(*PADIM, folder, "--weights", file, out=tmp_path / "made.andon")
    assert isinstance(ran.error, Mistake)
    assert "the weights of" in str(ran.error)
    assert "other.pth" in str(ran.error)


def test_a_file_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes.pth"
    file.write_text("not weights")
    ran = andon_train(*PADIM, folder, "--weights", file, out=tmp_path / "made.andon")
    assert isinstance(ran.error, Mistake)
    assert "not a safetensors or PyTorch file" in str(ran.error)


def test_efficient_ad_says_which_teacher_and_which_pictures_to_bring(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from andon_training.anomalib_models import efficient_ad

    monkeypatch.setattr(efficient_ad, "get_pretrained_weights_dir", lambda: tmp_path / "none")
    ran = andon_train("efficient_ad", folder, out=tmp_path / "made.andon")
    assert isinstance(ran.error, Mistake)
    assert "efficientad_pretrained_weights.zip" in str(ran.error)
    ran = andon_train("efficient_ad", folder, "--weights", "random", out=tmp_path / "made.andon")
    assert isinstance(ran.error, Mistake)
    assert "--outside" in str(ran.error)


def test_nothing_is_fetched_unasked() -> None:
    with offline(allowed=False), pytest.raises(Mistake, match="--download"):
        urllib.request.urlopen("http://127.0.0.1:9/weights.pth")


def test_folded_weights_from_onnx_give_the_same_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 5, 1, bias=False),
        torch.nn.BatchNorm2d(5),
    ).eval()
    shapes = {"a": (4, 3, 3, 3), "b": (4,), "c": (5, 4, 1, 1), "d": (5,)}
    values = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("Conv", ["x", "a", "b"], ["p"]),
        helper.make_node("Relu", ["p"], ["q"]),
        helper.make_node("Conv", ["q", "c", "d"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, depth, side, side])
        for name, depth, side in (("x", 3, 8), ("y", 5, 6))
    ]
    graph = helper.make_graph(
        nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(v, n) for n, v in values.items()]
    )
    file = tmp_path / "folded.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    network.load_state_dict(onnx_state(file, network))
    given = random.normal(size=(1, 3, 8, 8)).astype(np.float32)
    (expected,) = InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"]).run(None, {"x": given})
    assert np.allclose(network(torch.from_numpy(given)).detach().numpy(), expected, atol=1e-4)


@pytest.mark.factory
def test_real_mobilenet_weights_from_onnx_train_padim(factory_images: Path, folder: Path, tmp_path: Path) -> None:
    file = factory_images / "weights" / "mobilenet_v2_1.0_features.onnx"
    mobile = ("padim", "--size", 64, "--set", "backbone=mobilenetv2_100", "--set", "n_features=40")
    layers = ("--set", "layers=blocks.1,blocks.2,blocks.4")
    ran = andon_train(*mobile, *layers, folder, "--pixels", "symmetric", "--weights", file, out=tmp_path / "made.andon")
    assert ran.bundle is not None, (ran.said, ran.error)
    beyond = ("--set", "layers=blocks.1,blocks.2,blocks.6")
    refused = andon_train(*mobile, *beyond, folder, "--weights", file, out=tmp_path / "other.andon")
    assert isinstance(refused.error, Mistake)
    assert "are not in it" in str(refused.error)
