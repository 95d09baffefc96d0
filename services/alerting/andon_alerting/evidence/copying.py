"""Many frames at once: their records are fetched in order, and each is proven and written in a pool meanwhile."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from andon.records import FramePlace
from andon.stage import Record
from andon_alerting.evidence.fetch import Found, Gone

WRITERS = 8
MOST_WAITING = 16
"""Frames that wait to be written: memory is bounded by so many images."""

Fetch = Callable[[Collection[FramePlace]], Iterable[tuple[FramePlace, Found]]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """One frame to copy: `do` is called in the pool with what lies at `frame` (None: nothing is asked for, and it is
    Gone) and with the record at `scored`, where there is one."""

    frame: FramePlace | None
    scored: FramePlace | None
    do: Callable[[Found, Record | None], T]


class Copying:
    """Does jobs. `idle` is called while it waits for a store."""

    def __init__(self, fetch: Fetch, pool: ThreadPoolExecutor, idle: Callable[[], None] = lambda: None) -> None:
        self._fetch = fetch
        self._pool = pool
        self._idle = idle

    def __call__(self, jobs: Sequence[Job[T]]) -> Iterator[T]:
        """What each came to, in no promised order. What was begun is ended whatever fails; raises what that raised."""
        scores = self._scores(jobs)
        waiting: set[Future[T]] = set()
        try:
            for job, found in self._found(jobs):
                waiting.add(self._pool.submit(job.do, found, scores.get(job.scored) if job.scored else None))
                while len(waiting) > MOST_WAITING:
                    yield from self._settled(waiting)
            while waiting:
                yield from self._settled(waiting)
        finally:
            wait(waiting)

    def _settled(self, waiting: set[Future[T]]) -> list[T]:
        """Takes out of `waiting` what is done."""
        done = wait(waiting, timeout=1, return_when=FIRST_COMPLETED).done
        if not done:
            self._idle()
        waiting -= done
        return [each.result() for each in done]

    def _found(self, jobs: Sequence[Job[T]]) -> Iterator[tuple[Job[T], Found]]:
        by_place: dict[FramePlace, list[Job[T]]] = {}
        for job in jobs:
            if job.frame is None:
                yield job, Gone()
            else:
                by_place.setdefault(job.frame, []).append(job)
        for place, found in self._fetch(by_place.keys()):
            yield from ((job, found) for job in by_place[place])

    def _scores(self, jobs: Sequence[Job[T]]) -> dict[FramePlace, Record]:
        places = {each.scored for each in jobs if each.scored is not None}
        return {place: record for place, record in self._fetch(places) if isinstance(record, Record)}
