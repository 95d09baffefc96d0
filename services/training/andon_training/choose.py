"""How to look and how to remember, chosen from the good frames alone: by cross-validation against drawn defects.

The default stands unless another plan is better beyond chance: drawn defects are not real ones, so a small lead among
them says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from andon.manifest import Candidate
from andon_training.backbones import Backbone
from andon_training.lighting import SPREADS, spread_for
from andon_training.options import Lighting, Method, Pixels
from andon_training.progress import Progress
from andon_training.register import find_template, template_of
from andon_training.sample import Tensor
from andon_training.trial import SEED, Plan, Seen, Trial, TrialFrames, run_trial
from andon_training.views import Recipe

SIZE = 256  # pixels, where nothing says otherwise
LARGER = 384  # pixels: the other size that is tried
LEAD = 0.01  # of AUROC: what a lead must be at least
LEAD_OF_SIZE = 0.04  # the same for larger frames, which cost more than twice the time
RESAMPLES = 400
SURE = 0.975  # share of resamples in which a plan must lead


@dataclass(frozen=True)
class Fixed:
    """What the operator decided; None lets the frames decide. `size` is in pixels."""

    size: int | None = None
    method: Method | None = None
    lighting: Lighting | None = None
    pixels: Pixels | None = None
    registered: bool | None = None


def default_plan(frames: TrialFrames, backbone: Backbone, fixed: Fixed) -> Plan:
    """What is done where nothing else proves better."""
    good = _at_default_size(frames)
    recipe = Recipe(
        backbone,
        pixels=fixed.pixels or backbone.pixels or Pixels.SYMMETRIC,
        lighting=fixed.lighting or Lighting.LEVELLED,
        template=template_of(good)[0] if fixed.registered and len(good) else None,
        spread=spread_for(good) if len(good) else SPREADS[0],
    )
    return Plan(fixed.size or SIZE, recipe, fixed.method or Method.GAUSSIAN)


def choose(
    frames: TrialFrames, backbone: Backbone, fixed: Fixed, progress: Progress
) -> tuple[Plan, tuple[Candidate, ...]]:
    """The plan for frames like these, and what it was compared with. One thing is tried after another."""
    steps = list(_steps(backbone, fixed))
    progress("choosing", 0, len(steps) + 1)
    best = run_trial(default_plan(frames, backbone, fixed), frames)
    tried = [_candidate(best)]
    for done, step in enumerate(steps):
        progress("choosing", done + 1, len(steps) + 1)
        for plan in _others(best.plan, step, frames):
            trial = run_trial(plan, frames, seen=_seen_already(plan, best))
            tried.append(_candidate(trial))
            best = trial if leads(trial, best) else best
    progress("choosing", len(steps) + 1, len(steps) + 1)
    return best.plan, tuple(each.model_copy(update={"chosen": each.plan == best.plan.words}) for each in tried)


def _seen_already(plan: Plan, best: Trial) -> Seen | None:
    """What `best` saw, where `plan` would see the same."""
    same = plan.recipe is best.plan.recipe and plan.size == best.plan.size
    return best.seen if same else None


def leads(trial: Trial, best: Trial) -> bool:
    """Whether `trial` is better beyond chance: by enough, and in nearly all resamples of the trial frames."""
    lead = LEAD if trial.plan.size == best.plan.size else LEAD_OF_SIZE
    if trial.auroc(trial.everything) < best.auroc(best.everything) + lead:
        return False
    random, n = np.random.default_rng(SEED), len(trial.good)
    resamples = [random.integers(0, n, n) for _ in range(RESAMPLES)]
    return float(np.mean([trial.auroc(at) > best.auroc(at) for at in resamples])) >= SURE


def _steps(backbone: Backbone, fixed: Fixed) -> Iterator[str]:
    if fixed.pixels is None and backbone.pixels is None:
        yield "pixels"
    if fixed.lighting is None:
        yield "lighting"
    if fixed.method is None:
        yield "method"
    if fixed.registered is None:
        yield "registered"
    if fixed.size is None:
        yield "size"


def _others(best: Plan, step: str, frames: TrialFrames) -> list[Plan]:
    recipe = best.recipe
    if step == "pixels":
        return [replace(best, recipe=replace(recipe, pixels=p)) for p in Pixels if p is not recipe.pixels]
    if step == "lighting":
        return [replace(best, recipe=replace(recipe, lighting=Lighting.AS_IS))]
    if step == "method":
        return [replace(best, method=Method.BANK)]
    if step == "registered":
        template = find_template(_at_default_size(frames))
        return [replace(best, recipe=replace(recipe, template=template))] if template else []
    return [replace(best, size=LARGER)]


def _at_default_size(frames: TrialFrames) -> Tensor:
    """The good frames at SIZE, or as they are where they are smaller."""
    return frames.sized(min(SIZE, frames.good.shape[1])).good


def _candidate(trial: Trial) -> Candidate:
    return Candidate(plan=trial.plan.words, auroc=round(trial.auroc(trial.everything), 4))
