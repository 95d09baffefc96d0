"""What the pages about models work with: the store, the topics of scores, and jobs on them."""

from contextlib import ExitStack
from dataclasses import dataclass, field

from andon.store import BundleStore, default_cache
from andon.topics import SCORES, SHADOW_SCORES
from andon_console.frames.log import KafkaScoreLog
from andon_console.live.jobs import Jobs
from andon_console.models.heard import Log
from andon_console.models.shelf import Shelf
from andon_console.settings import ConsoleSettings


@dataclass(frozen=True)
class Bench:
    """`logs` are the topics of scores by name."""

    shelf: Shelf
    logs: dict[str, Log]
    jobs: Jobs = field(default_factory=Jobs)


def open_bench(settings: ConsoleSettings, closing: ExitStack) -> Bench:
    """Over the real store and Kafka; nothing is opened before it is asked for."""
    cache = default_cache()
    shown = BundleStore(settings.store.bundles, cache)
    shelf = Shelf(shown, lambda: BundleStore.of(settings.store, cache))
    logs: dict[str, Log] = {topic: KafkaScoreLog(settings.kafka, topic) for topic in (SCORES, SHADOW_SCORES)}
    bench = Bench(shelf, logs)
    closing.callback(bench.jobs.close)
    return bench
