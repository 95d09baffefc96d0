"""Doing the same with many things side by side, in threads that end with the process, whatever they wait for."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(act: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """What `act` answers for each, in their order; raises what it raised for the first that failed. Executors would
    wait at the end of the process for threads that hang; these are left alone."""
    begun = [_begin(act, thing) for thing in things]
    return [each.result() for each in begun]


def _begin(act: Callable[[T], R], thing: T) -> "Future[R]":
    done: Future[R] = Future()

    def run() -> None:
        try:
            done.set_result(act(thing))
        except BaseException as error:  # noqa: BLE001  whoever waits for it gets it
            done.set_exception(error)

    Thread(target=run, daemon=True, name="side").start()
    return done
