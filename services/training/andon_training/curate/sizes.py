"""Frames of another size or channel count than the rest."""

from collections import Counter

from andon.images.header import planes
from andon_training.curate.findings import Finding, Kind, Measure
from andon_training.curate.look import Look
from andon_training.curate.stack import Stack

USUAL = 0.9  # share of frames that must agree, before another size is remarkable

Size = tuple[int, int, int]


def find_other_sizes(stack: Stack) -> list[Finding]:
    """Frames unlike the nine in ten that agree; none where the sizes vary anyway."""
    counts = Counter(_size(look) for look in stack)
    usual, agreeing = counts.most_common(1)[0]
    if agreeing < USUAL * len(stack):
        return []
    return [_finding(look, usual, counts, len(stack)) for look in stack if _size(look) != usual]


def _finding(look: Look, usual: Size, counts: Counter[Size], n: int) -> Finding:
    share = counts[_size(look)] / n
    says = f"{_told(_size(look))}, while {counts[usual]} of {n} frames are {_told(usual)}"
    return Finding(Kind.OTHER_SIZE, look.name, says, Measure(share, 1 - USUAL, "of the frames have its size"))


def _size(look: Look) -> Size:
    return look.width, look.height, look.channels


def _told(size: Size) -> str:
    return f"{size[0]}x{size[1]} {planes(size[2])}"
