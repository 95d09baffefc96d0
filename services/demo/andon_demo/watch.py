"""Watching a line that streams: the live view, until everything streamed has its verdict and its page."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from andon.errors import Broken
from andon.topics import SCORES
from andon_demo.follow import Follower
from andon_demo.line import Line, ServiceProcess, last_json
from andon_demo.report import report
from andon_demo.tally import Tally
from andon_demo.view import view

SETTLE_S = 60.0


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """While inside, the first Ctrl-C or SIGTERM sets the event and nothing else; the second is as it was outside.

    An exception in the midst of reading from Kafka would lose what was just read, and the figures would not balance.
    """
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def once(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, once)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Watch:
    """Shows the line while it runs, and waits until everything streamed has its verdict and its page."""

    def __init__(
        self,
        line: Line,
        ingest: ServiceProcess,
        follower: Follower,
        tally: Tally,
        screen: Console,
        *,
        began: float,
        ends: bool,
        where: str,
        link: str,
    ) -> None:
        self._ends = ends
        self._line = line
        self._ingest = ingest
        self._follower = follower
        self._tally = tally
        self._screen = screen
        self._began = began
        self._where = where
        self._link = link
        self._streamed = time.monotonic()
        self._first_page_s: float | None = None
        self._captured = 0
        self._last_verdict = self._streamed
        self._said = -5.0

    def until_done(self) -> dict[str, object]:
        """The figures, once all is scored (with --exit) or at Ctrl-C."""
        with Live(console=self._screen, refresh_per_second=4, transient=False) as live:
            show = self._show(live) if self._screen.is_terminal else self._say
            with asked_to_stop() as asked:
                while not asked.is_set() and not (self._ends and self._ended()):
                    self._turn(show)
            if asked.is_set():
                self._ingest.process.stop(grace_s=25)
            self._settle(show)
        told = last_json(self._ingest.process.log, "captured") or {}
        skipped = sum(dict(told.get("skipped") or {}).values())  # type: ignore[call-overload]
        captured = int(str(told.get("captured", 0))) + skipped
        wall_s = self._last_verdict - self._streamed
        return report(self._tally, captured=captured, skipped=skipped, wall_s=wall_s, first_page_s=self._first_page_s)

    def _ended(self) -> bool:
        status = self._ingest.process.returncode
        if status not in (None, 0):
            raise Broken(f"ingest ended with status {status}.\n{self._ingest.process.tail()}")
        return status == 0

    def _turn(self, show: Callable[[], None]) -> None:
        self._follower.refresh(0.2)
        self._captured = self._follower.captured() - self._tally.golden
        if self._tally.paged and self._first_page_s is None:
            self._first_page_s = time.monotonic() - self._began
        self._line.check()
        if not self._ends:
            self._ended()
        show()

    def _settle(self, show: Callable[[], None]) -> None:
        """Until every captured frame has its end and alerting has told of it; gives up after SETTLE_S of stillness."""
        self._last_verdict = time.monotonic()
        still_since, before = time.monotonic(), -1
        while True:
            self._turn(show)
            done = self._tally.scored + self._tally.dead_lettered
            if done != before:
                before = done
                still_since = self._last_verdict = time.monotonic()
            if done >= self._captured and self._alerting_is_done():
                self._follower.refresh(0.5)
                return
            if time.monotonic() - still_since > SETTLE_S:
                return

    def _alerting_is_done(self) -> bool:
        waiting = self._line.services["alerting"].gauge("andon_pages_waiting")
        return self._follower.behind("alerting", SCORES) == 0 and not waiting

    def _show(self, live: Live) -> Callable[[], None]:
        def show() -> None:
            elapsed = time.monotonic() - self._streamed
            live.update(
                view(
                    self._tally,
                    captured=self._captured,
                    frames_per_s=self._tally.scored / max(elapsed, 0.1),
                    elapsed_s=elapsed,
                    addresses=self._where,
                    link=self._link,
                )
            )

        return show

    def _say(self) -> None:
        """Without a terminal: a line every five seconds."""
        elapsed = time.monotonic() - self._streamed
        if elapsed - self._said >= 5:
            self._said = elapsed
            self._screen.print(
                f"{elapsed:5.0f} s  captured {self._captured}, scored {self._tally.scored}, "
                f"dead-lettered {self._tally.dead_lettered}, incidents {len(self._tally.opened)}, "
                f"pages {len(self._tally.paged)}"
            )
