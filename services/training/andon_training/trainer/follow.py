"""The source of scores and requests. It keeps the board in step with the assignments and the partitions that are ours.

A partition that comes to us is read back before its first new score is looked at, so that a restart forgets nothing
and no state has to be kept anywhere. One that goes takes its newcomers along. Scores and shadow scores are keyed alike
and read by one member of the group, so that both scores of a frame come to the same process.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.errors import Invalid
from andon.kafka.source import Place
from andon.manifest import BundleManifest
from andon.records import Verdict
from andon.stage import Record, Source
from andon.topics import BY_NAME, REQUESTS, SCORES
from andon_training.trainer.board import Board

BREATH = 500  # records between two beats
REQUESTS_LAST = timedelta(milliseconds=BY_NAME[REQUESTS].retention_ms or 0)


class ScoreSource(Source, Protocol):
    """A source that knows what is its own."""

    @property
    def assignment(self) -> list[Place]:
        """The (topic, partition)s that are ours."""


class Followed(Protocol):
    """The assignment table, kept up with its topic; `andon.kafka.follow.FollowedAssignments` is one."""

    table: Assignments

    def refresh(self) -> bool:
        """Takes in what is new, without waiting; answers whether anything changed."""


class Manifests(Protocol):
    """Where bundles lie; `andon.store.BundleStore` is one."""

    def manifest(self, digest: str) -> BundleManifest:
        """Of that bundle. Raises BundleError for one that is not there, Broken when the store fails."""


LookBack = Callable[[Mapping[Place, int | None], datetime], Iterable[Record]]
"""The records of some places since a moment, up to an offset each, or where that is None to what was committed."""


class Following:
    """A source of scores over a board that is up to date."""

    def __init__(
        self,
        source: ScoreSource,
        board: Board,
        followed: Followed,
        manifests: Manifests,
        look_back: LookBack,
        *,
        look_back_h: float,
        clock: Callable[[], datetime],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._board = board
        self._followed = followed
        self._manifests = manifests
        self._look_back = look_back
        self._horizon = timedelta(hours=look_back_h)
        self._clock = clock
        self._beat = beat
        self._ours: set[Place] = set()
        self._fresh = True

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The records, with everything on the board that was decided and counted before them."""
        batch = self._source.poll()
        if self._followed.refresh() or self._fresh:
            self._fresh = False
            self._board.follow()
            self._learn_what_bundles_see()
        self._keep_up(batch)
        return batch

    def commit(self) -> None:
        """As the source."""
        self._source.commit()

    def hold(self, records: Sequence[Record]) -> None:
        """As the source."""
        self._source.hold(records)

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source."""
        self._source.close()

    def _keep_up(self, batch: Sequence[Record]) -> None:
        ours = set(self._source.assignment)
        gone, come = self._ours - ours, ours - self._ours
        self._ours = ours
        if gone:
            self._board.forget({partition for topic, partition in gone if topic == SCORES})
        if any(topic == REQUESTS for topic, _ in gone):
            self._board.desk.forget()
        asked = {place for place in come if place[0] == REQUESTS}
        if come - asked:
            self._read_back(come - asked, batch)
        if asked:
            self._read_requests(asked, batch)

    def _read_back(self, come: set[Place], batch: Sequence[Record]) -> None:
        first = _until(come, batch)
        since = min([self._clock() - self._horizon, *(each.case.since for each in self._board.tallies.values())])
        read = 0
        for read, record in enumerate(self._look_back(first, since), 1):
            self._board.take(record)
            if read % BREATH == 0:
                self._source.idle()
                self._beat()
        about = {"partitions": len(come), "scores": read, "stations": len(self._board.newcomers)}
        structlog.get_logger().info("scores_read_back", **about)

    def _read_requests(self, come: set[Place], batch: Sequence[Record]) -> None:
        """All that Kafka keeps of them: what was answered is not done again, what was not is taken up."""
        for record in self._look_back(_until(come, batch), self._clock() - REQUESTS_LAST):
            with suppress(Invalid):  # it was told when it was new
                self._board.desk.take(record)
        about = {"waiting": len(self._board.desk.waiting), "answered": len(self._board.desk.over)}
        structlog.get_logger().info("requests_read_back", **about)

    def _learn_what_bundles_see(self) -> None:
        for digest in {tally.case.newer for tally in self._board.tallies.values()} - self._board.sees.keys():
            try:
                golden = self._manifests.manifest(digest).golden
            except BundleError as error:
                structlog.get_logger().warning("bundle_unreadable", bundle=digest, error=str(error))
                continue
            self._board.sees[digest] = any(frame.verdict is Verdict.ANOMALOUS for frame in golden)


def _until(come: set[Place], batch: Sequence[Record]) -> dict[Place, int | None]:
    """Up to where each place is read back: its first record of `batch`, None where there is none."""
    first: dict[Place, int | None] = dict.fromkeys(sorted(come))
    for record in reversed(batch):
        if (record.topic, record.partition) in come:
            first[record.topic, record.partition] = record.offset
    return first
