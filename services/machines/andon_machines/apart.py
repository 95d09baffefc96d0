"""Each sink's stages in a thread of their own, so that one that waits holds up no other."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import structlog

from andon.kafka.source import KafkaSource, Place
from andon.observe import LagExport, observed
from andon.run import Service, utc_now
from andon.stage import Stage
from andon_machines.away import Stopping

LOOK_EVERY_S = 0.25
LAG_EVERY_S = 2.0


@dataclass
class Arm:
    """One sink's stages, taking turns on one thread. `each_turn` is called between them."""

    name: str
    stages: Sequence[Stage]
    sources: Sequence[KafkaSource]
    each_turn: Sequence[Callable[[], None]] = ()
    beats: int = 0
    joined: bool = False
    failure: BaseException | None = None
    lags: dict[Place, int] = field(default_factory=dict)
    reads: dict[Place, float | None] = field(default_factory=dict)
    _lag_due: float = 0.0

    def beat(self) -> None:
        """Made progress, or waits for something and knows it."""
        self.beats += 1

    def lag(self) -> dict[Place, int]:
        """How far behind this sink is, as its own thread last saw it."""
        return self.lags

    def read_at(self, place: Place) -> float | None:
        """When the record was written that this sink was told of last, likewise."""
        return self.reads.get(place)

    def turn(self, service: Service) -> None:
        """Turns the stages round until told to stop. Raises what broke."""
        with ExitStack() as closing:
            for stage in self.stages:
                closing.callback(stage.close)
            watched = [observed(stage, service.metrics) for stage in self.stages]
            while not service.stop:
                for stage in watched:
                    stage.step(utc_now, self.beat)
                for act in self.each_turn:
                    act()
                self.beat()
                self._tell()

    def _tell(self) -> None:
        """What the main thread is to know of sources that only this one may touch."""
        self.joined = all(source.joined for source in self.sources)
        if time.monotonic() >= self._lag_due:
            self._lag_due = time.monotonic() + LAG_EVERY_S
            lags = [(source, place, count) for source in self.sources for place, count in source.lag().items()]
            self.lags = {place: count for _, place, count in lags}
            self.reads = {place: source.read_at(place) for source, place, _ in lags}


def run(service: Service, arms: Sequence[Arm]) -> None:
    """Runs the arms until told to stop. The first that breaks ends all, and is raised.

    The service is alive while every arm makes turns, and ready once every source has its place in its group.
    """
    export = LagExport(arms, service.metrics)
    threads = [_Thread(arm, service) for arm in arms]
    for thread in threads:
        thread.start()
    seen = [-1] * len(arms)
    while not service.stop and all(arm.failure is None for arm in arms):
        service.stop.wait(LOOK_EVERY_S)
        beats = [arm.beats for arm in arms]
        if all(now != before for now, before in zip(beats, seen, strict=True)):
            seen = beats
            service.heart.beat()
        service.heart.ready = all(arm.joined for arm in arms)
        export()
    service.heart.ready = False
    service.stop.set()
    for thread in threads:
        thread.join()
    for arm in arms:
        if arm.failure is not None:
            raise arm.failure


class _Thread(threading.Thread):
    def __init__(self, arm: Arm, service: Service) -> None:
        super().__init__(name=arm.name)
        self._arm = arm
        self._service = service

    def run(self) -> None:
        try:
            self._arm.turn(self._service)
        except Stopping as stopping:
            structlog.get_logger().info("stopped_while_away", sink=str(stopping), next="nothing was committed")
        except BaseException as error:  # noqa: BLE001  raised again in the main thread, where a crash becomes an exit
            self._arm.failure = error
