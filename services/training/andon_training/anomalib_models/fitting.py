"""Trains an anomalib model by anomalib's own engine, from where an earlier run stopped if there is one. Needs torch."""

import io
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from anomalib import LearningType
from anomalib.callbacks import ModelCheckpoint
from anomalib.engine import Engine
from lightning import seed_everything

from andon.allocator import give_back_large
from andon.bundle import write_whole
from andon.errors import Mistake
from andon_training.anomalib_models.callbacks import Checkpoints, EndsWhenTold, Told
from andon_training.anomalib_models.data import GoodFrames
from andon_training.anomalib_models.length import Length
from andon_training.anomalib_models.quiet import quietly
from andon_training.progress import Progress

ACCELERATORS = {"auto": "auto", "cpu": "cpu", "cuda": "gpu"}
CHECKPOINT, FITTED = "last.ckpt", "fitted.pt"
TUNING_HOOKS = ("on_validation_start", "on_validation_epoch_start", "on_validation_epoch_end")


@dataclass(frozen=True)
class Run:
    """How to train: on `device` (auto, cpu, cuda), in the folder `work`, which holds what an earlier run left."""

    device: str
    seed: int
    work: Path
    checkpoint_s: float
    progress: Progress


def check_device(device: str) -> None:
    """Raises Mistake when there is no such device, here or at all."""
    if device not in ACCELERATORS:
        raise Mistake(f"--device {device}: auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise Mistake("--device cuda: PyTorch sees no GPU here; install a driver, or say --device auto or cpu")


def device_name(device: str) -> str:
    """What the training ran on, for the record."""
    return str(torch.cuda.get_device_name()) if device != "cpu" and torch.cuda.is_available() else "cpu"


def seeded(seed: int) -> None:
    """Every source of randomness from `seed` on."""
    seed_everything(seed, verbose=False)


def insists_on(model: Any) -> int | None:
    """How many epochs `model`, an AnomalibModule, is trained for whatever anybody asks; None where that is free."""
    epochs: int | None = model.trainer_arguments.get("max_epochs")
    return epochs


def tunes(model: Any) -> bool:
    """Whether `model` sets something by frames it did not learn from: what it does when it is validated is its own."""
    hooks = [getattr(type(model), name, None) for name in TUNING_HOOKS]
    return any(hook.__module__.startswith("anomalib.models.image.") for hook in hooks if hook is not None)


def resumed_from(run: Run) -> str:
    """What an earlier run left in the work folder: "fitted", "checkpoint", or ""."""
    if (run.work / FITTED).is_file():
        return "fitted"
    return "checkpoint" if (run.work / CHECKPOINT).is_file() else ""


def fit_model(model: Any, frames: GoodFrames, length: Length, run: Run) -> Any:
    """The torch module inside `model`, an AnomalibModule, trained on `frames`: in eval mode, on the CPU.

    Raises Mistake when the disk is full, or the model refuses its frames or parameters.
    """
    if resumed_from(run) == "fitted" and _take_fitted(model, run):
        return model.model
    seeded(run.seed)
    give_back_large()
    with quietly(), _in_words(model):
        _fit(model, frames, length, run)
        if tunes(model):
            _engine(run, [], limit_val_batches=1.0).validate(model, datamodule=frames, verbose=False)
    module = model.model.to("cpu").eval().requires_grad_(False)
    _keep(run.work / FITTED, module.state_dict())
    return module


def _fit(model: Any, frames: GoodFrames, length: Length, run: Run) -> None:
    batches = length.batches(len(frames.train_dataloader()))
    callbacks: list[Any] = [EndsWhenTold(), Told(run.progress, batches)]
    start = None
    if insists_on(model) is None:  # what is learned in one look is kept in no checkpoint: such a model starts over
        callbacks.append(Checkpoints(run.work / CHECKPOINT, run.checkpoint_s))
        start = run.work / CHECKPOINT if resumed_from(run) == "checkpoint" else None
    limits = {"max_epochs": length.epochs, "max_steps": length.steps}
    engine = _engine(run, callbacks, limit_val_batches=_few_shot(model), **limits)
    with _interruptible():
        engine.fit(model=model, datamodule=frames, ckpt_path=start)


@contextmanager
def _in_words(model: Any) -> Iterator[None]:
    """What a model raises over frames it cannot learn from is the operator's to mend: another size, fewer at a time."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise Mistake(
            f"{model.name} cannot be trained on these frames: {error or type(error).__name__}; "
            "try another --size, a smaller --batch, or other parameters (--set)"
        ) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C stays KeyboardInterrupt: Lightning makes an exit of it, and turns the signal off. SIGTERM is one, too."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except SystemExit as left:
        raise KeyboardInterrupt from left
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _few_shot(model: Any) -> float:
    """The share of the frames for validation while fitting: all where nothing is learned by steps, else none."""
    return 0.0 if model.learning_type is LearningType.ONE_CLASS else 1.0


def _engine(run: Run, callbacks: list[Any], **settings: Any) -> Any:
    """anomalib's engine, which writes nothing but what our own callbacks write."""
    return Engine(
        callbacks=[ModelCheckpoint(dirpath=run.work, save_top_k=0), *callbacks],
        default_root_dir=run.work / "engine",
        logger=False,
        accelerator=ACCELERATORS[run.device],
        devices=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )


def _take_fitted(model: Any, run: Run) -> bool:
    """Whether `model` could be given what an earlier run had finished."""
    try:
        state = torch.load(run.work / FITTED, map_location="cpu", weights_only=True)
        model.model.load_state_dict(state)
    except Exception:  # noqa: BLE001  # whatever is wrong with it, it is only a short cut
        return False
    model.model.eval().requires_grad_(False)
    return True


def _keep(file: Path, state: Mapping[str, Any]) -> None:
    data = io.BytesIO()
    torch.save(dict(state), data)
    write_whole(file, data.getvalue())


Build = Callable[[], Any]


def built(name: str, build: Build, seed: int) -> Any:
    """What `build` gives, an AnomalibModule, seeded. Raises Mistake in the model's own words when it refuses."""
    seeded(seed)
    try:
        with quietly():
            return build()
    except Mistake:
        raise
    except (ValueError, TypeError, RuntimeError, KeyError, AttributeError, AssertionError, OSError) as error:
        raise Mistake(f"{name} cannot be made with these parameters: {error}") from error
