"""One replica works, the others stand by: the thread that keeps the Lease, and what the trainer does meanwhile."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from andon.errors import Broken
from andon.heart import Heart
from andon.run import Stop
from andon_training.jobs.api import KubernetesError
from andon_training.jobs.lease import DURATION_S, RENEW_BY_S, RETRY_S, Claim

STANDBY = "standby"
LOOK_S = 0.5
HARD_S = 3.0  # between RENEW_BY_S and DURATION_S: whoever has not ended by then is ended


class Keeper:
    """Takes the Lease when it is free, and renews it. `fatal` ends this process when it goes on without it."""

    def __init__(self, claim: Claim, fatal: Callable[[], None] = lambda: os._exit(1)) -> None:
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._claim = claim
        self._done = threading.Event()
        self._fatal = fatal
        self.led = False

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def _run(self) -> None:
        while not self._done.is_set():
            self._turn()
            self._done.wait(RETRY_S)

    def check(self) -> None:
        """To be called every turn of who works. Raises Broken once the Lease may pass on."""
        if not self._claim.holds:
            raise Broken(
                f"the Lease could not be renewed for {RENEW_BY_S:.0f} s and may pass to another; "
                "what runs in Jobs runs on, and is adopted"
            )

    def check_alive(self) -> None:
        """To be called by who stands by. Raises Broken where nobody asks for the Lease any more."""
        if not self._thread.is_alive():
            raise Broken("nobody asks for the Lease any more: a mistake of Andon's; its traceback is above")

    def close(self) -> None:
        """Gives the Lease back; the next replica takes over within seconds."""
        self._done.set()
        self._thread.join(RENEW_BY_S)
        try:
            self._claim.give_back()
        except KubernetesError as error:
            structlog.get_logger().warning("lease_not_given_back", error=str(error), lasts_s=DURATION_S)

    def _turn(self) -> None:
        try:
            won = self._claim.try_once()
        except KubernetesError as error:
            structlog.get_logger().warning("lease_not_renewed" if self.led else "lease_unknown", error=str(error))
            return
        if won and not self.led:
            self.led = True
            structlog.get_logger().info("leading", identity=self._claim.identity)
            threading.Thread(target=self._watch, name="lease-watch", daemon=True).start()

    def _watch(self) -> None:
        """A loop that hangs does not hear of it; so it is ended while the Lease is still nobody else's."""
        while self._claim.holds:
            if self._done.wait(LOOK_S):
                return
        if not self._done.wait(HARD_S):
            self._fatal()


@contextmanager
def alone(claim: Claim, heart: Heart, stop: Stop) -> Iterator[Keeper | None]:
    """Waits for the Lease, alive and ready meanwhile, and keeps it while the block runs; None where the trainer is told
    to stop before it has it."""
    keeper = Keeper(claim)
    keeper.start()
    try:
        yield keeper if _stood_by(keeper, claim, heart, stop) else None
    finally:
        keeper.close()


def _stood_by(keeper: Keeper, claim: Claim, heart: Heart, stop: Stop) -> bool:
    heart.word, heart.ready = STANDBY, True
    told = ""
    while not claim.holds and not stop:
        heart.beat()
        keeper.check_alive()
        if claim.holder and claim.holder != told:
            told = claim.holder
            structlog.get_logger().info("standing_by", leads=told, identity=claim.identity)
        stop.wait(LOOK_S)
    heart.word, heart.ready = "", False
    return claim.holds
