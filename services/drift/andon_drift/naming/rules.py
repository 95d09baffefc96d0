"""The rules that name a cause, the first that fits. Read from the top: each row may rely on those above not fitting.

What is measured as a change is already freed of what other changes explain (`changes`), so a rule asks only which
change *leads*: which one is the largest, in steps of what matters to people.
"""

from collections.abc import Callable
from dataclasses import dataclass

from andon.records import DriftCause
from andon_drift.naming.changes import Changes

A_STEP = 1.0
LARGE = 3.0
FACES = 3
"""Of so many kinds at once a picture changes only when something else is in it; one less when all parts are called."""
ABRUPT = 100
"""Frames: what took longer is no other product."""
ALL = 0.8
"""Of the frames: so many are called only when something else is made."""
LOCAL = 2.0
"""Steps that one place must stand out by where the light changes as well: another light finds other places."""
GLARING = 0.5
"""Of the new light, that newly white pixels hold: more, and it is a reflection, not the lamp."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`cause`, when `fits`; `why` says it in words."""

    cause: DriftCause
    fits: Callable[[Changes], bool]
    why: str


def kinds(changes: Changes) -> dict[str, float]:
    """The kinds of change that a picture can show, each by its size in steps."""
    return {
        "light": max(abs(changes.light), abs(changes.relief)),
        "edges": abs(changes.edges),
        "grain": abs(changes.grain),
        "tint": abs(changes.tint),
        "shift": max(abs(changes.right), abs(changes.down)),
    }


def leads(changes: Changes, kind: str) -> bool:
    """Whether it is the largest, and large enough to count."""
    sizes = kinds(changes)
    return sizes[kind] >= A_STEP and sizes[kind] == max(sizes.values())


def picture_as_before(changes: Changes) -> bool:
    """Whether no kind of change shows."""
    return max(kinds(changes).values()) < A_STEP and not changes.lost


def another_product(changes: Changes) -> bool:
    """All at once, in many ways: with the embedding, or with nearly all parts called."""
    faces = sum(size >= LARGE for size in (*kinds(changes).values(), changes.gathered)) + changes.lost
    known = changes.embedding or changes.called >= ALL
    return changes.frames <= ABRUPT and known and faces >= FACES - (changes.called >= ALL)


def softer_or_sharper(changes: Changes) -> bool:
    """Edges changed; but new edges where one place stands out are a thing that lies there, not the lens."""
    return leads(changes, "edges") and (changes.edges < 0 or changes.gathered < A_STEP)


def glares(changes: Changes) -> bool:
    """Most of the new light is newly white; or one place stands out, while light and contrast grow."""
    local = changes.gathered >= LOCAL and changes.light >= 0 and changes.relief >= 0
    grows = max(changes.light, changes.relief) >= A_STEP
    return (local and grows) or (changes.white >= A_STEP and changes.glare >= GLARING)


def spotted(changes: Changes) -> bool:
    """One place stands out, more than the light changed."""
    return changes.gathered >= A_STEP and changes.gathered >= abs(changes.light)


RULES: tuple[Rule, ...] = (
    Rule(DriftCause.PRODUCT, another_product, "everything changed at once"),
    Rule(DriftCause.FRAMING, lambda c: leads(c, "shift"), "things stand elsewhere, by more than anything else changed"),
    Rule(DriftCause.COLOUR, lambda c: leads(c, "tint"), "red or blue against green, more than the light as a whole"),
    Rule(DriftCause.NOISE, lambda c: leads(c, "grain") and c.grain > 0, "noise, beyond what the light explains"),
    Rule(DriftCause.FOCUS, softer_or_sharper, "edges, beyond what light and noise explain"),
    Rule(DriftCause.FOCUS, lambda c: leads(c, "grain"), "less fine detail, though the edges hold"),
    Rule(DriftCause.GLARE, glares, "newly white or bright at one place, by more than a brighter lamp explains"),
    Rule(DriftCause.SPOT, spotted, "the map's highest place stays at one spot"),
    Rule(DriftCause.EXPOSURE, lambda c: leads(c, "light"), "brightness or contrast, and nothing beyond it"),
    Rule(
        DriftCause.PROCESS,
        lambda c: (c.score != 0 or c.called > 0) and picture_as_before(c),
        "scores moved and the pictures did not",
    ),
    Rule(DriftCause.UNNAMED, lambda _: True, "no rule fits"),
)


def first_that_fits(changes: Changes) -> Rule:
    """The last one always does."""
    return next(rule for rule in RULES if rule.fits(changes))
