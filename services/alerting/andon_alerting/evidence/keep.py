"""Keeping: the frames that events show are fetched, proven and written; then each incident's file says so."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from andon.evidence import Dossier, KeptFrame, Lost, LostFrame
from andon.records import Evidence, FramePlace, IncidentEvent
from andon.stage import Record
from andon_alerting.evidence.copying import Copying, Job
from andon_alerting.evidence.fetch import Found
from andon_alerting.evidence.prove import Blobs, Unkept, heat_map, image_of, score_of
from andon_alerting.evidence.settings import KeepingSettings
from andon_alerting.evidence.shelf import Shelf
from andon_alerting.evidence.story import MOST_FRAMES, lacking, told, too_old, with_frames

Outcome = KeptFrame | LostFrame


class Keeper:
    """Does the work of a turn. Whatever a store fails at is StoreAway: nothing is half done that the next try does not
    do again, byte for byte."""

    def __init__(
        self, shelf: Shelf, copying: Copying, blobs: Blobs, settings: KeepingSettings, pool: ThreadPoolExecutor
    ) -> None:
        self._shelf = shelf
        self._copying = copying
        self._blobs = blobs
        self._settings = settings
        self._pool = pool

    def keep(self, events: Sequence[IncidentEvent], now: datetime) -> list[Outcome]:
        """Keeps what `events`, in order, show and say; answers what became of each frame that was not settled before.

        Raises StoreAway, and Broken when Kafka does not answer.
        """
        fresh = [each for each in events if not self._too_old(each, now)]
        before = self._dossiers({each.incident_id for each in fresh})
        after, wanted = dict(before), dict[UUID, dict[UUID, Evidence]]()
        for event in fresh:
            known = after[event.incident_id] = told(after[event.incident_id], event)
            if known is not None:
                lack = {each.frame_id: each for each in lacking(known, event)}
                wanted.setdefault(event.incident_id, {}).update(lack)
        found = self._frames(wanted, after)
        new = [with_frames(known, found.get(incident, [])) for incident, known in after.items() if known is not None]
        list(self._pool.map(self._shelf.save, [each for each in new if each != before[each.turn.incident_id]]))
        _tell(new, found)
        return [each for some in found.values() for each in some]

    def places(self, event: IncidentEvent, now: datetime) -> list[FramePlace]:
        """Where in Kafka the frames lie that `event` shows."""
        return [] if self._too_old(event, now) else [each.frame for each in event.evidence if not each.dataref]

    def _too_old(self, event: IncidentEvent, now: datetime) -> bool:
        return too_old(now - event.at, event, self._settings.max_age, self._settings.drill_age)

    def _dossiers(self, incidents: Collection[UUID]) -> dict[UUID, Dossier | None]:
        read = self._pool.map(self._shelf.dossier, map(str, incidents))
        return dict(zip(incidents, read, strict=True))

    def _frames(
        self, wanted: Mapping[UUID, Mapping[UUID, Evidence]], dossiers: Mapping[UUID, Dossier | None]
    ) -> dict[UUID, list[Outcome]]:
        """What became of each wanted frame, by incident, in the order wanted."""
        found: dict[UUID, dict[UUID, Outcome]] = {incident: {} for incident in wanted}
        jobs: list[Job[tuple[UUID, Outcome]]] = []
        for incident, frames in wanted.items():
            known = dossiers[incident]
            room = max(0, MOST_FRAMES - len(known.frames if known else ()))
            for number, each in enumerate(frames.values()):
                if number < room:
                    jobs.append(self._job(incident, each))
                else:
                    found[incident][each.frame_id] = _lost(each, Lost.ENOUGH)
        for incident, outcome in self._copying(jobs):
            found[incident][outcome.frame_id] = outcome
        return {incident: [found[incident][one] for one in frames] for incident, frames in wanted.items()}

    def _job(self, incident: UUID, shown: Evidence) -> Job[tuple[UUID, Outcome]]:
        """A frame with a claim check needs no record: the event says where its image lies."""
        place = None if shown.dataref else shown.frame
        return Job(place, shown.scored, partial(self._one, incident, shown))

    def _one(self, incident: UUID, wanted: Evidence, found: Found, scored: Record | None) -> tuple[UUID, Outcome]:
        """Keeps one frame; runs in the pool."""
        score = score_of(scored, wanted)
        try:
            image = image_of(wanted, found, score, self._blobs)
        except Unkept as unkept:
            before = self._shelf.found(incident, wanted.frame_id)
            return incident, before or _lost(wanted, unkept.why, unkept.held_since)
        text = scored.value if scored is not None and score is not None else b""
        return incident, self._shelf.keep(incident, wanted.frame_id, image, heat_map(score), text)


def _lost(frame: Evidence, why: Lost, held_since: datetime | None = None) -> LostFrame:
    return LostFrame(frame_id=frame.frame_id, frame=frame.frame, why=why, held_since=held_since)


def _tell(dossiers: Iterable[Dossier], found: Mapping[UUID, Sequence[Outcome]]) -> None:
    """One line in the log for an incident, a warning where it lacks frames."""
    for dossier in dossiers:
        outcomes = found.get(dossier.turn.incident_id, ())
        lost = [each for each in outcomes if isinstance(each, LostFrame)]
        log = structlog.get_logger().bind(incident=str(dossier.turn.incident_id), station=dossier.turn.station)
        if lost:
            since = max((each.held_since for each in lost if each.held_since), default=None)
            log.warning(
                "evidence_lost",
                frames=len(lost),
                of=len(outcomes),
                why=sorted({each.why.value for each in lost}),
                held_since=since.isoformat() if since else None,
            )
        elif outcomes:
            log.info("evidence_kept", frames=len(outcomes), bytes=dossier.size)
