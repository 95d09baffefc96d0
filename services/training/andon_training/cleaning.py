"""Before anything is learned: what curation is sure of is left out, what it doubts is named for people to look at."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from andon.calibration import MIN_FRAMES
from andon.errors import Mistake
from andon_training.curate import Curation, Kind, curate, look_in
from andon_training.progress import Progress
from andon_training.source import Source

SURE = frozenset({Kind.BLACK, Kind.FLAT, Kind.NEAR_DUPLICATE})  # repeats and unreadable ones: reading counts them
DOUBTED = frozenset({Kind.DARK, Kind.OVEREXPOSED, Kind.BLURRED, Kind.MISFRAMED, Kind.ODD})


@dataclass(frozen=True)
class Cleaned:
    """The frames to learn from, in the order given; and of the others, and of some of these, a sentence each."""

    sources: tuple[Source, ...]
    left_out: tuple[str, ...] = ()
    worth_a_look: tuple[str, ...] = ()


def cleaned(sources: Sequence[Source], progress: Progress) -> Cleaned:
    """`sources` without black, flat and nearly equal frames. Raises Mistake when too few different ones are left."""
    looks = []
    for i, (name, source) in enumerate(zip(_names(sources), sources, strict=True)):
        looks.append(look_in(name, source))
        progress("cleaning", i + 1, len(sources))
    found = curate(looks)
    out = {finding.frame for finding in found.findings if finding.kind in SURE}
    kept = tuple(source for name, source in zip(found.frames, sources, strict=True) if name not in out)
    if len(kept) < MIN_FRAMES <= len(sources):
        raise Mistake(
            f"{len(sources)} images, but only {len(kept)} that are neither empty nor nearly the same as another: is "
            f"the camera frozen? Fitting needs {MIN_FRAMES} different good frames; `andon curate` shows them"
        )
    return Cleaned(kept, _told(found, SURE), _told(found, DOUBTED))


def _names(sources: Sequence[Source]) -> list[str]:
    """What each is called, with its place where two are called the same."""
    counts = Counter(source.name for source in sources)
    return [s.name if counts[s.name] == 1 else f"{s.name} ({i + 1})" for i, s in enumerate(sources)]


def _told(found: Curation, kinds: frozenset[Kind]) -> tuple[str, ...]:
    return tuple(f"{finding.frame}: {finding.says}" for finding in found.findings if finding.kind in kinds)
