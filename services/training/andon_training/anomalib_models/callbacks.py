"""What happens between two batches: a checkpoint now and then, and a word on how far it is. Needs torch."""

import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from andon.errors import Mistake
from andon_training.progress import Progress

Clock = Callable[[], float]


class Checkpoints(Callback):  # type: ignore[misc]
    """Keeps the newest checkpoint in `file`, every `every_s` seconds; a kill at any moment leaves a whole one."""

    def __init__(self, file: Path, every_s: float, clock: Clock = time.monotonic) -> None:
        self._file = file
        self._every_s = every_s
        self._clock = clock
        self._last = clock()

    def on_train_batch_end(self, trainer: Any, *_rest: Any) -> None:
        """Raises Mistake when the disk does not take it."""
        if self._clock() - self._last < self._every_s:
            return
        beside = self._file.with_suffix(".part")
        try:
            trainer.save_checkpoint(beside)
            os.replace(beside, self._file)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise Mistake(disk_words(self._file, error)) from error
        self._last = self._clock()


class EndsWhenTold(Callback):  # type: ignore[misc]
    """SIGTERM ends the training as Ctrl-C does: Lightning only notes it, and looks between batches, while PatchCore
    chooses its memory for minutes in one.
    """

    def on_train_start(self, *_trained: Any) -> None:
        """Lightning has set its own handlers by now."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)


class Told(Callback):  # type: ignore[misc]
    """Tells `progress` of every batch of `batches`."""

    def __init__(self, progress: Progress, batches: int) -> None:
        self._progress = progress
        self._batches = batches

    def on_train_start(self, trainer: Any, *_rest: Any) -> None:
        """From where it goes on."""
        self._progress("training", trainer.global_step, self._batches)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, at: int) -> None:  # noqa: ARG002
        """Models that learn without steps are told of by batches."""
        done = trainer.global_step or at + 1
        self._progress("training", done, self._batches)


def disk_words(file: Path, error: OSError) -> str:
    """What is wrong with the disk, and what to do."""
    what = "no room" if error.errno == errno.ENOSPC else str(error.strerror or error)
    return f"{file.parent}: a checkpoint cannot be written: {what}; make room, or name another folder with --work"
