"""Work that takes longer than a page may wait: one piece after another on one thread, as long as somebody looks."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

import structlog

from andon.errors import Broken, Mistake

LOOKED_AT_S = 20.0  # nobody has asked how far it is for so long: nobody looks
KEPT_S = 300.0
MOST_KEPT = 4
MOST_WAITING = 8

Progress = Callable[[float], None]
"""How far a work is, from 0 to 1; called often. Raises Dropped when nobody looks any more."""
Work = Callable[[Progress], Any]


class Dropped(Exception):
    """Nobody looks: there is nothing to go on for."""


class State(StrEnum):
    """How far a job is."""

    WAITING = "waiting"  # others come first
    WORKING = "working"  # `progress` says how far
    DONE = "done"  # `result` is there
    FAILED = "failed"  # `problem` says why
    DROPPED = "dropped"  # nobody looked


@dataclass(slots=True)
class Job:
    """One piece of work. `looked_at` and `ended_at` are of the monotonic clock, in seconds."""

    work: Work
    looked_at: float
    state: State = State.WAITING
    progress: float = 0.0
    result: Any = None
    problem: str = ""
    ended_at: float = field(default=0.0)

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in (State.DONE, State.FAILED, State.DROPPED)


class Jobs:
    """Any thread may ask. A job is asked for by its key, again and again: the first asks for the work, the others look
    how far it is. Its result is kept for a while, for whoever asks the same."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._closed = False

    def ask(self, key: Hashable, work: Work) -> Job:
        """The job of that key. Raises Broken where too many wait already."""
        with self._lock:
            self._forget()
            job = self._jobs.get(key)
            if job is None:
                job = self._begin(key, work)
            job.looked_at = self._clock()
            self._jobs.move_to_end(key)
            return job

    def close(self) -> None:
        """Ends what is at work, soon."""
        self._closed = True
        self._queue.put(None)

    def _begin(self, key: Hashable, work: Work) -> Job:
        if sum(not each.over for each in self._jobs.values()) >= MOST_WAITING:
            raise Broken("too many comparisons are being made at once")
        job = self._jobs[key] = Job(work, self._clock())
        self._queue.put(job)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="jobs", daemon=True)
            self._thread.start()
        return job

    def _forget(self) -> None:
        """What is over and old, what failed a moment ago, and beyond MOST_KEPT what was asked for longest ago."""
        now = self._clock()
        over = [(key, job) for key, job in self._jobs.items() if job.over]
        spare = len(over) - MOST_KEPT
        for number, (key, job) in enumerate(over):
            lasts = KEPT_S if job.state is State.DONE else 5.0
            if number < spare or job.state is State.DROPPED or now - job.ended_at > lasts:
                del self._jobs[key]

    def _run(self) -> None:
        while (job := self._queue.get()) is not None and not self._closed:
            self._do(job)

    def _do(self, job: Job) -> None:
        def progress(share: float) -> None:
            if self._closed or self._clock() - job.looked_at > LOOKED_AT_S:
                raise Dropped
            job.progress = min(1.0, max(0.0, share))

        try:
            progress(0.0)
            job.state = State.WORKING
            job.result = job.work(progress)
            state = State.DONE
        except Dropped:
            state = State.DROPPED
        except (Broken, Mistake) as error:
            job.problem, state = str(error), State.FAILED
        except Exception as error:  # noqa: BLE001  a mistake of ours ends one job, not all
            structlog.get_logger().error("job_crashed", error=repr(error), exc_info=error)
            job.problem, state = "that is a mistake of Andon's; the log of the console has it", State.FAILED
        job.ended_at, job.state = self._clock(), state
