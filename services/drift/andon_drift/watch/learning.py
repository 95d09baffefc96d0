"""A series becomes a reference. The thinking is pure; it is done in a thread of its own, since it takes a second."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import structlog
from numpy.typing import NDArray

from andon.charts import BASE, Learned, Sample, TooFew, learn
from andon.charts.bernoulli import Ratio, limit
from andon.ids import notice_id
from andon.records import Baseline, Notice, NoticeKind
from andon.records.baseline import SIGNALS, Rejects
from andon_drift.numbers import FEATURES, SCORE
from andon_drift.watch.collecting import AGAIN, MOST_TIMES, Collected, Enough, room_for, unpack
from andon_drift.watch.place import Place, PlaceId
from andon_drift.watch.rules import MONTH_S, Rules

BY = "drift"
Doubles = NDArray[np.float64]
WILD = 1.0
"""Standard deviations: when a number's first and last third lie so far apart, it moved while it was learned."""
LISTED = 3


@dataclass(frozen=True, slots=True)
class Job:
    """One place to be learned: what was collected until `until`, and its series. `relearned` is the wish it follows."""

    station: str
    place: PlaceId
    names: tuple[str, ...]
    collected: Collected
    series: bytes
    period_s: float
    until: datetime
    relearned: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: a reference; or why there is none, and how many frames to wait for. `room` is how many blocks
    the series is to hold, `lost` says that Redis forgot some of it."""

    job: Job
    baseline: Baseline | None = None
    constant: tuple[str, ...] = ()
    why: str = ""
    next_at: int = 0
    room: int = 0
    lost: bool = False


def job_of(station: str, place: Place, series: bytes) -> Job | None:
    """What is to be learned; None before the first block."""
    collected, period_s = deepcopy(place.collected), place.period_s or 1.0
    if collected.until is None:
        return None
    return Job(station, place.id, place.names, collected, series, period_s, collected.until, place.relearned)


def learn_place(job: Job, rules: Rules) -> Outcome:
    """The reference, or why there is none yet."""
    collected = job.collected
    sample, missing = unpack(job.series, job.names, collected)
    if missing > 0:
        return Outcome(job, why="Redis lost what was collected; it is collected anew", lost=True)
    run_length = run_length_of(job, sample, rules.tickets)
    try:
        found = learn(sample, run_length=run_length, ewma=(SCORE,), together=job.place[1] == SIGNALS)
    except (ValueError, ArithmeticError) as error:  # numbers that nobody foresaw: the others are learned all the same
        return _wait(job, f"it could not be learned from these frames: {error}")
    room = room_for(found.wanted) if isinstance(found, TooFew) else 0
    moved = moving(sample)
    if moved and collected.frames < MOST_TIMES * (collected.ready_at or collected.frames):
        why = f"{_listed(moved)} moved while it was learned; more frames will tell what is usual"
        return _wait(job, why, room)
    if isinstance(found, TooFew):
        return _later(job, found)
    if not found.watched:
        return _wait(job, "nothing that is measured ever changes; there is nothing to watch")
    why = f"{_listed(moved)} moved while it was learned: look whether all was well" if moved else ""
    return Outcome(job, _baseline(job, found, run_length, rules.tickets), tuple(found.constant), why)


def run_length_of(job: Job, sample: Sample, tickets: float) -> float:
    """Watched frames between two false alarms of one chart, so that all of them together raise `tickets` in 30 days."""
    charts = 2 * len(sample.names) + (SCORE in sample.names) + (sample.embedding is not None) + 1
    charts += sample.peak is not None and bool((sample.peak >= 0).any())
    charts += job.place[1] == SIGNALS
    return MONTH_S / (job.period_s * job.collected.stride) * charts / tickets


def moving(sample: Sample) -> list[str]:
    """Numbers whose last third lies far from the first: what is frozen now would be told as drift tomorrow."""
    third = len(sample) // 3
    columns = zip(sample.names, sample.values.T, strict=True)
    return [name for name, column in columns if _apart(name, column[:third], column[-third:])]


def notice_of(outcome: Outcome, baseline: Baseline) -> Notice:
    """That a reference is known, and what people should know of it."""
    place = f" making {baseline.product}" if baseline.product else ""
    what = "what its sensors read" if baseline.bundle == SIGNALS else "how it looks"
    hours = outcome.job.collected.seconds / 3600
    said = (
        f"{baseline.station}{place}: {what} when all is well is known, from {baseline.frames:,} "
        f"{'readings' if baseline.bundle == SIGNALS else 'frames'} in {hours:.1f} h; drift is watched from now on."
    )
    still = _listed(list(outcome.constant))
    more = [f"Not watched, because it never changed: {still}." if still else "", outcome.why and f"But {outcome.why}."]
    bundle = None if baseline.bundle == SIGNALS else baseline.bundle
    at = baseline.until.isoformat()
    return Notice(
        notice_id=notice_id(NoticeKind.BASELINE_LEARNED, baseline.station, baseline.product, baseline.bundle, at),
        kind=NoticeKind.BASELINE_LEARNED,
        station=baseline.station,
        product=baseline.product,
        bundle=bundle,
        sentence=" ".join([said, *filter(None, more)])[:1000],
        at=baseline.until,
    )


class Learner:
    """Learns places one after the other, in the background. A crash of it is told, and the place tried again later."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._pool = ThreadPoolExecutor(1, "learning")
        self._asked: dict[tuple[str, PlaceId], Future[Outcome]] = {}

    @property
    def enough(self) -> Enough:
        """When to learn a place."""
        return self._rules.enough

    def knows(self, station: str, place: PlaceId) -> bool:
        """Whether it is at it."""
        return (station, place) in self._asked

    def submit(self, job: Job) -> None:
        """Learns it when it is its turn."""
        self._asked[job.station, job.place] = self._pool.submit(copy_context().run, self._learn, job)

    def done(self) -> list[Outcome]:
        """What is finished, once."""
        ready = [key for key, future in self._asked.items() if future.done()]
        return [self._asked.pop(key).result() for key in ready]

    def close(self) -> None:
        """Waits for nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _learn(self, job: Job) -> Outcome:
        started = time.monotonic()
        outcome = learn_place(job, self._rules)
        structlog.get_logger().info(
            "baseline_learned" if outcome.baseline else "baseline_not_learned",
            station=job.station,
            bundle=job.place[1],
            frames=job.collected.frames,
            why=outcome.why,
            took_s=round(time.monotonic() - started, 2),
        )
        return outcome


def _baseline(job: Job, found: Learned, run_length: float, tickets: float) -> Baseline:
    collected, (product, bundle) = job.collected, job.place
    return Baseline(
        station=job.station,
        product=product,
        bundle=bundle,
        since=collected.since or job.until,
        until=job.until,
        frames=collected.frames,
        period_s=job.period_s,
        every=collected.stride,
        run_length=run_length,
        tickets=tickets,
        watched=found.watched,
        embedding=found.embedding,
        together=found.together,
        rejects=_rejects(collected, run_length, found.rejects) if found.rejects and bundle != SIGNALS else None,
        places=found.places,
        by=BY,
    )


def _rejects(collected: Collected, run_length: float, of_kept: Rejects) -> Rejects:
    """Counted in all frames, while the other charts look at every `stride`-th block."""
    frames, stride = collected.frames, collected.stride
    if stride == 1:
        return of_kept
    ratio = min(max(collected.anomalous / frames, 1 / frames), 0.5)
    height = limit(Ratio.of(ratio, frames, of_kept.clumped), run_length * stride)
    return of_kept.model_copy(update={"ratio": ratio, "limit": height})


def _later(job: Job, few: TooFew) -> Outcome:
    wanted = job.collected.frames * max(AGAIN, few.wanted / max(1, few.frames))
    why = f"its numbers change slowly, so more frames are needed to know them: about {wanted:,.0f}"
    return Outcome(job, why=why, next_at=int(wanted), room=max(job.collected.room, room_for(few.wanted)))


def _wait(job: Job, why: str, room: int = 0) -> Outcome:
    return Outcome(job, why=why, next_at=int(AGAIN * job.collected.frames), room=max(job.collected.room, room))


def _apart(name: str, first: Doubles, last: Doubles) -> bool:
    """Whether their medians differ by WILD standard deviations of one third, and by what matters."""
    first, last = _known(first), _known(last)
    if min(first.size, last.size) < BASE:
        return False
    moved = abs(float(np.median(first) - np.median(last)))
    least = FEATURES[name].least if name in FEATURES else 0.0
    return moved > least and moved >= WILD * max(float(first.std()), float(last.std()))


def _known(values: Doubles) -> Doubles:
    return values[np.isfinite(values)]


def _listed(names: Sequence[str]) -> str:
    shown = [name.replace("_", " ") for name in names[:LISTED]]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(shown) + more
