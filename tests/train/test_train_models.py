"""Each of the eight models that Andon promises, from good frames to a bundle that proves itself."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from train_command import andon_train, draw, part

from andon.bundle import Bundle
from andon.gate import run_gate
from andon.images.prepare import prepare
from andon.inference import open_bundle

RESNET = ("--set", "backbone=resnet18")
MODELS = {
    "padim": (64, RESNET),
    "patchcore": (64, (*RESNET, "--set", "layers=layer2,layer3")),
    "stfpm": (64, ("--steps", 2)),
    "reverse_distillation": (64, (*RESNET, "--steps", 2)),
    "fastflow": (64, ("--steps", 2, "--set", "flow_steps=2")),
    "supersimplenet": (128, (*RESNET, "--steps", 2, "--set", "layers=layer2,layer3")),
    "efficient_ad": (256, ("--steps", 2)),
    "dinomaly": (56, ("--steps", 2, "--set", "encoder_name=vit_small_patch14_reg4_dinov2")),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("frames"), 40)


def trained(name: str, folder: Path, out: Path) -> Bundle:
    side, words = MODELS[name]
    outside = ("--outside", folder) if name == "efficient_ad" else ()
    asked = (name, folder, "--size", side, "--weights", "random", "--batch", 1 if outside else 8, *words, *outside)
    ran = andon_train(*asked, out=out)
    assert ran.bundle is not None, (ran.error, ran.said)
    return ran.bundle


SLOW = {"efficient_ad": pytest.mark.nightly}  # its networks take no frame smaller than 256x256


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in MODELS])
def test_a_trained_model_becomes_a_bundle_that_proves_itself(name: str, folder: Path, tmp_path: Path) -> None:
    bundle = trained(name, folder, tmp_path / "made.andon")
    training = bundle.manifest.training
    assert run_gate(bundle, open_bundle(bundle)).passed
    assert training.export is not None
    assert training.export.frames == 20
    assert training.export.worst < 1e-3
    assert (training.method, training.frames, training.settings["seed"]) == (name, 20, 0)
    assert training.settings["weights"] == "random"
    assert [path.name for path in tmp_path.iterdir()] == ["made.andon"]


def test_the_same_seed_gives_the_same_bundle(folder: Path, tmp_path: Path) -> None:
    digests = {trained("padim", folder, tmp_path / f"{run}.andon").digest for run in range(2)}
    assert len(digests) == 1


def test_unseen_good_parts_pass_and_a_hole_is_found(folder: Path, tmp_path: Path) -> None:
    bundle = trained("padim", folder, tmp_path / "made.andon")
    model, preparation = open_bundle(bundle), bundle.manifest.preparation
    images = [cv2.imencode(".png", part(seed))[1].tobytes() for seed in range(100, 130)]
    good = np.stack([prepare(image, preparation).tensor for image in images])
    assert (model.run(good).score > bundle.manifest.threshold).sum() <= 6
    holed = good.copy()
    holed[:, 24:40, 24:40] = 255
    assert (model.run(holed).score > bundle.manifest.threshold).all()
