"""What an incident's events say of its evidence: the dossier turn by turn, and the frames it still lacks. Pure."""

from datetime import timedelta

from andon.evidence import Dossier, KeptFrame, LostFrame
from andon.records import Evidence, IncidentEvent, IncidentKind

MOST_FRAMES = 60
"""An incident that goes on for weeks does not fill the store: an event brings at most 12."""

_RANK = {IncidentKind.OPENED: 0, IncidentKind.UPDATED: 1, IncidentKind.RESOLVED: 2}


def told(known: Dossier | None, event: IncidentEvent) -> Dossier | None:
    """The dossier after `event`; None while there is nothing to keep. A repeat, or an older turn, changes nothing."""
    if known is None:
        wanted = event.kind in _RANK and event.evidence
        return Dossier(sentence=event.summary, turn=event) if wanted else None
    if event.kind is IncidentKind.ACKNOWLEDGED and known.acknowledged_at is None:
        return known.model_copy(update={"acknowledged_by": event.by, "acknowledged_at": event.at})
    if event.kind in _RANK and _order(event) > _order(known.turn):
        return known.model_copy(update={"turn": event})
    return known


def lacking(known: Dossier, event: IncidentEvent) -> list[Evidence]:
    """The frames that `event` shows, each once, and that the dossier says nothing of yet."""
    if event.kind not in _RANK:
        return []
    return [each for each in {one.frame_id: one for one in event.evidence}.values() if each.frame_id not in known.known]


def with_frames(dossier: Dossier, found: list[KeptFrame | LostFrame]) -> Dossier:
    """The dossier with what became of frames, in order."""
    new = [each for each in found if each.frame_id not in dossier.known]
    kept = tuple(each for each in new if isinstance(each, KeptFrame))
    lost = tuple(each for each in new if isinstance(each, LostFrame))
    return dossier.model_copy(update={"frames": dossier.frames + kept, "lost": dossier.lost + lost}) if new else dossier


def too_old(age: timedelta, event: IncidentEvent, max_age: timedelta, drill_age: timedelta) -> bool:
    """Whether what is kept of `event` now would go again at the next tidying."""
    return age > (drill_age if event.drill else max_age)


def _order(event: IncidentEvent) -> tuple[bool, object, int]:
    return event.kind is IncidentKind.RESOLVED, event.at, _RANK[event.kind]
