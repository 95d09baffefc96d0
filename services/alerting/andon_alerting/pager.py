"""Telling people: what is due is sent, and sent again until the sink has it.

A page is not a record. It is tried until it is accepted or refused for good, at its own times and at its sink's
pace, while scores go on: so the pager is no stage but a loop of its own, one thread a sink, that shares nothing with
the scores but Redis. A slow or dead sink delays neither the scores nor another sink.

After a sink accepted a page, the event `paged` goes to Kafka before the page is settled: killed in between, the page
is told once more under the same id, never not at all. The same event, under its reason, says that a page was dropped
without telling anybody, so that a lost Redis does not bring it back.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

import structlog

from andon.metrics import Metrics
from andon.records import IncidentEvent, IncidentKind, Notice
from andon.redis_client import PASSING
from andon.stage import Sink
from andon_alerting.links import NO_LINKS, LinkSettings
from andon_alerting.notifiers import Answer, Delivered, Notifier, Refused, RetryAfter
from andon_alerting.outbox import Entry, Outbox
from andon_alerting.page import Page, page
from andon_alerting.policy import State
from andon_alerting.put_off import DROPPED, PUT_OFF, When, is_told_first, when
from andon_alerting.settings import PagingSettings
from andon_alerting.story import paged, refreshed
from andon_alerting.traces import turn_message

PAUSE_S = 0.5
JOIN_S = 15.0
LOOK_AGAIN_S = 30.0  # a page that is put off is looked at so often, since people end a silence early
TURNS = (IncidentKind.OPENED, IncidentKind.RESOLVED)
IDENTITY = ("station", "site", "area", "line", "route", "cause", "severity", "product", "drill")

Quiet = Callable[[IncidentEvent | Notice, datetime], datetime | None]
"""Until when nobody is to be called about something; None: they may be called. Any thread may ask."""


def never_quiet(_about: IncidentEvent | Notice, _now: datetime) -> None:
    """Everybody may be called at any time."""


def unexplained(_about: IncidentEvent | Notice) -> bool:
    """Nothing is known that explains it."""
    return False


def no_beat(_now: datetime) -> None:
    """Nothing is done first."""


def nobody(_incidents: Sequence[str]) -> dict[str, IncidentEvent]:
    """Nobody has taken anything on."""
    return {}


@dataclass(frozen=True)
class Pager:
    """Tells one sink. `state_of` answers what is known of a station now; `random` spreads the retries; `quiet` is the
    gate that is asked before somebody is called; `explained` whether a fault of the camera, which is told by itself,
    explains it; `beat` is done first thing in every turn; `taken` answers who has
    taken which incidents on."""

    notifier: Notifier
    outbox: Outbox
    incidents: Sink
    state_of: Callable[[str], State | None]
    settings: PagingSettings
    clock: Callable[[], datetime]
    random: Random
    metrics: Metrics
    quiet: Quiet = never_quiet
    explained: Callable[[IncidentEvent | Notice], bool] = unexplained
    beat: Callable[[datetime], None] = no_beat
    taken: Callable[[Sequence[str]], Mapping[str, IncidentEvent]] = nobody
    links: LinkSettings = NO_LINKS

    def turn(self) -> int:
        """Tells what is due, in one call; answers how many pages that were."""
        now = self.clock()
        self.beat(now)
        claimed = self.outbox.claim(self.notifier.batch, now.timestamp())
        entries = [self._fresh(each) for each in claimed if self._goes_now(each, now)]
        if entries:
            self._send(entries, now)
        elif claimed:
            self.outbox.unused(claimed[0])
        self.metrics.pages_waiting.labels(self.notifier.name).set(self.outbox.waiting())
        return len(entries)

    def close(self) -> None:
        """Gives back the sink's connections and the producer."""
        self.notifier.close()
        self.incidents.close()

    def _goes_now(self, entry: Entry, now: datetime) -> bool:
        """Whether it is told now; what is not, is settled."""
        end = self.quiet(entry.event, now)
        verdict = when(entry, end, explained=is_told_first(entry) and self.explained(entry.event))
        if verdict in PUT_OFF:
            look_again = now.timestamp() + LOOK_AGAIN_S
            self.outbox.put_off(entry, now.timestamp(), min(end.timestamp(), look_again) if end else look_again)
        if verdict in DROPPED:
            self._drop(entry, verdict, now)
        if verdict in DROPPED or (verdict in PUT_OFF and not entry.put_off):
            name = "page_put_off" if verdict in PUT_OFF else "page_dropped"
            structlog.get_logger().info(name, why=verdict.value, **self._about(entry))
        return verdict is When.NOW

    def _drop(self, entry: Entry, why: When, now: datetime) -> None:
        if entry.over is not None:
            self._record([paged(entry.over, self.notifier.name, now).model_copy(update={"reason": why.value})])
        self.outbox.dropped(entry, now.timestamp())

    def _send(self, entries: Sequence[Entry], now: datetime) -> None:
        answer = self.notifier.send(self._pages(entries), now)
        if isinstance(answer, Refused) and len(entries) > 1:  # one of them is at fault: find it, call by call
            halves = [f"{self.random.getrandbits(64):x}" for _ in range(2)]
            self.outbox.apart(entries, self.clock().timestamp(), halves)
            return
        self._log(entries, answer)
        match answer:
            case Delivered():
                self._delivered(entries)
            case RetryAfter(seconds, _):
                self._later(entries, seconds)
            case Refused():
                for each in entries:
                    self.outbox.told(each, self.clock().timestamp())

    def _pages(self, entries: Sequence[Entry]) -> list[Page]:
        """As they are told; of what is open, with who has taken it on."""
        ids = [str(each.event.incident_id) if isinstance(each.event, IncidentEvent) else "" for each in entries]
        taken = self.taken(
            [name for name, each in zip(ids, entries, strict=True) if name and each.turn is IncidentKind.OPENED]
        )
        return [page(each.event, taken.get(name), self.links) for name, each in zip(ids, entries, strict=True)]

    def _later(self, entries: Sequence[Entry], asked: float | None) -> None:
        """They go together again; while a sink asks for a pause, it gets none of the others either."""
        pause = self._pause_s(max(each.attempts for each in entries), asked)
        if asked is not None:
            self.outbox.rest(self.clock().timestamp() + min(asked, self.settings.longest_retry_s))
        for each in entries:
            self.outbox.later(each, self.clock().timestamp(), pause)

    def _delivered(self, entries: Sequence[Entry]) -> None:
        first = [each.event for each in entries if not each.again and isinstance(each.event, IncidentEvent)]
        at = self.clock()
        self._record([paged(each, self.notifier.name, at) for each in first if each.kind in TURNS])
        for each in entries:
            self.outbox.told(each, self.clock().timestamp(), self._again_in_s(each.event))

    def _record(self, events: Sequence[IncidentEvent]) -> None:
        messages = [turn_message(each) for each in events]
        if messages:
            self.incidents.send(messages, lambda: None)

    def _again_in_s(self, event: IncidentEvent | Notice) -> float | None:
        """When a sink that forgets must be told again: until shortly after it is over; news, for as long."""
        resend = self.notifier.resend_s
        if resend is None or event.kind is IncidentKind.OPENED:
            return resend
        over_for = (self.clock() - event.at).total_seconds()
        return resend if over_for + resend <= self.notifier.linger_s else None

    def _fresh(self, entry: Entry) -> Entry:
        """What is told of an open incident is how it stands now; what it is about is what it was when it opened."""
        event = entry.event
        if not isinstance(event, IncidentEvent):
            return entry
        if event.kind is IncidentKind.OPENED:
            state = self.state_of(event.station)
            held = state.incident(event.cause) if state else None
            if held is not None and held.incident == event.incident_id:
                event = refreshed(event, held)
        return replace(entry, event=same_identity(event, entry.opened))

    def _pause_s(self, attempts: int, asked: float | None) -> float:
        """Doubling, with jitter, so that replicas and pages do not knock together; at least what the sink asked for."""
        doubled = min(self.settings.longest_retry_s, self.settings.first_retry_s * 2.0 ** min(attempts, 16))
        return max(asked or 0.0, doubled * self.random.uniform(0.5, 1.0))

    def _about(self, entry: Entry) -> dict[str, str]:
        return {
            "sink": self.notifier.name,
            "incident": entry.incident,
            "kind": entry.event.kind.value,
            "station": entry.event.station,
        }

    def _log(self, entries: Sequence[Entry], answer: Answer) -> None:
        sink, log = self.notifier.name, structlog.get_logger()
        for each in entries:
            about = self._about(each)
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


def same_identity(event: IncidentEvent, opened: IncidentEvent | Notice | None) -> IncidentEvent:
    """`event` about what `opened` was about: should the line file change meanwhile, the incident keeps its labels."""
    if not isinstance(opened, IncidentEvent):
        return event
    return event.model_copy(update={name: getattr(opened, name) for name in IDENTITY})


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
