"""An interrupted training goes on; a wrong one is refused; a broken one leaves no half bundle."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from train_command import andon_train, draw

from andon.errors import Mistake
from andon_training.anomalib_models.callbacks import Told

STFPM = ("stfpm", "--size", 64, "--weights", "random", "--batch", 4, "--checkpoint-every", 0)
KILLED_S = 240


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("frames"), 40)


class Steps:
    """Stands in for the progress of a training: which steps it told of, stopping at one by an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop_at: int = -1, by: BaseException | None = None) -> None:
        self.told: list[int] = []
        end = Told.on_train_batch_end

        def note(callback: Told, trainer: Any, *rest: Any) -> None:
            self.told.append(trainer.global_step)
            end(callback, trainer, *rest)
            if trainer.global_step == stop_at and by is not None:
                raise by

        monkeypatch.setattr(Told, "on_train_batch_end", note)


def test_after_a_kill_the_same_command_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "made.andon"
    words = [*map(str, (*STFPM, "--steps", 400, folder)), "--out", str(out), "--device", "cpu"]
    code = "from andon.cli import main; main()"
    running = subprocess.Popen([sys.executable, "-c", code, "train", *words], stderr=subprocess.PIPE, text=True)
    checkpoint, deadline = tmp_path / ".made.training" / "last.ckpt", time.monotonic() + KILLED_S
    while not checkpoint.is_file() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    _, said = running.communicate()
    assert checkpoint.is_file(), said
    assert not out.exists()
    reached = torch.load(checkpoint, weights_only=False)["global_step"]
    steps = Steps(monkeypatch, stop_at=reached + 3, by=KeyboardInterrupt())
    ran = andon_train(*STFPM, "--steps", 400, folder, out=out)
    assert steps.told[0] == reached + 1
    assert ran.status == 130


def test_told_to_stop_it_ends_in_the_middle_of_a_batch_and_says_how_to_go_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told_to_stop(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("it went on")

    monkeypatch.setattr("anomalib.models.image.patchcore.torch_model.PatchcoreModel.subsample_embedding", told_to_stop)
    before = signal.getsignal(signal.SIGTERM)
    ran = andon_train(
        *("patchcore", folder, "--size", 64, "--weights", "random", "--set", "backbone=resnet18"),
        out=tmp_path / "made.andon",
    )
    assert ran.status == 130
    assert "to go on" in ran.said
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_says_how_to_go_on_and_then_it_does(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "made.andon"
    with monkeypatch.context() as patched:
        Steps(patched, stop_at=3, by=KeyboardInterrupt())
        stopped = andon_train(*STFPM, "--steps", 6, folder, out=out)
    assert stopped.status == 130
    assert "to go on" in stopped.said
    assert stopped.bundle is None
    other = andon_train(*STFPM, "--steps", 7, folder, out=out)
    assert isinstance(other.error, Mistake)
    assert "steps: 6, now 7" in str(other.error)
    fewer = draw(tmp_path / "others", 41)
    changed = andon_train(*STFPM, "--steps", 6, fewer, out=out)
    assert isinstance(changed.error, Mistake)
    steps = Steps(monkeypatch)
    ran = andon_train(*STFPM, "--steps", 6, folder, out=out)
    assert ran.bundle is not None, (ran.said, ran.error)
    assert steps.told[0] > 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_full_disk_is_one_sentence_and_no_bundle(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Trainer, "save_checkpoint", full)
    ran = andon_train(*STFPM, "--steps", 6, folder, out=tmp_path / "made.andon")
    assert isinstance(ran.error, Mistake)
    assert "no room" in str(ran.error)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_no_work_folder(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years")
    ran = andon_train(*STFPM, folder, "--work", precious, out=tmp_path / "made.andon")
    assert isinstance(ran.error, Mistake)
    assert (precious / "thesis.txt").read_text() == "years"
