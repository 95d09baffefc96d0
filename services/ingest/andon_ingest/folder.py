"""Folders as a source: replayed at a rate, or watched for new files. Several stations take turns."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from andon.errors import Broken
from andon.stage import Record
from andon_ingest.batch import Batch, BatchLimits
from andon_ingest.capture import Capture, Shot, Skip
from andon_ingest.clock import Clock, Rota
from andon_ingest.files import Changed, File, read_file
from andon_ingest.journal import Memory
from andon_ingest.watch import Watch


@dataclass(frozen=True, slots=True)
class Replay:
    """How folders are played. `rate` in frames a second from each station, 0 without bound; `loop` starts over at
    the end; `count` ends after so many frames of each station.
    """

    rate: float = 0.0
    loop: bool = False
    count: int | None = None
    product: str | None = None
    max_image_bytes: int = 64 * 1024 * 1024


class FolderSource:
    """Waits as long as Kafka does: nothing of a folder is ever left out because we are slow.

    `resumed` are files that an earlier run may have sent; they come first and become the same frames again.
    """

    def __init__(
        self,
        capture: Capture,
        files: Iterable[File],
        replay: Replay,
        memory: Memory,
        limits: BatchLimits,
        clock: Clock,
        watches: Sequence[Watch] = (),
        resumed: Sequence[File] = (),
    ) -> None:
        self.capture = capture
        self._replay = replay
        self._memory = memory
        self._limits = limits
        self._clock = clock
        self._resumed = frozenset(resumed)
        self._watches = {watch.station: watch for watch in watches}
        self._queues: dict[str, deque[File]] = {station: deque() for station in self._watches}
        for file in (*resumed, *files):
            self._queues.setdefault(file.station, deque()).append(file)
        self._left = dict.fromkeys(self._queues, replay.count)
        self._rota = Rota([station for station, queue in self._queues.items() if queue], replay.rate, clock)

    @property
    def ended(self) -> bool:
        """Whether every folder was played to its end. A watched one has none."""
        return not self._watches and not any(self._queues.values())

    def poll(self) -> Sequence[Record]:
        """The files whose time has come."""
        self._look()
        if not self.ended:
            self._clock.nap(min([self._rota.wait_s(), *(watch.wait_s() for watch in self._watches.values())]))
        batch, taken = Batch(self._limits, self._clock), []
        while not batch.full and (station := self._rota.next()) is not None:
            file = self._next_file(station)
            shot = self._shot(file)
            if shot is not None:
                record = self.capture.take(shot)
                batch.add(record)
                taken.append((file, self.capture.epoch, record.offset))
        if taken:
            self._memory.taken(taken)
        return batch.records

    def commit(self) -> None:
        """Kafka has them: never again."""
        self._memory.done()

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for: ingest can answer for every record at once."""
        raise Broken(f"ingest was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """A folder keeps its place by itself."""

    def close(self) -> None:
        """Gives the journal back."""
        self._memory.close()

    def _look(self) -> None:
        for station, watch in self._watches.items():
            idle = not self._queues[station]
            self._queues[station].extend(watch.look())
            if idle and self._queues[station]:
                self._rota.again(station)

    def _next_file(self, station: str) -> File:
        queue = self._queues[station]
        file = queue.popleft()
        if self._replay.loop:
            queue.append(file)
        left = self._left[station]
        if left is not None:
            self._left[station] = left - 1
            if left == 1:
                queue.clear()
        if queue:
            self._rota.again(station)
        return file

    def _shot(self, file: File) -> Shot | None:
        """None for a file that is left out, with its reason, or that must be looked at again."""
        watched = file.station in self._watches
        try:
            data = read_file(file, self._replay.max_image_bytes, unchanged=watched)
        except (Changed, OSError) as error:
            self._left_out(file, error)
            return None
        large = file.size if data is None else None
        return Shot(file.station, data or b"", self._clock.utc(), file.name, self._replay.product, left_out_bytes=large)

    def _left_out(self, file: File, error: Exception) -> None:
        if file in self._resumed:
            raise Broken(f"{file.path} changed while its frame was being repeated; the next start begins a new epoch")
        if isinstance(error, Changed):
            self._watches[file.station].again(file)
            return
        reason = Skip.VANISHED if isinstance(error, FileNotFoundError) else Skip.UNREADABLE
        self.capture.skip(file.station, reason)
        self._memory.skipped(file, self.capture.epoch, reason)
        structlog.get_logger().warning("file_skipped", file=str(file.path), reason=reason.value, error=str(error))
