"""evidence: frames of incidents, and those that people answered -> the evidence store, before Kafka deletes them."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Annotated, Any

import typer

from andon.folder import Folder
from andon.kafka import KafkaDeadLetters, KafkaSink
from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.source import Subscription
from andon.run import Service, andon_version, serve, utc_now
from andon.stage import Stage
from andon.store import BlobStore
from andon.topics import FRAME_PATTERN, INCIDENTS, READ_BY, VERDICTS
from andon_alerting.evidence.board import Board
from andon_alerting.evidence.copying import WRITERS, Copying
from andon_alerting.evidence.elsewhere import Elsewhere
from andon_alerting.evidence.fetch import RecordsAt
from andon_alerting.evidence.janitor import Janitor
from andon_alerting.evidence.keep import Keeper
from andon_alerting.evidence.labelled import Labelled
from andon_alerting.evidence.lag import KafkaLag
from andon_alerting.evidence.once import said, summary
from andon_alerting.evidence.review import Reviewing
from andon_alerting.evidence.reviewed_count import ReviewedCount
from andon_alerting.evidence.risk import AtRisk
from andon_alerting.evidence.settings import EvidenceSettings
from andon_alerting.evidence.shelf import Patience, Shelf
from andon_alerting.evidence.tidy import Bounds
from andon_alerting.evidence.turn import Keeping, Telling
from andon_alerting.evidence.watch import Watch, open_finding

MAX_POLL_INTERVAL_S = 300.0  # a burst of evidence over a slow store takes its time


def evidence(
    once: Annotated[bool, typer.Option("--once", help="Catch up, tidy, look at what is at risk, and exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: print one JSON object.")] = False,
) -> None:
    """Copy the evidence of incidents, and reviewed frames, out of Kafka, and warn before anything expires unread.

    Of every incident, the frames that show it are kept as they came, with heat map and score, in
    ANDON_EVIDENCE__URL/<incident>/, beside incident.json, which says what happened and what could not be kept. Evidence
    goes after 90 days, or beyond 50 GiB, oldest first; never that of an open incident, nor of a frame somebody
    answered. Where Kafka is about to delete what preprocess, scoring, alerting or this service has not read, people
    are told (evidence_at_risk).

    A frame that somebody answered is kept in ANDON_EVIDENCE__URL/reviewed/<station>/, with what they said, until the
    answer is withdrawn: `andon reviewed` lists and exports them, `andon fit` and `andon train` learn from them.

    Examples: ANDON_EVIDENCE__URL=s3://plant/evidence andon evidence

    andon evidence --once --json     (from cron: exit status 0 when it caught up, 1 when Kafka or a store is away)
    """
    serve("evidence", EvidenceSettings, partial(wire, once=once, as_json=as_json))


def wire(service: Service, settings: EvidenceSettings, *, once: bool = False, as_json: bool = False) -> None:
    """Builds the stage from the real things and runs it."""
    kafka, wanted, heart, board = settings.kafka, settings.evidence, service.heart, Board()
    group = f"{kafka.group_prefix}.evidence"
    subscription = Subscription(
        (INCIDENTS, VERDICTS), group, max_poll_interval_s=MAX_POLL_INTERVAL_S, fetch_bytes=SMALL_FETCH_BYTES
    )
    followed = service.kafka_source(kafka, subscription)

    def keep_place() -> None:
        followed.idle()
        heart.beat()

    shelf, store, blobs = Shelf(wanted.url), Folder(wanted.url), BlobStore(settings.store.frames)
    with (
        ThreadPoolExecutor(WRITERS, "evidence") as pool,
        closing(RecordsAt(kafka, keep_place)) as records_at,
        closing(Labelled(kafka, heart.beat)) as labelled,
    ):
        copying = Copying(records_at, pool, followed.idle)
        keeper = Keeper(shelf, copying, blobs, wanted, pool)
        reviewing = Reviewing(store, copying, blobs, Elsewhere(shelf, pool, followed.idle), pool)
        patience = Patience(wanted.patience_s, time.monotonic)
        source = Keeping(followed, keeper, reviewing, board, patience, service.metrics, utc_now, once=once)
        bounds = Bounds(wanted.max_age, wanted.max_bytes, wanted.drill_age)
        reviewed = ReviewedCount(store, service.metrics)
        janitor = Janitor(shelf, bounds, labelled, pool, service.metrics, utc_now, wanted.tidy_every_s, reviewed)

        def ours() -> bool:
            return (INCIDENTS, 0) in followed.assignment

        watch = Watch(
            board,
            KafkaLag(kafka, reads(settings.frames), records_at.written_at),
            lambda: AtRisk(wanted.headroom_s, open_finding(kafka)),
            ours,
            service.metrics,
            utc_now,
            wanted.look_every_s,
        )

        def tidy() -> None:
            if ours() and not once:
                janitor.step()

        stage = Stage(
            name=service.name,
            source=source,
            handle=Telling(board),
            sink=KafkaSink(kafka, compression="zstd"),
            dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
        )
        service.run(stage, each_turn=[watch, tidy])
        if once and not service.stop:
            janitor.finish()
            tell(summary(shelf.url, source.outcomes, source.answered, janitor, reviewed, watch.seen), as_json)


def reads(frames: str) -> list[tuple[str, str]]:
    """Who reads what; `frames` is what preprocess was told to."""
    return [(group, frames if topic == FRAME_PATTERN else topic) for group, topic in READ_BY]


def tell(found: dict[str, Any], as_json: bool) -> None:
    """Prints what --once did."""
    sys.stdout.write((json.dumps(found) if as_json else said(found)) + "\n")
