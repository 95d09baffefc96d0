"""What people are told of a bundle that remembers false calls, and of the frames it was tried on. Pure."""

from collections.abc import Iterator

from andon.records import Rescored
from andon_training.memory.remember import Remembering

NAMED = 5  # frames named before the rest is counted
NO_DEFECTS = (
    "no known defect has been reviewed here, so nothing shows what it now misses: answer some defects at the console, "
    "or try it on labelled ones (andon evaluate)"
)


def told(found: Remembering) -> Iterator[str]:
    """What became of the false calls."""
    cells = " and ".join(map(str, found.cells))
    yield f"{_frames(len(found.remembered))} remembered, by {cells} cells; the threshold stays as it was"
    if found.still_called:
        room = "its memory has no room for more" if found.full else "other places of them look anomalous, too"
        yield f"{_frames(len(found.still_called))} still called anomalous ({room}): {named(found.still_called)}"
    if found.not_called:
        yield f"{_frames(len(found.not_called))} not called by this bundle, so left as is: {named(found.not_called)}"
    for reason in found.left_out[:NAMED]:
        yield f"not read: {reason}"


def report(scored: Rescored) -> Iterator[str]:
    """What changes on the frames that people have judged."""
    if scored.defects:
        yield f"known defects found: {scored.found_after} of {scored.defects}, before {scored.found_before}"
    else:
        yield NO_DEFECTS
    if scored.lost:
        yield f"lost: {_frames(len(scored.lost))} with a known defect no longer called: {named(scored.lost)}"
    if scored.good:
        yield f"good frames called: {scored.called_after} of {scored.good}, before {scored.called_before}"
    if scored.missing:
        yield f"{_frames(scored.missing)} judged, but no image of it can be read any more"


def named(frames: tuple[object, ...]) -> str:
    """The first few, and how many more."""
    more = f" and {len(frames) - NAMED} more" if len(frames) > NAMED else ""
    return ", ".join(str(each) for each in frames[:NAMED]) + more


def _frames(n: int) -> str:
    return f"{n} frame{'' if n == 1 else 's'}"
