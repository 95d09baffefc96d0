"""Asking the world side by side: each kind of facts is looked for once, in a thread of its own, until the deadline."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from typing import Any, TypeVar, cast

from andon.errors import AndonError
from andon_alerting.doctor.finding import NotKnown, NotSetUp

T = TypeVar("T")
Look = Callable[["Ask"], Any]
"""Gives facts. It may ask for others. What it raises says why there are none."""


class Ask:
    """`ask(kind)` waits for the facts of a kind; `begin(kind)` only starts to look, so that looks go on side by side.

    A look that is still waiting for the world when `deadline` has come is left alone: threads end with the process.
    """

    def __init__(self, looks: Mapping[type[Any], Look], within_s: float, clock: Callable[[], float] = time.monotonic):
        self._looks = looks
        self._within_s = within_s
        self._clock = clock
        self._ends = clock() + within_s
        self._lock = threading.Lock()
        self._begun: dict[type[Any], Future[Any]] = {}

    @property
    def left_s(self) -> float:
        """Time left until the deadline, in seconds; never negative."""
        return max(0.0, self._ends - self._clock())

    def begin(self, kind: type[Any]) -> "Future[Any]":
        """Starts to look for the facts of a kind, unless that was begun."""
        with self._lock:
            if kind not in self._begun:
                self._begun[kind] = Future()
                args = (self._looks[kind], self._begun[kind])
                threading.Thread(target=self._look, args=args, daemon=True, name=kind.__name__).start()
            return self._begun[kind]

    def __call__(self, kind: type[T]) -> T:
        """The facts of a kind. Raises NotKnown with the reason, NotSetUp."""
        try:
            return cast(T, self.begin(kind).result(self.left_s))
        except TooLate:
            raise NotKnown(f"no answer within {self._within_s:g} s") from None

    def _look(self, look: Look, found: "Future[Any]") -> None:
        """The one place where whatever a driver raises becomes a reason why something was not checked."""
        try:
            found.set_result(look(self))
        except (NotKnown, NotSetUp) as why:
            found.set_exception(why)
        except TimeoutError:
            found.set_exception(NotKnown("no answer in time"))
        except AndonError as error:
            found.set_exception(NotKnown(str(error)))
        except Exception as error:  # noqa: BLE001  the one place
            found.set_exception(NotKnown(f"{type(error).__name__}: {error}"))
