"""What a person asked training for, done in a process of its own: `python -m andon_training.trainer.errand`.

It reads the request as one line of JSON from stdin, or in a Kubernetes Job from ANDON_ASKED; on stdout it says how far
it is, a line each time, and in the last line what came of it (`Word`). It ends when its stdin does: with the trainer
that started it; a Job runs on.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

from andon.budget import budget_words
from andon.bundle import Bundle
from andon.errors import AndonError, Mistake
from andon.records import Request, Rescored, Wish
from andon_training.progress import Progress
from andon_training.trainer.attempt import asked, proven, shelved
from andon_training.trainer.settings import TrainerSettings
from andon_training.trainer.word import Result, Word

STEP = 0.1  # of the way: how often it is told
SHARES = {
    "collecting": (0.0, 0.1),
    "cleaning": (0.1, 0.15),
    "choosing": (0.15, 0.2),
    "rounding": (0.2, 0.2),
    "reading": (0.2, 0.3),
    "learning": (0.3, 0.4),
    "training": (0.1, 0.4),
    "exporting": (0.4, 0.4),
    "looking": (0.0, 0.4),
    "proving": (0.4, 0.5),
    "scoring": (0.5, 1.0),
}
"""The part of the way that each step is: of a bundle made anew the first ones, of a memory the looking."""


def main() -> None:
    """The whole errand."""
    from andon.settings import load

    request = Request.model_validate_json(asked())
    try:
        result = fulfilled(request, load(TrainerSettings), stepwise(_say))
    except AndonError as error:
        result = Result(request_id=request.request_id, problem=str(error), ours=not isinstance(error, Mistake))
    _say(Word(result=result))


def fulfilled(request: Request, settings: TrainerSettings, progress: Progress) -> Result:
    """The bundle that was asked for, in the store and proven as it lies there; nothing is assigned.

    Raises Mistake where nobody can fulfil it, Broken when the store or the proof fails.
    """
    from andon_training.commands.guard import guard_images

    guard_images()
    from andon.store import BundleStore

    before = BundleStore.of(settings.store).get(request.bundle)
    after, scored, sentence = WISHED[request.wish](request, before, settings, progress)
    if scored.lost:
        problem = lost_words(scored)
        return Result(request_id=request.request_id, problem=problem, rescored=scored)
    proven(shelved(after, settings), after.manifest.training.frames)
    return Result(
        request_id=request.request_id,
        sentence=sentence,
        bundle=after.digest,
        threshold=after.manifest.threshold,
        rescored=scored,
    )


def _anew(
    request: Request, before: Bundle, settings: TrainerSettings, progress: Progress
) -> tuple[Bundle, Rescored, str]:
    from andon_training.trainer.anew import made_anew

    after, scored, sentence = made_anew(request, before, settings, progress)
    return after, scored, said(sentence, scored)


def _recalibrated(
    request: Request, before: Bundle, settings: TrainerSettings, progress: Progress
) -> tuple[Bundle, Rescored, str]:
    from andon.folder import Folder
    from andon.inference import open_bundle
    from andon.reviewed import read_reviewed
    from andon_training.memory.judged import of_product
    from andon_training.memory.report import Judge, rescored
    from andon_training.recalibrate import recalibrated

    if request.budget is None:
        raise Mistake("it asks for another threshold and names no budget; say how many good parts may be called")
    after = recalibrated(before, request.budget, open_bundle(before), created_at=datetime.now(UTC))
    judged = list(read_reviewed(Folder(settings.evidence.url), request.station))
    frames = of_product(judged, request.product or before.manifest.product)
    scored = rescored(frames, Judge.of(before).calls, Judge.of(after).calls, progress)
    old, new = before.manifest.threshold, after.manifest.threshold
    sentence = f"The threshold moves from {old:.4g} to {new:.4g}, for {budget_words(request.budget)}."
    return after, scored, said(sentence, scored)


def _remembered(
    request: Request, before: Bundle, settings: TrainerSettings, progress: Progress
) -> tuple[Bundle, Rescored, str]:
    from andon_training.memory.work import remembered
    from andon_training.reviewed import judged_frames

    worked = remembered(
        before,
        judged_frames(settings.evidence.url, request.station),
        request.frames,
        request.station,
        request.product or before.manifest.product,
        created_at=datetime.now(UTC),
        progress=progress,
    )
    found = worked.found
    still = f", of which {len(found.still_called)} are still called anomalous" if found.still_called else ""
    sentence = f"It remembers {len(found.remembered)} false calls{still}; the threshold stays as it was."
    return found.bundle, worked.scored, said(sentence, worked.scored)


WISHED = {Wish.THRESHOLD: _recalibrated, Wish.MEMORY: _remembered, Wish.RETRAIN: _anew}


def said(sentence: str, scored: Rescored) -> str:
    """`sentence`, and what the frames that people have judged say of the bundle."""
    defects = (
        f"It finds {scored.found_after} of {scored.defects} known defects (before: {scored.found_before})"
        if scored.defects
        else "No known defect has been reviewed here, so nothing shows what it now misses"
    )
    good = f"and calls {scored.called_after} of {scored.good} good frames (before: {scored.called_before})"
    return f"{sentence} {defects}{f' {good}' if scored.good else ''}."


def lost_words(scored: Rescored) -> str:
    """Why a bundle that loses known defects is not made, and what to do."""
    from andon_training.memory.words import named

    return (
        f"It would no longer call {len(scored.lost)} of {scored.found_before} known defects that it calls now "
        f"({named(scored.lost)}). Ask for less (fewer false calls, a larger budget), correct the answers if they are "
        "wrong, or make a new bundle: andon fit --reviewed"
    )


def stepwise(say: Callable[[Word], None]) -> Progress:
    """Progress that says a word each STEP of the way."""
    last = [0.0]

    def progress(step: str, done: int, of: int) -> None:
        low, high = SHARES.get(step, (0.0, 1.0))
        share = low + (high - low) * (done / of if of else 1.0)
        if share >= last[0] + STEP:
            last[0] = share
            say(Word(progress=round(min(share, 1.0), 3)))

    return progress


def _say(word: Word) -> None:
    sys.stdout.write(word.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
