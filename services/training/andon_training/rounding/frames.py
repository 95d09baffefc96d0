"""The frames that rounding is tried on: good ones, and defective ones, real where there are some, else drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from andon.errors import Mistake
from andon.preparation import Preparation
from andon_training.evaluate.labelled import labelled_frames
from andon_training.precision import COPIES
from andon_training.progress import Progress
from andon_training.sample import Tensor, check_sample, evenly, prepared_frames
from andon_training.source import Source
from andon_training.trial import MOST_FRAMES, trial_frames

MOST_BYTES = 512 * 1024**2  # of tensors held at once


@dataclass(frozen=True)
class Frames:
    """Prepared frames, uint8 [n, h, w, c], and what each is called."""

    tensors: Tensor
    names: tuple[str, ...]
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialSet:
    """What AUROC is measured on. `real`: the defects are photographed, not drawn."""

    good: Frames
    defective: Frames
    real: bool


def read_good(sources: Sequence[Source], preparation: Preparation, progress: Progress) -> Frames:
    """Different good frames, spread over all of `sources`. Raises Mistake when too few or too many unreadable."""
    unreadable: list[str] = []
    chosen = evenly(sources, MOST_BYTES // int(np.prod(preparation.shape)))
    found = {
        frame.digest: (frame.source.name, tensor)
        for frame, tensor in prepared_frames(chosen, preparation, unreadable, progress)
    }
    check_sample(len(chosen), len(found), unreadable)
    names, tensors = zip(*found.values(), strict=True)
    return Frames(np.stack(tensors), names, tuple(found))


def drawn_trial(good: Frames) -> TrialSet:
    """Some of the `good` frames, and each of them again and again with a drawn defect."""
    frame_bytes = good.tensors[0].nbytes * (1 + len(COPIES))
    most = max(1, min(len(good.names), MOST_FRAMES, MOST_BYTES // frame_bytes))
    at = np.arange(most) * len(good.names) // most
    tried = trial_frames(good.tensors[at], COPIES)
    names = tuple(good.names[i] for i in at)
    copies = tuple(f"{name} with drawn defect {copy + 1}" for copy in range(len(COPIES)) for name in names)
    return TrialSet(Frames(tried.good, names), Frames(tried.drawn.reshape(-1, *tried.good.shape[1:]), copies), False)


def labelled_trial(folder: Path, preparation: Preparation, progress: Progress) -> TrialSet:
    """The labelled frames of `folder`, in MVTec AD layout. Raises Mistake unless some are good and some are not."""
    listed = labelled_frames(folder).frames
    good, defective = (
        _read([each.path for each in listed if each.good is kind], preparation, progress) for kind in (True, False)
    )
    if good is None or defective is None:
        raise Mistake(f"{folder}: has no readable good frames, or no defective ones, in test/; give some of both")
    return TrialSet(good, defective, True)


def _read(paths: Sequence[Path], preparation: Preparation, progress: Progress) -> Frames | None:
    chosen = evenly([_Labelled(path) for path in paths], MOST_BYTES // int(np.prod(preparation.shape)))
    found = [(frame.source.name, tensor) for frame, tensor in prepared_frames(chosen, preparation, [], progress)]
    if not found:
        return None
    names, tensors = zip(*found, strict=True)
    return Frames(np.stack(tensors), names)


@dataclass(frozen=True)
class _Labelled:
    """A labelled frame as a source, called by its folder and file."""

    path: Path

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    def read_bytes(self) -> bytes:
        return self.path.read_bytes()
