"""Scoring: frames.prepared -> scores; shadow scoring: frames.shadow -> scores.shadow."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from andon.allocator import one_arena
from andon.images.opencv import configure_opencv
from andon.kafka import KafkaDeadLetters, KafkaSink
from andon.kafka.follow import FollowedAssignments
from andon.kafka.source import Place, Subscription
from andon.metrics import Metrics
from andon.run import Service, andon_version, serve
from andon.stage import Handler, Stage
from andon.topics import PREPARED, SCORES, SHADOW_PREPARED, SHADOW_SCORES
from andon_scoring.settings import ScoringSettings

if TYPE_CHECKING:
    from andon_scoring.bundles import Role

Count = Callable[[Handler, Metrics, Callable[[], list[Place]]], Handler]
"""Wraps a handler; the last is told which (topic, partition)s are ours."""


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
    from andon_scoring.changeovers import with_changeovers
    from andon_scoring.observe import counted

    def count(handle: Handler, metrics: Metrics, assignment: Callable[[], list[Place]]) -> Handler:
        return with_changeovers(counted(handle, metrics, settings.deadline_s, assignment), metrics)

    _run(service, settings, LIVE, PREPARED, SCORES, count)


def wire_shadows(service: Service, settings: ScoringSettings) -> None:
    """The same, for shadows."""
    from andon_scoring.bundles import SHADOWS
    from andon_scoring.observe import counted_shadows

    def count(handle: Handler, metrics: Metrics, _assignment: Callable[[], list[Place]]) -> Handler:
        return counted_shadows(handle, metrics)

    _run(service, settings, SHADOWS, SHADOW_PREPARED, SHADOW_SCORES, count)


def _run(service: Service, settings: ScoringSettings, role: "Role", reads: str, writes: str, count: Count) -> None:
    one_arena()
    configure_opencv(25_000_000)
    from andon_scoring.bundles import Bundles
    from andon_scoring.load import Loader
    from andon_scoring.observe import with_news
    from andon_scoring.score import Scoring

    kafka, models = settings.kafka, settings.models
    loader = Loader(settings, service.metrics, service.tracing.span)
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
    source = service.kafka_source(kafka, Subscription((reads,), f"{kafka.group_prefix}.{service.name}"))
    handle = with_news(Scoring(bundles.choose, models.max_batch, writes), bundles.news)
    stage = Stage(
        name=service.name,
        source=source,
        handle=count(handle, service.metrics, lambda: source.assignment),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    service.run(stage, each_turn=[bundles.refresh, *_gpus(settings, service.metrics)])
    bundles.close()
    loader.close()
    followed.close()


def _gpus(settings: ScoringSettings, metrics: Metrics) -> list[Callable[[], None]]:
    """What watches the GPUs, where any may be used and the driver answers."""
    if settings.models.device == "cpu":
        return []
    from andon.gpu import GpuGauges, nvml

    library = nvml()
    return [] if library is None else [GpuGauges(metrics, library)]
