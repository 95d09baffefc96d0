"""What people said of frames: the last word on each, by station."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from uuid import UUID

from andon.errors import Invalid
from andon.records import Answer, Told
from andon.records.answer import read_answer
from andon.stage import Record

MOST = 100_000  # about 1 kB each; the oldest go first


class Answers:
    """Any thread may ask; each answer is taken once, and a later one on its frame replaces it. `tell` are told of every
    one, be it older than what is known, once it has been taken."""

    def __init__(self, tell: Sequence[Callable[[Answer], None]] = ()) -> None:
        self.version = 0
        self._tell = tuple(tell)
        self._lock = Lock()
        self._last: dict[UUID, Answer] = {}
        self._by_station: dict[str, dict[UUID, Answer]] = defaultdict(dict)
        self._taken_back: dict[UUID, Answer] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `verdicts`."""
        for record in records:
            with suppress(Invalid):
                self.hear(read_answer(record))

    def hear(self, answer: Answer) -> None:
        """Takes in one."""
        self._take(answer)
        for each in self._tell:
            each(answer)

    def _take(self, answer: Answer) -> None:
        with self._lock:
            before = self._last.get(answer.frame_id)
            if before is not None and before.at >= answer.at:
                return
            self._last.pop(answer.frame_id, None)  # the newest stands last
            self._keep_what_was_taken_back(before, answer)
            self._last[answer.frame_id] = answer
            self._by_station[answer.station][answer.frame_id] = answer
            if len(self._last) > MOST:
                oldest = self._last.pop(next(iter(self._last)))
                self._by_station[oldest.station].pop(oldest.frame_id, None)
                self._taken_back.pop(oldest.frame_id, None)
            self.version += 1

    def of(self, frame: UUID) -> Answer | None:
        """The last word on a frame; None where nobody said anything, or it was taken back."""
        found = self._last.get(frame)
        return found if found is not None and found.answer is not Told.WITHDRAWN else None

    def last(self, frame: UUID) -> Answer | None:
        """The last word on a frame, be it that the one before was taken back."""
        return self._last.get(frame)

    def taken_back(self, frame: UUID) -> Answer | None:
        """What was said of a frame before it was taken back; None where what was said stands, or is not known."""
        return self._taken_back.get(frame)

    def at(self, station: str) -> list[Answer]:
        """Those of a station that stand, the newest first."""
        with self._lock:
            found = list(self._by_station.get(station, {}).values())
        return sorted((each for each in found if each.answer is not Told.WITHDRAWN), key=_when, reverse=True)

    def all(self) -> list[Answer]:
        """Every one that stands, the newest first."""
        with self._lock:
            found = list(self._last.values())
        return sorted((each for each in found if each.answer is not Told.WITHDRAWN), key=_when, reverse=True)

    def _keep_what_was_taken_back(self, before: Answer | None, now: Answer) -> None:
        if now.answer is not Told.WITHDRAWN:
            self._taken_back.pop(now.frame_id, None)
        elif before is not None and before.answer is not Told.WITHDRAWN:
            self._taken_back[now.frame_id] = before


def _when(answer: Answer) -> float:
    return answer.at.timestamp()
