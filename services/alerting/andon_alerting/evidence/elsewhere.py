"""Frames that Kafka has forgotten may lie in the evidence of an incident: which one, by the names of its files."""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

from andon.evidence import KeptFrame
from andon_alerting.evidence.shelf import Shelf

LOOK_AGAIN_S = 600.0
"""What Kafka has just forgotten has lain in the evidence for hours: a list so old is good enough."""


class Elsewhere:
    """Lists the store when first asked, and again when it is asked much later. `idle` is called while it lists."""

    def __init__(
        self,
        shelf: Shelf,
        pool: ThreadPoolExecutor,
        idle: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf = shelf
        self._pool = pool
        self._idle = idle
        self._clock = clock
        self._incidents: dict[UUID, str] = {}
        self._looked: float | None = None

    def __call__(self, frames: Collection[UUID]) -> Mapping[UUID, str]:
        """The incident of each that is kept somewhere. Raises StoreAway."""
        if frames and (self._looked is None or self._clock() - self._looked > LOOK_AGAIN_S):
            self._look()
        return {each: self._incidents[each] for each in frames if each in self._incidents}

    def read(self, incident: str, frame: UUID) -> tuple[bytes, bytes, bytes] | None:
        """Its image, heat map and score; None unless incident.json names it, and it is what was kept."""
        dossier = self._shelf.dossier(incident)
        kept = next((each for each in dossier.frames if each.frame_id == frame), None) if dossier else None
        return self._shelf.read(incident, kept) if isinstance(kept, KeptFrame) else None

    def _look(self) -> None:
        found: dict[UUID, str] = {}
        incidents = self._shelf.incidents()
        for incident, files in zip(incidents, self._pool.map(self._shelf.listed, incidents), strict=True):
            self._idle()
            for name in {each.name.partition(".")[0] for each in files}:
                with suppress(ValueError):
                    found[UUID(name)] = incident
        self._incidents, self._looked = found, self._clock()
