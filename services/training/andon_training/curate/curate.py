"""Looks in, findings out: the whole of curation on one screen. No I/O, no clock, no chance."""

from collections.abc import Sequence

from andon_training.curate.empty import find_empty
from andon_training.curate.findings import Curation, Finding, Kind, names
from andon_training.curate.focus import find_blurred
from andon_training.curate.framing import find_misframed
from andon_training.curate.light import find_light
from andon_training.curate.look import Look, Unreadable
from andon_training.curate.odd import find_odd
from andon_training.curate.repeats import MOST, Repeats, find_repeats
from andon_training.curate.robust import FEWEST
from andon_training.curate.sizes import find_other_sizes
from andon_training.curate.stack import Stack

TYPICAL = 6
ORDER = {kind: place for place, kind in enumerate(Kind)}


def curate(looks: Sequence[Look | Unreadable]) -> Curation:
    """What `looks`, in the order the frames were taken, say about a set of supposedly good frames.

    Dropped frames are taken out first, so that a hundred copies do not decide what is usual. Each limit comes from
    the frames left: a set that is all a little dark has no dark frame. Of n frames, memory grows as n, time as n².
    """
    readable = [look for look in looks if isinstance(look, Look)]
    unreadable = [_unreadable(look) for look in looks if isinstance(look, Unreadable)]
    empty = find_empty(readable)
    nothing_to_see = names(empty)
    repeats = find_repeats([look for look in readable if look.name not in nothing_to_see])
    strange, typical = _strange(Stack(repeats.distinct))
    places = {look.name: i for i, look in enumerate(looks)}
    found = sorted((*unreadable, *empty, *repeats.findings, *strange), key=lambda f: (ORDER[f.kind], places[f.frame]))
    return Curation(tuple(places), tuple(found), tuple(typical), tuple(_notes(repeats)))


def _strange(stack: Stack) -> tuple[list[Finding], list[str]]:
    """What a person should look at, and the most usual frames that are not among it."""
    if len(stack) < FEWEST:
        return [], [look.name for look in stack.looks[:TYPICAL]]
    odd, by_oddness = find_odd(stack)
    found = [*find_other_sizes(stack), *find_light(stack), *find_blurred(stack), *find_misframed(stack), *odd]
    strange = names(found)
    usual = [stack.looks[i].name for i in by_oddness]
    return found, [name for name in usual if name not in strange][:TYPICAL]


def _unreadable(frame: Unreadable) -> Finding:
    return Finding(Kind.UNREADABLE, frame.name, f"cannot be read: {frame.problem}")


def _notes(repeats: Repeats) -> list[str]:
    notes = []
    if repeats.distinct and len(repeats.distinct) < FEWEST:
        notes.append(
            f"{len(repeats.distinct)} different frames: with fewer than {FEWEST} nobody can tell what is usual, so "
            "only repeats, unreadable and empty frames were looked for"
        )
    if repeats.typical is not None and repeats.typical <= MOST:
        notes.append(
            f"nearly all frames look the same: two of them are {repeats.typical:.2f} grey levels apart, little "
            "more than noise; is the camera looking at one and the same part?"
        )
    if alike := sum(finding.kind is Kind.ALIKE for finding in repeats.findings):
        notes.append(
            f"{alike} of {len(repeats.distinct)} frames look the same as others: either the line stood still, or these "
            "parts truly look the same; none was dropped for it"
        )
    return notes
