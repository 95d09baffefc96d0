"""How each station's frames must look: the preparation in the manifest of the bundle that serves it."""

from collections.abc import Iterable
from typing import Protocol

import structlog

from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.errors import AndonError
from andon.preparation import Preparation
from andon.records import Frame
from andon.store import BundleStore
from andon_preprocess.prepare import UNASSIGNED


class Followed(Protocol):
    """The assignment table, kept up with its topic; `andon.kafka.follow.FollowedAssignments` is one."""

    table: Assignments

    def refresh(self) -> bool:
        """Takes in what is new, without waiting; answers whether anything changed."""

    def close(self) -> None:
        """Stops following."""


class Preparations:
    """Looks up, never waits: manifests are read between turns, by `refresh`.

    A frame of a station that no bundle serves is prepared in the default way, and scoring says `no_bundle`. A
    bundle that scoring has not proven yet, or that cannot be read, leaves the one before it in force.
    """

    def __init__(self, followed: Followed, store: BundleStore) -> None:
        self._followed = followed
        self._store = store
        self._by_bundle: dict[str, Preparation] = {}
        self._read()

    def refresh(self) -> None:
        """Takes in new assignments; a bundle that was not there is looked for again when any assignment changes."""
        if self._followed.refresh():
            self._read()

    def of(self, frame: Frame) -> Preparation:
        """How this frame must look."""
        serving = self._followed.table.lookup(frame.station, frame.product)
        if serving is None:
            return UNASSIGNED
        for digest in serving.wanted:
            if digest in self._by_bundle:
                return self._by_bundle[digest]
        return UNASSIGNED

    def of_shadows(self, frame: Frame) -> tuple[Preparation, ...]:
        """How this frame must look for the shadows of its station, each way once; unreadable ones are left out."""
        serving = self._followed.table.lookup(frame.station, frame.product)
        shadows = serving.active.shadows if serving else ()
        made = [self._by_bundle[digest] for digest in shadows if digest in self._by_bundle]
        return tuple({each.digest: each for each in made}.values())

    def close(self) -> None:
        """Stops following."""
        self._followed.close()

    def _read(self) -> None:
        serve, shadow = self._followed.table.bundles(), self._followed.table.shadows()
        self._by_bundle = {digest: made for digest, made in self._by_bundle.items() if digest in serve | shadow}
        self._take(serve - self._by_bundle.keys(), BundleError)
        alone = shadow - serve - self._by_bundle.keys()
        self._take(alone, AndonError)  # for a shadow alone nobody waits, nothing stops

    def _take(self, digests: Iterable[str], survived: type[AndonError]) -> None:
        """Reads their manifests; raises what is wrong with one, unless it is `survived`."""
        wanted = sorted(digests)
        for digest, found in zip(wanted, self._store.manifests(wanted), strict=True):
            if isinstance(found, survived):
                structlog.get_logger().error("bundle_unreadable", bundle=digest, error=str(found))
            elif isinstance(found, AndonError):
                raise found
            else:
                self._by_bundle[digest] = found.preparation
