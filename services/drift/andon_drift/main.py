"""Drift: scores, and readings of sensors -> findings in `drift`, references in `baselines`."""

import gc

from andon.kafka import KafkaDeadLetters, KafkaSink, TopicReader
from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.even import check_together
from andon.kafka.source import Subscription
from andon.redis_client import Patience, connect
from andon.run import Service, andon_version, serve, utc_now
from andon.stage import Stage
from andon.store import BundleStore
from andon.topics import BASELINES, DRIFT, SCORES, SIGNALS
from andon_drift.settings import DriftSettings

COLLECTING = 50_000, 20, 20
"""Garbage is looked for so seldom: a thousand stations are millions of objects that stay, and each look walks them."""
BATCH = 512
"""Scores in a turn, at least: they are small, and what is worked out for many at once costs a tenth."""


def drift() -> None:
    """Tell what is wrong with the pictures, and what changed slowly: light, focus, framing, the parts, a sensor.

    Reads what preprocess measured in every frame from `scores`. Compared with the good frames that the station's bundle
    was made of, it says when pictures are dark, too bright, blurred, frozen or moved: 8 of the last 10. And it learns
    from a shift of a station's own frames how it looks when all is well, freezes that, and from then on tells, named by
    its cause, what drifted away from it; sensors in `signals` are watched the same way, and named beside it. Findings
    go to `drift`; alerting makes incidents of them. A station that no bundle serves has nothing to be compared with:
    there, only a frozen camera is found.

    Example: ANDON_STORE__BUNDLES=s3://factory/bundles ANDON_REDIS__URL=redis://redis:6379/0 andon drift
    """
    serve("drift", DriftSettings, wire)


def wire(service: Service, settings: DriftSettings) -> None:
    """Builds the stage from the real things and runs it."""
    from andon_drift.drift import Board, Card, Drifting
    from andon_drift.findings import Findings
    from andon_drift.observe import Shown, counted
    from andon_drift.redis_memory import RedisMemory
    from andon_drift.references import References
    from andon_drift.remember import Remembering
    from andon_drift.watch.baselines import Baselines
    from andon_drift.watch.learning import Learner
    from andon_drift.watch.status import shown_text

    gc.set_threshold(*COLLECTING)
    kafka, rules, board = settings.kafka, settings.drift.rules, Board()
    subscription = Subscription((SCORES, SIGNALS), f"{kafka.group_prefix}.drift", fetch_bytes=SMALL_FETCH_BYTES)
    check_together(kafka, subscription.topics)
    many = kafka.model_copy(update={"batch_records": max(BATCH, kafka.batch_records)})
    scores = service.kafka_source(many, subscription, on_change=board.drop)
    references = References(BundleStore.of(settings.store).reference)
    findings = Findings(TopicReader(kafka, DRIFT))
    baselines = Baselines(TopicReader(kafka, BASELINES), references.carried)
    learner = Learner(rules)
    redis, raw = connect(settings.redis), connect(settings.redis, text=False)

    def keep_place() -> None:
        scores.idle()
        service.heart.beat()

    def show(card: Card) -> str:
        return shown_text(card.station, card.watched, card.state.resting, baselines.word, rules, utc_now())

    remembering = Remembering(
        scores,
        RedisMemory(redis, raw, settings.redis.key_prefix),
        board,
        findings,
        Patience(keep_place, settings.redis_patience_s),
        baselines=baselines,
        learner=learner,
        show=show,
    )
    handle = Drifting(board, references.of, settings.faults, baselines, rules)
    stage = Stage(
        name=service.name,
        source=remembering,
        handle=counted(handle, board, service.metrics),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    shown = Shown(service.metrics, lambda: scores.assignment, board, baselines.word, rules)
    service.run(stage, each_turn=[shown.tidy])
    learner.close()
    references.close()
    findings.close()
    baselines.close()
