"""The MQTT sink: returns when the broker has acknowledged every message."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from andon.errors import Mistake
from andon.line import Plans
from andon.stage import Clock, Idle, Message
from andon_machines.away import Away, Unreachable
from andon_machines.incident import StationIncident
from andon_machines.link import Link, Will
from andon_machines.names import topic
from andon_machines.result import PartResult, sent, write_result
from andon_machines.settings import GateSettings, MqttSettings
from andon_machines.telling import INCIDENT

IDLE_EVERY_S = 0.5
Told = Callable[[PartResult, datetime], None]
Connect = Callable[[MqttSettings, Will], Link]


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A message that is not acknowledged yet; `result` where it is a verdict."""

    mid: int
    result: PartResult | None = None


class Broker:
    """Publishes verdicts and incidents in order. A break sends again from the first that was not acknowledged on, and
    judges anew what is late by then. `told` hears of each verdict that was accepted.
    """

    def __init__(
        self,
        settings: MqttSettings,
        gate: GateSettings,
        plans: Plans,
        clock: Clock,
        away: Away,
        told: Told,
        connect: Connect = Link,
    ) -> None:
        self._settings = settings
        self._max_age_ms = gate.max_age_ms
        self._plans = plans
        self._clock = clock
        self._away = away
        self._told = told
        self._connect = connect
        self._link: Link | None = None

    def tend(self) -> None:
        """Keeps the connection, or tries to get one. Between turns, so that the broker says that we are online."""
        try:
            if self._link is not None:
                self._link.news(0)
            elif self._away.due:
                self._open()
        except Unreachable as error:
            self._broke(error)

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """Returns when the broker has all. Raises Broken when it is away for too long, Mistake when it refuses."""
        waiting = list(messages)
        while waiting:
            self.tend()
            if self._link is None:
                self._away.wait(idle)
                continue
            try:
                self._publish(self._link, waiting, idle)
            except Unreachable as error:
                self._broke(error)

    def close(self) -> None:
        """Says that we are offline, and goodbye."""
        link, self._link = self._link, None
        if link is not None:
            with suppress(Unreachable, Mistake):
                self._say(link, "offline")
            link.close()

    def _open(self) -> None:
        link = self._connect(self._settings, Will(self._status, b'{"state":"offline"}'))
        try:
            self._say(link, "online")
        except BaseException:
            link.close()
            raise
        self._link = link
        self._away.back()

    def _broke(self, error: Unreachable) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._away.failed(str(error))

    def _say(self, link: Link, state: str) -> None:
        payload = f'{{"state":"{state}","at":"{self._clock().isoformat()}"}}'
        mid = link.publish(self._status, payload.encode(), retain=True)
        deadline = time.monotonic() + self._settings.timeout_s
        while (news := link.news(IDLE_EVERY_S)) is None or news.mid != mid:
            if time.monotonic() > deadline:
                raise Unreachable(f"no acknowledgement within {self._settings.timeout_s:g} s")

    def _publish(self, link: Link, waiting: list[Message], idle: Idle) -> None:
        """Takes what was acknowledged from the front of `waiting`, in order, until it is empty."""
        under_way: deque[UnderWay] = deque()
        accepted: set[int] = set()
        heard_at = idled_at = time.monotonic()
        while waiting:
            while len(under_way) < min(link.window, len(waiting)):
                under_way.append(self._hand_over(link, waiting[len(under_way)]))
            news, now = link.news(IDLE_EVERY_S), time.monotonic()
            if news is not None:
                heard_at = now
                accepted.add(news.mid)
                self._settle(waiting, under_way, accepted)
            elif now - heard_at > self._settings.timeout_s:
                raise Unreachable(f"no acknowledgement within {self._settings.timeout_s:g} s")
            if now - idled_at > IDLE_EVERY_S:
                idle()
                idled_at = now

    def _settle(self, waiting: list[Message], under_way: deque[UnderWay], accepted: set[int]) -> None:
        while under_way and under_way[0].mid in accepted:
            first = under_way.popleft()
            accepted.discard(first.mid)
            del waiting[0]
            if first.result is not None:
                self._told(first.result, self._clock())

    def _hand_over(self, link: Link, message: Message) -> UnderWay:
        """Publishes one."""
        if message.topic == INCIDENT:
            incident = StationIncident.model_validate_json(message.value)
            where = topic(self._settings.incident_topic, levels(incident) | {"cause": incident.cause.value})
            return UnderWay(link.publish(where, message.value, retain=True))
        result = sent(PartResult.model_validate_json(message.value), self._clock(), self._max_age_ms)
        return UnderWay(link.publish(topic(self._settings.verdict_topic, levels(result)), write_result(result)), result)

    @property
    def _status(self) -> str:
        plan = self._plans.of("")  # no station: what the file says of the whole line
        return topic(self._settings.status_topic, {"site": plan.site, "area": plan.area, "line": plan.line})


def levels(of: PartResult | StationIncident) -> dict[str, str]:
    """The place that a topic may name."""
    return {"site": of.site, "area": of.area, "line": of.line, "station": of.station}
