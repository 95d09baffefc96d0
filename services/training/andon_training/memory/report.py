"""The re-score report: every frame that people have judged, scored by the old bundle and by the new one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from andon.bundle import Bundle
from andon.errors import Invalid
from andon.images.prepare import prepare
from andon.inference import Model, open_bundle
from andon.records import DEFECTIVE, SOUND, Rescored
from andon_training.memory.judged import Judged
from andon_training.progress import Progress, silent


@dataclass(frozen=True)
class Judge:
    """A bundle that is open."""

    bundle: Bundle
    model: Model

    @classmethod
    def of(cls, bundle: Bundle) -> "Judge":
        """Raises BundleError, Broken."""
        return cls(bundle, open_bundle(bundle))

    def calls(self, image: bytes) -> bool:
        """Whether it calls an encoded image anomalous. Raises Invalid where the image cannot be prepared."""
        prepared = prepare(image, self.bundle.manifest.preparation)
        outputs = self.model.run(prepared.tensor[np.newaxis])
        return outputs.problems[0] is None and float(outputs.score[0]) > self.bundle.manifest.threshold


@dataclass(frozen=True)
class _Called:
    frame_id: UUID
    defective: bool
    before: bool
    after: bool


def rescored(
    frames: Sequence[Judged],
    before: Callable[[bytes], bool],
    after: Callable[[bytes], bool],
    progress: Progress = silent,
) -> Rescored:
    """What changes on `frames`, whose answers say of each whether it is good; those that leave it open are passed over.

    `before` and `after` say whether an image is called anomalous. Frames whose image is gone, or can no longer be read,
    are `missing`. Raises Broken when the store does not answer.
    """
    wanted = [frame for frame in frames if frame.answer.answer in DEFECTIVE | SOUND]
    called = []
    for done, frame in enumerate(wanted):
        found = _called(frame, before, after)
        called += [found] if found else []
        progress("scoring", done + 1, len(wanted))
    return _counted(called, len(wanted) - len(called))


def _called(frame: Judged, before: Callable[[bytes], bool], after: Callable[[bytes], bool]) -> _Called | None:
    answer = frame.answer
    try:
        image = frame.image()
        return _Called(answer.frame_id, answer.answer in DEFECTIVE, before(image), after(image))
    except Invalid:
        return None


def _counted(called: Sequence[_Called], missing: int) -> Rescored:
    defects = [each for each in called if each.defective]
    good = [each for each in called if not each.defective]
    return Rescored(
        defects=len(defects),
        found_before=sum(each.before for each in defects),
        found_after=sum(each.after for each in defects),
        lost=tuple(each.frame_id for each in defects if each.before and not each.after),
        gained=tuple(each.frame_id for each in defects if each.after and not each.before),
        good=len(good),
        called_before=sum(each.before for each in good),
        called_after=sum(each.after for each in good),
        missing=missing,
    )
