"""What scoring says of an assignment, in words. Pure."""

from dataclasses import dataclass

from andon.assignments import Serving
from andon.records import Swap
from andon.records.assignment import EVERY
from andon_console.models.changing import SHORT, trial_words


@dataclass(frozen=True, slots=True)
class Standing:
    """One word with its colour, and a sentence where there is more to say."""

    word: str
    colour: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Trialled:
    """A trial that is on: `newer` is on trial beside `older`."""

    kind: str
    older: str
    newer: str
    words: str


def standing(serving: Serving) -> Standing:
    """What scoring says of the bundle that is assigned."""
    active = serving.active
    on = f"{serving.proven[:SHORT]} serves on" if serving.proven and serving.proven != active.bundle else ""
    if serving.refused:
        return Standing("refused", "red", "; ".join(filter(None, (serving.refused.why, on))))
    if serving.proven == active.bundle:
        return Standing("proven", "green")
    waiting = on or "nobody has proven it yet: is andon scoring running?"
    if active.station == EVERY and not serving.proven:
        waiting = "not proven on its own: each station that it serves does that"
    return Standing("waiting", "amber", waiting)


def trial(serving: Serving) -> Trialled | None:
    """The trial that is on, if any."""
    active = serving.active
    if not active.shadows:
        return None
    first = active.shadows[0]
    if active.probation:
        return Trialled("probation", first, active.bundle, trial_words(active.probation))
    return Trialled("promotion", active.bundle, first, trial_words(active.promotion)) if active.promotion else None


def place(swap: Swap) -> str:
    """Where a swap happened, as pages say it."""
    return f"{swap.frame.topic}/{swap.frame.partition}/{swap.frame.offset}"
