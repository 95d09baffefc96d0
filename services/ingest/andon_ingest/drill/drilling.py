"""A station's whole drill, from the real things: its frames, its copy, its faults, and the notice of its outcome."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import structlog

from andon.bundle import BundleError
from andon.errors import Broken, Mistake
from andon.ids import drill_of, notice_id
from andon.kafka.follow import FollowedAssignments
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.line import LineFile
from andon.records import Notice, NoticeKind, write_event
from andon.records.assignment import EVERY
from andon.run import utc_now
from andon.settings import KafkaSettings
from andon.stage import Message, Sink
from andon.store import BlobStore, BundleStore, default_cache
from andon.topics import NOTICES
from andon_ingest.capture import new_traces
from andon_ingest.claim_check import ClaimCheckSink
from andon_ingest.clock import Clock
from andon_ingest.drill.camera import Camera
from andon_ingest.drill.double import Serves, assigned, serving
from andon_ingest.drill.ear import Ear
from andon_ingest.drill.faults import Fault
from andon_ingest.drill.judging import Outcome
from andon_ingest.drill.leaving_out import left_out
from andon_ingest.drill.rehearsal import Rehearsal, Wanted
from andon_ingest.drill.report import Drill
from andon_ingest.drill.sample import Sample, from_folder, from_kafka
from andon_ingest.drill.settings import DrillSettings

Tell = Callable[[str], None]
Told = Callable[[Outcome], None]


@dataclass(frozen=True)
class Asked:
    """What the command line says. `rate` None: the station's own pace."""

    faults: tuple[Fault, ...]
    repeat: int = 1
    images: Path | None = None
    product: str | None = None
    rate: float | None = None
    strength: float = 1.0
    within_s: float | None = None
    seed: int = 0
    notice: bool = True


@dataclass(frozen=True)
class Bench:
    """What every drill of one run shares."""

    kafka: KafkaSettings
    store: BlobStore
    bundles: BundleStore
    plans: LineFile
    followed: FollowedAssignments
    frames: Sink
    words: Sink
    clock: Clock
    arrived: dict[str, datetime] | None = None


@contextmanager
def bench(settings: DrillSettings, arrived: dict[str, datetime] | None) -> Iterator[Bench]:
    """The real things. Raises Broken when Kafka cannot be reached, Mistake for a wrong line file."""
    reach(settings.kafka)
    store = BlobStore(settings.store.frames)
    with ExitStack() as stack:
        followed = stack.enter_context(closing(FollowedAssignments(settings.kafka)))
        frames = stack.enter_context(closing(ClaimCheckSink(KafkaSink(settings.kafka), store)))
        words = stack.enter_context(closing(KafkaSink(settings.kafka, compression="zstd")))
        plans = LineFile(settings.line, settings.policy)
        yield Bench(
            settings.kafka,
            store,
            BundleStore.of(settings.store, default_cache()),
            plans,
            followed,
            frames,
            words,
            Clock(),
            arrived,
        )


def drill(at: Bench, station: str, asked: Asked, tell: Tell, told: Told) -> Drill:
    """Drills one station, and leaves nothing of it behind however it ends. `told` is given each outcome as it comes.

    What kept it from being done stands in the answer's `problem`; Ctrl-C goes on up, after the copy is put away.
    """
    try:
        at.followed.refresh()
        serves = serving(at.followed, station, asked.product)
        without = _left_out(at, serves, asked)
        sample = _sample(at, serves, asked)
    except Mistake as mistake:
        return Drill(station, problem=str(mistake), skipped=True)
    done = Drill(station, bundle=serves.bundle, product=sample.product, left_out=without)
    faults = [each for each in asked.faults if each not in without]
    if not faults:
        return replace(done, problem="nothing is left to drill", skipped=True)
    outcomes: list[Outcome] = []

    def take(outcome: Outcome) -> None:
        outcomes.append(outcome)
        told(outcome)

    try:
        _rehearse(at, serves, sample, replace(asked, faults=tuple(faults)), tell, take)
    except (Broken, Mistake) as error:
        done = replace(done, problem=str(error))
    done = replace(done, outcomes=tuple(outcomes))
    if asked.notice:
        _notify(at, done)
    return done


def _rehearse(at: Bench, serves: Serves, sample: Sample, asked: Asked, tell: Tell, told: Told) -> None:
    wanted = Wanted(at.plans.of(serves.station).policy, asked.strength, asked.within_s)
    with ExitStack() as stack:
        name = stack.enter_context(assigned(at.followed, at.words, serves, at.clock.utc()))
        ear = stack.enter_context(closing(Ear(at.kafka, name)))
        rate = asked.rate or sample.rate
        camera = Camera(name, sample, rate, at.frames, at.clock, new_traces(os.urandom))
        rng = np.random.default_rng(asked.seed)
        rehearsal = Rehearsal(camera, ear, sample, wanted, at.clock, rng, tell, at.arrived)
        stack.callback(rehearsal.leave)
        tell(f"{name}: {len(sample.images)} good frames, {rate:.2g} a second")
        for outcome in rehearsal.run(asked.faults * asked.repeat):
            told(outcome)


def _left_out(at: Bench, serves: Serves, asked: Asked) -> dict[Fault, str]:
    try:
        _, reference = at.bundles.reference(serves.bundle)
    except (BundleError, Broken) as error:
        structlog.get_logger().warning("reference_unreadable", bundle=serves.bundle, error=str(error))
        reference = None
    found = left_out(at.plans.of(serves.station).policy, reference, asked.strength)
    return {fault: why for fault, why in found.items() if fault in asked.faults}


def _sample(at: Bench, serves: Serves, asked: Asked) -> Sample:
    if asked.images is not None:
        return from_folder(asked.images, serves.product)
    return from_kafka(at.kafka, serves.station, serves.bundle, serves.product, at.store)


def stations(at: Bench) -> list[str]:
    """Every station that an assignment names, by name; of '*' nobody knows whom it means."""
    named = {each.active.station for each in at.followed.table.all()} - {EVERY}
    return sorted(each for each in named if drill_of(each) is None)


def _notify(at: Bench, done: Drill) -> None:
    now = utc_now()
    kind = NoticeKind.DRILL_FAILED if done.failed else NoticeKind.DRILL_PASSED
    notice = Notice(
        notice_id=notice_id(kind, done.station, done.product, done.bundle, now.isoformat()),
        kind=kind,
        station=done.station,
        product=done.product,
        bundle=done.bundle,
        sentence=done.sentence[:1000],
        at=now,
    )
    at.words.send([Message(NOTICES, done.station.encode(), write_event(notice))], lambda: None)
