"""Drift: scores -> findings in `drift`."""

from andon.kafka import KafkaDeadLetters, KafkaSink, TopicReader
from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.source import Subscription
from andon.redis_client import Patience, connect
from andon.run import Service, andon_version, serve
from andon.stage import Stage
from andon.store import BundleStore
from andon.topics import DRIFT, SCORES
from andon_drift.settings import DriftSettings


def drift() -> None:
    """Tell what is wrong with the pictures themselves: dark, too bright, blurred, frozen, or the camera moved.

    Reads what preprocess measured in every frame from `scores`, and compares it with the good frames that the
    station's bundle was made of. When 8 of the last 10 pictures are far from those, it writes a finding to `drift`,
    named by its cause, and another when 10 in a row are good again; alerting makes incidents of them. A station
    that no bundle serves has nothing to be compared with: there, only a frozen camera is found.

    Example: ANDON_STORE__BUNDLES=s3://factory/bundles ANDON_REDIS__URL=redis://redis:6379/0 andon drift
    """
    serve("drift", DriftSettings, wire)


def wire(service: Service, settings: DriftSettings) -> None:
    """Builds the stage from the real things and runs it."""
    from andon_drift.drift import Board, Drifting
    from andon_drift.findings import Findings
    from andon_drift.observe import Shown, counted
    from andon_drift.references import References
    from andon_drift.remember import RedisStates, Remembering

    kafka, board = settings.kafka, Board()
    references = References(BundleStore.of(settings.store).reference)
    subscription = Subscription((SCORES,), f"{kafka.group_prefix}.drift", fetch_bytes=SMALL_FETCH_BYTES)
    scores = service.kafka_source(kafka, subscription)
    findings = Findings(TopicReader(kafka, DRIFT))
    states = RedisStates(connect(settings.redis), settings.redis.key_prefix)

    def keep_place() -> None:
        scores.idle()
        service.heart.beat()

    patience = Patience(keep_place, settings.redis_patience_s)
    shown = Shown(service.metrics, lambda: scores.assignment)
    stage = Stage(
        name=service.name,
        source=Remembering(scores, states, board, findings, patience),
        handle=counted(Drifting(board, references.of, settings.faults), board, shown, service.metrics),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    service.run(stage, each_turn=[shown.tidy])
    references.close()
    findings.close()
