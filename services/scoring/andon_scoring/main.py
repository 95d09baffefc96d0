"""Scoring: frames.prepared -> scores; shadow scoring: frames.shadow -> scores.shadow."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from andon.allocator import one_arena
from andon.images.opencv import configure_opencv
from andon.kafka import KafkaDeadLetters, KafkaSink
from andon.kafka.follow import FollowedAssignments
from andon.kafka.source import Subscription
from andon.metrics import Metrics
from andon.run import Service, andon_version, serve
from andon.stage import Handler, Stage
from andon.topics import PREPARED, SCORES, SHADOW_PREPARED, SHADOW_SCORES
from andon_scoring.settings import ScoringSettings

if TYPE_CHECKING:
    from andon_scoring.bundles import Role

Count = Callable[[Handler, Metrics], Handler]


def scoring() -> None:
    """Score prepared frames with the bundles that serve their stations.

    Follows the topic `models`: a new assignment is loaded and proven in the background and takes over between
    batches. A bundle whose golden frames get other scores here than when it was made is refused; the one before
    it serves on. What cannot be scored is `unscorable`, never `ok`.

    Example: ANDON_MODELS__DEVICE=cuda ANDON_STORE__BUNDLES=s3://factory/bundles andon scoring
    """
    serve("scoring", ScoringSettings, wire)


def shadow_scoring() -> None:
    """Score the same frames with the shadows of their stations, for comparison: nobody is paged for it.

    Shadows stand in a station's assignment; each that loads scores every frame, into scores.shadow. It runs beside
    scoring, and what happens to it never delays a frame that is inspected.

    Example: ANDON_STORE__BUNDLES=s3://factory/bundles andon shadow-scoring
    """
    serve("shadow-scoring", ScoringSettings, wire_shadows)


def wire(service: Service, settings: ScoringSettings) -> None:
    """Builds the stage from the real things and runs it."""
    from andon_scoring.bundles import LIVE
    from andon_scoring.observe import counted

    _run(service, settings, LIVE, PREPARED, SCORES, counted)


def wire_shadows(service: Service, settings: ScoringSettings) -> None:
    """The same, for shadows."""
    from andon_scoring.bundles import SHADOWS
    from andon_scoring.observe import counted_shadows

    _run(service, settings, SHADOWS, SHADOW_PREPARED, SHADOW_SCORES, counted_shadows)


def _run(service: Service, settings: ScoringSettings, role: "Role", reads: str, writes: str, count: Count) -> None:
    one_arena()
    configure_opencv(25_000_000)
    from andon_scoring.bundles import Bundles
    from andon_scoring.load import Loader
    from andon_scoring.observe import with_news
    from andon_scoring.score import Scoring

    kafka, models = settings.kafka, settings.models
    loader = Loader(settings, service.metrics)
    loader.prove_device()
    followed = FollowedAssignments(kafka)
    bundles = Bundles(
        followed.table,
        followed.refresh,
        loader,
        service.metrics,
        role=role,
        load_timeout_s=models.load_timeout_s,
        memory_budget=models.memory_budget,
        runtime=loader.runtime,
    )
    bundles.load_all(beat=service.heart.beat)
    stage = Stage(
        name=service.name,
        source=service.kafka_source(kafka, Subscription((reads,), f"{kafka.group_prefix}.{service.name}")),
        handle=count(with_news(Scoring(bundles.choose, models.max_batch, writes), bundles.news), service.metrics),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    service.run(stage, each_turn=[bundles.refresh])
    bundles.close()
    loader.close()
    followed.close()
