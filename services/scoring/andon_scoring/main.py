"""Scoring: frames.prepared -> scores."""

from andon.images.opencv import configure_opencv
from andon.kafka import KafkaDeadLetters, KafkaSink
from andon.kafka.follow import FollowedAssignments
from andon.kafka.source import Subscription
from andon.records import Assignment, Proof, write_event
from andon.run import Service, andon_version, serve, utc_now
from andon.stage import Message, Stage
from andon.topics import MODELS, PREPARED
from andon_scoring.settings import ScoringSettings


def scoring() -> None:
    """Score prepared frames with the bundles that serve their stations.

    Follows the topic `models`: a new assignment is loaded and proven in the background and takes over between
    batches. A bundle whose golden frames get other scores here than when it was made is refused; the one before
    it serves on. What cannot be scored is `unscorable`, never `ok`.

    Example: ANDON_MODELS__DEVICE=cuda ANDON_STORE__BUNDLES=s3://factory/bundles andon scoring
    """
    serve("scoring", ScoringSettings, wire)


def wire(service: Service, settings: ScoringSettings) -> None:
    """Builds the stage from the real things and runs it."""
    configure_opencv(25_000_000)
    from andon_scoring.bundles import Bundles
    from andon_scoring.load import Loader
    from andon_scoring.observe import counted
    from andon_scoring.score import Scoring

    kafka = settings.kafka
    loader = Loader(settings, service.metrics)
    loader.prove_device()
    followed = FollowedAssignments(kafka)
    models = KafkaSink(kafka, compression="zstd")

    def prove(given: Assignment) -> None:
        proof = Proof(station=given.station, product=given.product, bundle=given.bundle, at=utc_now())
        models.send([Message(MODELS, proof.key, write_event(proof))], service.heart.beat)

    timeout_s = settings.models.load_timeout_s
    bundles = Bundles(followed.table, followed.refresh, loader, service.metrics, prove, timeout_s)
    bundles.load_all()

    stage = Stage(
        name=service.name,
        source=service.kafka_source(kafka, Subscription((PREPARED,), f"{kafka.group_prefix}.scoring")),
        handle=counted(Scoring(bundles.choose, settings.models.max_batch), service.metrics),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    service.run(stage, each_turn=[bundles.refresh])
    bundles.close()
    followed.close()
    models.close()
