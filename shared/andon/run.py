"""Running a service: from its settings to its exit status.

Exit 0: told to stop, or the source ended, and everything polled was finished. Exit 1: broken; nothing was
committed, the next process gets the same records. Exit 2: the operator's mistake, told in a sentence.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from types import FrameType
from typing import TypeVar

import structlog
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from andon.allocator import keep_memory
from andon.errors import Broken, Mistake
from andon.heart import Heart
from andon.http import serve_health
from andon.kafka.reach import reach
from andon.kafka.source import KafkaSource, Place, Subscription
from andon.logs import set_up_logs
from andon.metrics import Metrics
from andon.observe import LagExport, observed
from andon.reporting import Reporting
from andon.settings import KafkaSettings, ServiceSettings, load, warn_of_unknown
from andon.stage import Stage
from andon.tracing.opening import tracing_of
from andon.tracing.spans import NoTracing, Tracing

SHUTDOWN_S = 25.0
S = TypeVar("S", bound=ServiceSettings)


class Stop:
    """Set by the first SIGTERM or Ctrl-C; a second Ctrl-C kills. Shutdown has one deadline for all its steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Ask for the end, and make sure it comes within SHUTDOWN_S."""
        if not self._event.is_set():
            self._event.set()
            timer = threading.Timer(SHUTDOWN_S, _too_late)
            timer.daemon = True
            timer.start()

    def wait(self, seconds: float) -> bool:
        """Sleeps, but not past the end."""
        return self._event.wait(seconds)


def _too_late() -> None:
    structlog.get_logger().error("shutdown_too_slow", limit_s=SHUTDOWN_S)
    os._exit(1)


@contextmanager
def signals(stop: Stop) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second SIGINT does what Python does by itself."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()
        structlog.get_logger().info("stopping", signal=signal.Signals(number).name)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Service:
    """What `serve` gives to a service's wiring: settings are read, logs run, /metrics answers."""

    def __init__(
        self,
        name: str,
        metrics: Metrics,
        heart: Heart,
        stop: Stop,
        port: int,
        report_s: float = 10.0,
        tracing: Tracing | None = None,
    ) -> None:
        self._report_s = report_s
        self.tracing = tracing or NoTracing()
        self.name = name
        self.metrics = metrics
        self.heart = heart
        self.stop = stop
        self.port = port
        self._sources: list[KafkaSource] = []

    def kafka_source(
        self,
        kafka: KafkaSettings,
        subscription: Subscription,
        *,
        poll_s: float = 0.2,
        on_change: Callable[[list[Place]], None] | None = None,
    ) -> KafkaSource:
        """A source whose lag and refused commits are exported, and without which the service is not ready.

        `poll_s` is how long a turn waits for its first record: 0 for what takes turns with something more urgent.
        `on_change` is told which (topic, partition)s came or went, for what is kept in memory of them.
        Raises Broken, with the reason, when Kafka cannot be reached.
        """
        reach(kafka)
        refused, rebalances = self.metrics.commits_refused.labels(self.name), self.metrics.rebalances.labels(self.name)

        def assigned(places: list[Place]) -> None:
            rebalances.inc()
            if on_change is not None:
                on_change(places)

        source = KafkaSource(
            kafka, subscription, poll_s=poll_s, on_assign=assigned, on_revoke=on_change, on_refused=refused.inc
        )
        self._sources.append(source)
        return source

    def run(self, *stages: Stage, each_turn: Sequence[Callable[[], None]] = ()) -> None:
        """Turns the stages round until told to stop, or until every source has ended, then closes them.

        Several stages take turns on this one thread. `each_turn` is called between turns: for following
        assignments, or exporting lag.
        """
        reports = [Reporting(stage, self.heart.beat, self._report_s) for stage in stages]
        watched = [observed(stage, self.metrics, [told.passing]) for stage, told in zip(stages, reports, strict=True)]
        watched = [self.tracing.traced(stage, consumes=bool(self._sources)) for stage in watched]
        acts: list[Callable[[], None]] = [*each_turn, LagExport(self._sources, self.metrics), *reports]
        with ExitStack() as closing:
            for stage in watched:
                closing.callback(stage.close)
            while not self.stop and not all(stage.source.ended for stage in watched):
                for stage in watched:
                    stage.step(utc_now, self.heart.beat)
                for act in acts:
                    act()
                self.heart.beat()
                self.heart.ready = all(source.joined for source in self._sources)
            self.heart.ready = False
            for told in reports:
                told.flush()


def serve(name: str, settings_type: type[S], wire: Callable[[Service, S], None], **given: object) -> None:
    """Runs a service: `wire(service, settings)` builds its stages and calls `service.run`. Never returns normally.

    The one place that turns a crash into an exit status.
    """
    sys.exit(_serve(name, settings_type, wire, given))


def _serve(name: str, settings_type: type[S], wire: Callable[[Service, S], None], given: dict[str, object]) -> int:
    set_up_logs(name)
    try:
        settings = load(settings_type, **given)
        set_up_logs(name, settings.log_level, settings.log_format)
        warn_of_unknown(settings_type, os.environ)
        return _run(name, settings, wire)
    except Mistake as mistake:
        sys.stderr.write(f"andon {name}: {mistake}\n")
        return 2
    except Broken as broken:
        structlog.get_logger().error("broken", error=str(broken), next="nothing was committed; restart")
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001  the one place: a bug stops us, uncommitted, with its traceback in the log
        structlog.get_logger().exception("crashed", next="nothing was committed; restart")
        return 1


def _run(name: str, settings: S, wire: Callable[[Service, S], None]) -> int:
    started = time.monotonic()
    keep_memory()
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    metrics = Metrics(registry)
    metrics.build.labels(name, andon_version()).set(1)
    heart, stop = Heart(settings.http.stalled_after_s), Stop()
    with (
        serve_health(settings.http, registry, heart) as port,
        signals(stop),
        tracing_of(settings.tracing, name, andon_version(), metrics) as tracing,
    ):
        wire(Service(name, metrics, heart, stop, port, settings.ledger.report_s, tracing), settings)
    structlog.get_logger().info("stopped", ran_s=round(time.monotonic() - started, 1))
    return 0


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def andon_version() -> str:
    """The version of Andon that runs."""
    return version("andon")
