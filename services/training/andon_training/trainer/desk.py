"""Requests of people and of drift, and how far each has come: in memory alone, all of it can be read back from
`requests`."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records import JobPhase, Request, RequestNews, RequestState, read_event, write_event
from andon.stage import Message, Record
from andon.topics import REQUESTS
from andon_training.trainer.budget import Budget
from andon_training.trainer.telling import Taken, about_work, going, news_of
from andon_training.trainer.word import Result, Word

MOST_TRIES = 3
OVER = frozenset({RequestState.DONE, RequestState.REFUSED})
DRIFT_BY = "drift"
"""Who asks for a bundle to be made anew where a drift is there to stay."""


@dataclass(slots=True)
class Desk:
    """`waiting` are the requests that are to be worked on, in their order; those at hand are `taken`, too.

    `words` is what their workers have said since the last turn. `over` were answered for good. `tries` counts how often
    one failed through no fault of its own, `not_before` when it is taken up again. `told` are the last turn's news,
    `made` the requests that it did, each with its bundle. `put_off` are told to wait for the day's budget, until when.
    """

    budget: Budget = field(default_factory=Budget)
    waiting: dict[UUID, Request] = field(default_factory=dict)
    taken: dict[UUID, Taken] = field(default_factory=dict)
    words: list[tuple[UUID, Word]] = field(default_factory=list)
    over: set[UUID] = field(default_factory=set)
    tries: dict[UUID, int] = field(default_factory=dict)
    not_before: dict[UUID, datetime] = field(default_factory=dict)
    put_off: dict[UUID, datetime] = field(default_factory=dict)
    told: list[RequestNews] = field(default_factory=list)
    made: list[tuple[Request, str]] = field(default_factory=list)

    @property
    def at_work(self) -> list[Request]:
        """The requests at hand."""
        return [each.request for each in self.taken.values()]

    def take(self, record: Record) -> None:
        """Puts a request on the pile, or takes one off that was answered. Any order, any number of times.

        Raises Invalid for what is neither.
        """
        if _is_news(record.value):
            news = read_event(RequestNews, record.value)
            if news.began_at is not None and news.began_at.tzinfo is not None:
                self.budget.note(news.request_id, news.began_at)
            if news.state in OVER:
                self._close(news.request_id)
            return
        request = read_event(Request, record.value)
        if request.request_id not in self.over:
            self.waiting.setdefault(request.request_id, request)

    def forget(self) -> None:
        """They are another's now; what is at hand is dropped."""
        self.waiting, self.taken, self.words, self.put_off = {}, {}, [], {}

    def turn(self, now: datetime, retry_s: float, room: int = 1, busy: Collection[str] = ()) -> list[Message]:
        """News of the requests at hand; then others are taken up, until `room` are, none at a `busy` station."""
        self.made = []
        self.told = [*self._heard(now, retry_s), *self._stands(now), *self._taken(now, room, set(busy))]
        return [Message(REQUESTS, news.station.encode(), write_event(news)) for news in self.told]

    def _heard(self, now: datetime, retry_s: float) -> Iterator[RequestNews]:
        words, self.words = self.words, []
        for request_id, word in words:
            taken = self.taken.get(request_id)
            if taken is None:
                continue
            if word.progress is not None:
                taken.progress = word.progress
            if word.result is not None and word.result.request_id == request_id:
                yield self._ended(taken, word.result, now, retry_s)

    def _stands(self, now: datetime) -> Iterator[RequestNews]:
        for taken in self.taken.values():
            if taken.is_news(now):
                taken.told, taken.told_log, taken.told_at = (taken.progress, taken.report), taken.log, now
                yield news_of(taken.request, RequestState.TAKEN, going(taken), now, **about_work(taken))

    def _ended(self, taken: Taken, result: Result, now: datetime, retry_s: float) -> RequestNews:
        request, tries = taken.request, taken.tries + 1
        del self.taken[request.request_id]
        if result.ours and tries < MOST_TRIES:
            self.tries[request.request_id] = tries
            self.not_before[request.request_id] = now + timedelta(seconds=retry_s)
            sentence = f"Not done yet: {result.problem.rstrip('.')}. Training tries again in {retry_s:.0f} s."
            failed = {"phase": JobPhase.FAILED, "log": taken.log or None}
            return news_of(request, RequestState.TAKEN, sentence, now, **failed)
        self._close(request.request_id)
        work = about_work(taken) | {"progress": None}
        if result.bundle is None:
            work["phase"] = JobPhase.FAILED
            return news_of(request, RequestState.REFUSED, result.problem, now, rescored=result.rescored, **work)
        self.made.append((request, result.bundle))
        work["phase"] = JobPhase.DONE
        found = {"bundle": result.bundle, "threshold": result.threshold, "rescored": result.rescored}
        return news_of(request, RequestState.DONE, result.sentence, now, **found, **work)

    def _taken(self, now: datetime, room: int, busy: set[str]) -> Iterator[RequestNews]:
        busy |= {request.station for request in self.at_work}
        for request in self._ready(now):
            if len(self.taken) >= room:
                return
            if request.station in busy:
                continue
            until = self.budget.full_until(now) if self._counts(request) else None
            if until is None:
                busy.add(request.station)
                yield self._begun(request, now)
            elif self.put_off.get(request.request_id) != until:
                self.put_off[request.request_id] = until
                yield news_of(request, RequestState.TAKEN, self._wait_words(until), now, phase=JobPhase.WAITING)

    def _ready(self, now: datetime) -> list[Request]:
        """Those that may be taken up, of people first."""
        waiting = (each for each in self.waiting.values() if each.request_id not in self.taken)
        ready = [each for each in waiting if self.not_before.get(each.request_id, now) <= now]
        return sorted(ready, key=lambda each: each.by == DRIFT_BY)

    def _counts(self, request: Request) -> bool:
        """Whether the day's budget may hold it back: not what a person asks for, nor what was begun already."""
        return request.by == DRIFT_BY and request.request_id not in self.budget.begun

    def _begun(self, request: Request, now: datetime) -> RequestNews:
        self.put_off.pop(request.request_id, None)
        self.budget.note(request.request_id, now)
        taken = Taken(request, now, self.tries.get(request.request_id, 0), told_at=now)
        self.taken[request.request_id] = taken
        return news_of(request, RequestState.TAKEN, "Training works on it.", now, **about_work(taken))

    def _wait_words(self, until: datetime) -> str:
        return (
            f"It waits until {until:%d %B %H:%M} UTC: {len(self.budget.begun)} requests were begun in 24 hours, and "
            f"what drift asks for waits beyond {self.budget.a_day} (ANDON_JOBS__A_DAY); what people ask for does not."
        )

    def _close(self, request_id: UUID) -> None:
        self.over.add(request_id)
        for pile in (self.waiting, self.taken, self.not_before, self.tries, self.put_off):
            pile.pop(request_id, None)


def _is_news(value: bytes) -> bool:
    """Whether a record of the topic is news, as its `record` says. Raises Invalid where it is no JSON object."""
    try:
        fields = json.loads(value)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Invalid(Reason.BAD_RECORD, "neither a request nor news of one: not a JSON object")
    return fields.get("record") == "news"
