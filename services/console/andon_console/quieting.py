"""Alertmanager, where there is one: told of silences, and what it could not be told."""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from threading import Lock

import structlog

from andon.alertmanager import AlertmanagerSettings, Silences
from andon.errors import Broken
from andon.records import Silence
from andon.silences import is_on


class Quieting:
    """Any thread may tell it. What failed is kept until it is told, so that pages can say so and offer it again; it is
    forgotten with the process, as the silence itself is not."""

    def __init__(
        self, settings: AlertmanagerSettings, connect: Callable[[AlertmanagerSettings], Silences] = Silences
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._lock = Lock()
        self._untold: dict[str, str] = {}

    @property
    def is_off(self) -> bool:
        """Whether there is none to be told."""
        return self._settings.url is None

    def tell(self, silences: Sequence[Silence], now: datetime) -> None:
        """Sets those that are on, and ends those that are over. What goes wrong is kept, and told in the log."""
        if self.is_off or not silences:
            return
        problem = ""
        with closing(self._connect(self._settings)) as there:
            for each in silences:
                problem = problem or _tell(there, each, now)  # where it fails once, nobody waits for the others
                self._note(each.target, problem)

    def failed(self, targets: Sequence[str]) -> str:
        """Why Alertmanager does not know how things stand with one of these; '' where it does, or there is none."""
        with self._lock:
            return next((self._untold[each] for each in targets if each in self._untold), "")

    def _note(self, target: str, problem: str) -> None:
        with self._lock:
            self._untold.pop(target, None)
            if problem:
                self._untold[target] = problem
        if problem:
            structlog.get_logger().warning("alertmanager_untold", station=target, why=problem)


def _tell(there: Silences, silence: Silence, now: datetime) -> str:
    try:
        if is_on(silence, now):
            there.keep(silence)
        else:
            there.end(silence.target)
    except Broken as error:
        return str(error)
    except (ValueError, KeyError, TypeError):
        return "what answers there is no Alertmanager"
    return ""
