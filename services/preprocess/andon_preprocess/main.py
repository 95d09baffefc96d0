"""Preprocess: camera.frames and every topic like it -> frames.prepared."""

from concurrent.futures import ThreadPoolExecutor

from andon.cpu import cpu_limit
from andon.images.opencv import configure_opencv
from andon.kafka import KafkaDeadLetters, KafkaSink
from andon.kafka.follow import FollowedAssignments
from andon.kafka.source import Subscription
from andon.run import Service, andon_version, serve
from andon.stage import Stage
from andon.store import BlobStore, BundleStore
from andon_preprocess.settings import PreprocessSettings


def preprocess() -> None:
    """Check, decode and prepare camera frames for the models that score them.

    Reads camera.frames and camera.frames.<anything>; a new topic or station is picked up by itself, and a bare
    image with a key is a frame. What cannot be decoded, or could hurt, goes to dead-letters with its reason.

    Example: ANDON_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 ANDON_STORE__BUNDLES=/bundles andon preprocess
    """
    serve("preprocess", PreprocessSettings, wire)


def wire(service: Service, settings: PreprocessSettings) -> None:
    """Builds the stage from the real things and runs it."""
    configure_opencv(settings.images.max_pixels)
    from andon.images.limits import ImageLimits
    from andon.images.prepare import prepare
    from andon_preprocess.fetch import Fetching
    from andon_preprocess.observe import counted, timed
    from andon_preprocess.preparations import Preparations
    from andon_preprocess.prepare import Preparing

    kafka = settings.kafka
    subscription = Subscription((settings.frames,), f"{kafka.group_prefix}.preprocess", max_poll_interval_s=30)
    preparations = Preparations(FollowedAssignments(kafka), BundleStore.of(settings.store))
    limits = ImageLimits(settings.images.max_bytes, settings.images.max_pixels)
    blobs = BlobStore(settings.store.frames, limits.max_bytes)
    with ThreadPoolExecutor(settings.threads or cpu_limit(), "decode") as pool:
        make = timed(prepare, service.metrics)
        handle = Preparing(preparations.of, limits, pool.map, preparations.of_shadows, make)
        stage = Stage(
            name=service.name,
            source=Fetching(service.kafka_source(kafka, subscription), blobs, kafka.batch_bytes),
            handle=counted(handle, service.metrics),
            sink=KafkaSink(kafka),
            dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
        )
        service.run(stage, each_turn=[preparations.refresh])
    preparations.close()
