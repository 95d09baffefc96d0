"""An alert that always fires, so that its absence tells that nobody would be told.

alerting sends it to Alertmanager, Alertmanager to whoever waits for it outside (a dead man's switch). It is sent only
while alerting's own loop turns and Redis answers: without either, no page would go out. With the defaults it is sent
every 20 s and ends 60 s later, so an alerting that dies is silent in Alertmanager within 60 s; a switch that waits 60 s
after the last sign of life tells of it within 2 minutes. https://runbooks.prometheus-operator.dev/runbooks/general/watchdog
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from andon_alerting.notifiers import Delivered
from andon_alerting.notifiers.alertmanager import Alertmanager
from andon_alerting.outbox import Outbox


class Watchdog:
    """Shows Alertmanager a sign of life, one replica for all, as often as it is due."""

    __slots__ = ("_alertmanager", "_alive", "_outbox")

    def __init__(self, alertmanager: Alertmanager, outbox: Outbox, alive: Callable[[], bool]) -> None:
        self._alertmanager = alertmanager
        self._outbox = outbox
        self._alive = alive

    def __call__(self, now: datetime) -> None:
        """Sends it where it is due. A call that fails is no matter: the next one comes long before it lapses."""
        if not self._alive() or not self._outbox.beat(now.timestamp(), self._alertmanager.beat_s):
            return
        answer = self._alertmanager.show_life(now)
        if not isinstance(answer, Delivered):
            structlog.get_logger().warning("watchdog_unsent", sink=self._alertmanager.name, reason=answer.reason)
