"""The frames that show an incident, in the order in which people look at them. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from andon.incidents import Incident
from andon.records import Answer, Cause
from andon_console.incidents.words import SEEN_IN_SCORES
from andon_console.shots import Shot

Said = Callable[[UUID], Answer | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame of the strip, counted from 1. `opened`: it is the one that opened the incident."""

    number: int
    shot: Shot
    opened: bool
    answer: Answer | None


def strip(incident: Incident, said: Said) -> list[Shown]:
    """The worst first; those alike in the order they were captured. Frames without a score come last.

    A drift is seen in no single frame: its frames stand by time, the newest first.
    """
    last = incident.last
    first = incident.evidence[:1] if last.cause in SEEN_IN_SCORES else ()
    opener = first[0].frame_id if first else None
    shots = [Shot.of_evidence(last.station, each) for each in incident.evidence]
    return [
        Shown(number, shot, shot.frame_id == opener, said(shot.frame_id))
        for number, shot in enumerate(sorted(shots, key=order(last.cause)), 1)
    ]


def worst(incident: Incident) -> Shot | None:
    """The frame that shows it best, for a list of many."""
    shots = [Shot.of_evidence(incident.last.station, each) for each in incident.evidence]
    return min(shots, key=order(incident.last.cause), default=None)


def chosen(frames: Sequence[Shown], wanted: UUID | None) -> Shown | None:
    """The one that is shown large: the wanted one, else the worst that nobody has answered yet, else the worst."""
    asked = (each for each in frames if each.shot.frame_id == wanted)
    open_ = (each for each in frames if each.answer is None)
    return next(asked, None) or next(open_, None) or next(iter(frames), None)


def beside(frames: Sequence[Shown], shown: Shown) -> tuple[Shown | None, Shown | None]:
    """Those before and after one."""
    at = shown.number - 1
    return (frames[at - 1] if at > 0 else None, frames[at + 1] if at + 1 < len(frames) else None)


def order(cause: Cause) -> Callable[[Shot], tuple[float, float]]:
    """In which order the frames of this cause are looked at."""
    return _newest_first if cause is Cause.DRIFT else _worst_first


def _newest_first(shot: Shot) -> tuple[float, float]:
    return (-shot.captured_at.timestamp() if shot.captured_at else 0.0), 0.0


def _worst_first(shot: Shot) -> tuple[float, float]:
    at = shot.captured_at.timestamp() if shot.captured_at else 0.0
    return -(shot.ratio if shot.ratio is not None else float("-inf")), at
