"""Golden frames as a source: in a station's turn one known-good and one known-bad frame of each of its bundles.

They are captured like any other frame, in a capture of their own (its epoch begins with the first of them), so that the
ledger of the station stays true.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from andon.bundle import BundleError
from andon.errors import Broken
from andon.ids import frame_id
from andon.stage import Record
from andon_ingest.batch import Batch, BatchLimits
from andon_ingest.capture import Capture, Shot
from andon_ingest.clock import Clock
from andon_ingest.heartbeat.board import Board
from andon_ingest.heartbeat.golden import Golden, Shelf
from andon_ingest.heartbeat.judging import Outcome, Sent
from andon_ingest.heartbeat.rounds import Done
from andon_ingest.heartbeat.schedule import Due, Schedule
from andon_ingest.heartbeat.targets import Target

NOTHING_PROVEN = "no bundle is proven there"


class Beats:
    """The source. It waits for nobody: between two turns it is the answers' turn."""

    def __init__(self, board: Board, shelf: Shelf, clock: Clock, trace: Callable[[], str], limits: BatchLimits) -> None:
        self._board = board
        self._shelf = shelf
        self._clock = clock
        self._trace = trace
        self._limits = limits
        self._schedule = Schedule()
        self._due: deque[Due] = deque()

    @property
    def ended(self) -> bool:
        """Never."""
        return False

    @cached_property
    def capture(self) -> Capture:
        """Begun with the first frame, long after the process: no camera of a station begins in the same millisecond."""
        return Capture(self._clock.unix_ms(), "heartbeat", self._trace)

    def now(self, due: Iterable[Due]) -> None:
        """It is these stations' turn, whatever the schedule says."""
        self._due += due

    def poll(self) -> Sequence[Record]:
        """The golden frames of those whose turn has come, as many as a turn takes."""
        self._due += self._schedule.due(self._board.waits, self._clock.utc())
        batch = Batch(self._limits, self._clock)
        while self._due and not batch.full:
            for record in self._beat(self._due.popleft()):
                batch.add(record)
        return batch.records

    def commit(self) -> None:
        """Nothing to remember: the next slot comes by itself."""

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for: ingest can answer for every record at once."""
        raise Broken(f"ingest was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """Nothing is lost by waiting."""

    def close(self) -> None:
        """Holds nothing."""

    def _beat(self, due: Due) -> Iterator[Record]:
        found = self._board.targets.get(due.station, ())
        try:
            golden = [(target, each) for target in found if target.bundle for each in self._pick(target, due.slot)]
        except BundleError as error:
            self._board.finished.append(Done(due.station, due.at, Outcome.NOT_SENT, detail=str(error)))
            return
        if not golden:
            self._board.finished.append(Done(due.station, due.at, Outcome.NOT_SENT, detail=NOTHING_PROVEN))
            return
        shots = [self._shot(*each) for each in golden]
        records = [self.capture.take(shot) for shot in shots]
        under_way = map(self._sent, golden, shots, records)
        self._board.rounds.began(due.station, due.at, list(under_way))
        yield from records

    def _pick(self, target: Target, slot: int) -> list[Golden]:
        digest = target.bundle or ""
        try:
            return self._shelf.pick(digest, slot)
        except BundleError as error:
            self._shelf.refused(digest, error)
            raise

    def _shot(self, target: Target, golden: Golden) -> Shot:
        name = PurePosixPath(golden.frame.name).name
        return Shot(target.station, golden.image, self._clock.utc(), name, target.product, golden=golden.mark)

    def _sent(self, of: tuple[Target, Golden], shot: Shot, record: Record) -> Sent:
        target, golden = of
        return Sent(
            frame_id(target.station, self.capture.epoch, record.offset),
            target.station,
            target.product,
            golden.bundle,
            golden.frame,
            golden.manifest.threshold,
            golden.manifest.tolerance,
            shot.captured_at,
        )
