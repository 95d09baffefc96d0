"""Telling people: what is due is sent, and sent again until the sink has it.

A page is not a record. It is tried until it is accepted or refused for good, at its own times and at its sink's
pace, while scores go on: so the pager is no stage but a loop of its own, one thread a sink, that shares nothing with
the scores but Redis. A slow or dead sink delays neither the scores nor another sink.

After a sink accepted a page, the event `paged` goes to Kafka before the page is settled: killed in between, the page
is told once more under the same id, never not at all.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from random import Random

import structlog

from andon.metrics import Metrics
from andon.records import IncidentEvent, IncidentKind, Notice, write_event
from andon.stage import Message, Sink
from andon.topics import INCIDENTS
from andon_alerting.notifiers import Answer, Delivered, Notifier, Refused, RetryAfter
from andon_alerting.outbox import Entry, Outbox
from andon_alerting.page import page
from andon_alerting.policy import State
from andon_alerting.redis_client import PASSING
from andon_alerting.settings import PagingSettings
from andon_alerting.story import opening, paged

PAUSE_S = 0.5
JOIN_S = 15.0


@dataclass(frozen=True)
class Pager:
    """Tells one sink. `state_of` answers what is known of a station now; `random` spreads the retries."""

    notifier: Notifier
    outbox: Outbox
    incidents: Sink
    state_of: Callable[[str], State | None]
    settings: PagingSettings
    clock: Callable[[], datetime]
    random: Random
    metrics: Metrics

    def turn(self) -> int:
        """Tells what is due, in one call; answers how many pages that were."""
        now = self.clock()
        entries = [self._fresh(each) for each in self.outbox.claim(self.notifier.batch, now.timestamp())]
        if entries:
            self._send(entries, now)
        self.metrics.pages_waiting.labels(self.notifier.name).set(self.outbox.waiting())
        return len(entries)

    def close(self) -> None:
        """Gives back the sink's connections and the producer."""
        self.notifier.close()
        self.incidents.close()

    def _send(self, entries: Sequence[Entry], now: datetime) -> None:
        answer = self.notifier.send([page(each.event) for each in entries], now)
        if isinstance(answer, Refused) and len(entries) > 1:  # one of them is at fault: find it
            for each in entries:
                self._send([each], now)
            return
        self._log(entries, answer)
        match answer:
            case Delivered():
                self._delivered(entries)
            case RetryAfter(seconds, _):
                for each in entries:
                    self.outbox.later(each, self.clock().timestamp(), self._pause_s(each, seconds))
            case Refused():
                for each in entries:
                    self.outbox.told(each, self.clock().timestamp())

    def _delivered(self, entries: Sequence[Entry]) -> None:
        first = [each.event for each in entries if not each.again and isinstance(each.event, IncidentEvent)]
        if first:
            at = self.clock()
            events = [paged(each, self.notifier.name, at) for each in first]
            messages = [Message(INCIDENTS, each.station.encode(), write_event(each)) for each in events]
            self.incidents.send(messages, lambda: None)
        for each in entries:
            self.outbox.told(each, self.clock().timestamp(), self._again_in_s(each.event))

    def _again_in_s(self, event: IncidentEvent | Notice) -> float | None:
        """When a sink that forgets must be told again: until shortly after it is over; news, for as long."""
        resend = self.notifier.resend_s
        if resend is None or event.kind is IncidentKind.OPENED:
            return resend
        over_for = (self.clock() - event.at).total_seconds()
        return resend if over_for + resend <= self.notifier.linger_s else None

    def _fresh(self, entry: Entry) -> Entry:
        """The reminder of an open incident says how it stands now."""
        if not entry.again or isinstance(entry.event, Notice) or entry.event.kind is not IncidentKind.OPENED:
            return entry
        state = self.state_of(entry.event.station)
        held = state.incident(entry.event.cause) if state else None
        if held is None or held.incident != entry.event.incident_id:
            return entry
        return Entry(entry.incident, opening(entry.event.station, held), entry.again, entry.attempts)

    def _pause_s(self, entry: Entry, asked: float | None) -> float:
        """Doubling, with jitter, so that replicas and pages do not knock together; at least what the sink asked for."""
        doubled = min(self.settings.longest_retry_s, self.settings.first_retry_s * 2.0 ** min(entry.attempts, 16))
        return max(asked or 0.0, doubled * self.random.uniform(0.5, 1.0))

    def _log(self, entries: Sequence[Entry], answer: Answer) -> None:
        sink, log = self.notifier.name, structlog.get_logger()
        for each in entries:
            about = {
                "sink": sink,
                "incident": each.incident,
                "kind": each.event.kind.value,
                "station": each.event.station,
            }
            match answer:
                case Delivered():
                    if not each.again:
                        self.metrics.pages_sent.labels(sink, each.event.kind.value).inc()
                        log.info("page_sent", **about)
                case RetryAfter(_, reason):
                    self.metrics.pages_failed.labels(sink, reason).inc()
                    log.warning("page_delayed", reason=reason, attempts=each.attempts + 1, **about)
                case Refused(reason, detail):
                    self.metrics.pages_failed.labels(sink, reason).inc()
                    log.error("page_refused", reason=reason, detail=detail, next="given up; mend the sink", **about)


class Crew:
    """Runs pagers, a thread each, beside the scores; a crash of one is a crash of the process (`check` raises it)."""

    def __init__(self, pagers: Sequence[Pager]) -> None:
        self._pagers = pagers
        self._stop = threading.Event()
        self._wake = [threading.Event() for _ in pagers]
        self._crash: list[BaseException] = []

    def wake(self) -> None:
        """There is something to send."""
        for each in self._wake:
            each.set()

    def check(self) -> None:
        """Raises what stopped a pager."""
        if self._crash:
            raise self._crash[0]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Pages are sent while the block runs; what is being sent when it ends is finished."""
        threads = [
            threading.Thread(
                target=copy_context().run,  # so that its log lines name the service too
                args=(self._work, pager, wake),
                name=f"pager-{pager.notifier.name}",
                daemon=True,
            )
            for pager, wake in zip(self._pagers, self._wake, strict=True)
        ]
        with ExitStack() as closing:
            for pager, thread in zip(self._pagers, threads, strict=True):
                closing.callback(pager.close)
                thread.start()
            try:
                yield
            finally:
                self._stop.set()
                self.wake()
                for thread in threads:
                    thread.join(JOIN_S)

    def _work(self, pager: Pager, wake: threading.Event) -> None:
        try:
            while not self._stop.is_set():
                if not self._turn(pager):
                    wake.wait(PAUSE_S)
                    wake.clear()
        except BaseException as error:  # noqa: BLE001  carried to the main thread, which turns it into an exit
            self._crash.append(error)

    def _turn(self, pager: Pager) -> int:
        try:
            return pager.turn()
        except PASSING as error:  # the scores' thread tells of it, and gives up in time
            structlog.get_logger().debug("pager_waits_for_redis", error=type(error).__name__)
            return 0
