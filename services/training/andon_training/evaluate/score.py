"""Every labelled frame gets its score and anomaly map, or is named as one that gets none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid, Mistake
from andon.images.prepare import Prepared, prepare
from andon.inference import Model
from andon.preparation import Preparation
from andon_training.evaluate.labelled import Labelled
from andon_training.evaluate.masks import Mask, read_mask
from andon_training.evaluate.speed import Speed, Stopwatch
from andon_training.printable import printable
from andon_training.progress import Progress

BATCH = 8
BATCHES = 16  # of BATCH frames, spread over all


@dataclass(frozen=True)
class Scored:
    """A frame with its raw `score` and raw `map`, float32 [h, w]; `mask`, bool [H, W] of the prepared frame, where its
    defect is drawn.
    """

    frame: Labelled
    score: float
    map: NDArray[np.float32]
    mask: Mask | None = None

    @property
    def known(self) -> bool:
        """Whether every pixel of it is known to be good or not."""
        return self.frame.good or self.mask is not None


@dataclass(frozen=True)
class Scores:
    """All frames that got a score, those that got none with the reason, what is odd about masks, and the speed."""

    frames: tuple[Scored, ...]
    skipped: tuple[str, ...]
    mask_problems: tuple[str, ...]
    speed: Speed


def score_frames(model: Model, preparation: Preparation, frames: Sequence[Labelled], progress: Progress) -> Scores:
    """Scores `frames` one by one, timed. Raises Mistake when none gets a score."""
    results: list[Scored | str] = []
    problems: list[str] = []
    watch = Stopwatch(1)
    model.run(np.zeros((1, *model.shape), np.uint8))  # the first run pays for memory that all others use
    for i, frame in enumerate(frames):
        results.append(_score(model, preparation, frame, watch, problems))
        progress("scoring", i + 1, len(frames))
    scored = tuple(result for result in results if isinstance(result, Scored))
    skipped = tuple(result for result in results if isinstance(result, str))
    speed = watch.speed()
    if not scored or speed is None:
        raise Mistake(f"none of {len(frames)} images gets a score: {'; '.join(skipped[:3])}")
    return Scores(scored, skipped, tuple(problems), speed)


def batch_speed(model: Model, preparation: Preparation, frames: Sequence[Scored], progress: Progress) -> Speed | None:
    """The cost of a frame in batches of BATCH, over at most BATCHES of them; None with fewer frames than one batch."""
    batches = min(BATCHES, len(frames) // BATCH)
    chosen = [frames[i * len(frames) // (batches * BATCH)].frame.path for i in range(batches * BATCH)]
    watch = Stopwatch(BATCH)
    model.run(np.zeros((BATCH, *model.shape), np.uint8))
    for i in range(batches):
        images = [path.read_bytes() for path in chosen[i * BATCH : (i + 1) * BATCH]]
        with watch.timed():
            model.run(np.stack([prepare(image, preparation).tensor for image in images]))
        progress("timing", i + 1, batches)
    return watch.speed()


def _score(
    model: Model, preparation: Preparation, frame: Labelled, watch: Stopwatch, problems: list[str]
) -> Scored | str:
    """The frame with its score, or its name and why it has none."""
    try:
        data = frame.path.read_bytes()
        with watch.timed():
            prepared = prepare(data, preparation)
            outputs = model.run(prepared.tensor[np.newaxis])
    except Invalid as error:
        return f"{frame.name}: {printable(str(error))}"
    except OSError as error:
        return f"{frame.name}: cannot be read: {error.strerror or error}"
    if outputs.problems[0]:
        return f"{frame.name}: the model gives no score: {outputs.problems[0]}"
    return Scored(frame, float(outputs.score[0]), outputs.map[0].copy(), _mask(frame, prepared, preparation, problems))


def _mask(frame: Labelled, prepared: Prepared, preparation: Preparation, problems: list[str]) -> Mask | None:
    if frame.mask is None:
        return None
    try:
        mask = read_mask(frame.mask.read_bytes(), prepared, preparation)
    except (Invalid, OSError) as error:
        problems.append(f"{frame.name}: its mask cannot be read, so its pixels do not count: {printable(str(error))}")
        return None
    if not mask.drawn:
        problems.append(f"{frame.name}: its mask is empty, though it is defective, so its pixels do not count")
    elif not mask.same_size:
        problems.append(f"{frame.name}: its mask has another size than the image and was brought to it")
    return mask.pixels if mask.drawn else None
