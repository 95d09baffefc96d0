"""Requests of people, and how far each has come: in memory alone, all of it can be read back from `requests`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records import Request, RequestNews, RequestState, read_event, write_event
from andon.stage import Message, Record
from andon.topics import REQUESTS
from andon_training.trainer.word import Result, Word

MOST_TRIES = 3
MOST = 1000  # characters of a sentence
OVER = frozenset({RequestState.DONE, RequestState.REFUSED})


@dataclass(slots=True)
class Desk:
    """`waiting` are the requests that are to be worked on, in their order; the one at hand is `current`.

    `words` is what its errand has said since the last turn. `over` were answered for good. `tries` counts how often one
    failed through no fault of its own, `not_before` when it is taken up again. `told` are the last turn's news, `made`
    the requests that it did, each with its bundle.
    """

    waiting: dict[UUID, Request] = field(default_factory=dict)
    current: Request | None = None
    words: list[Word] = field(default_factory=list)
    over: set[UUID] = field(default_factory=set)
    tries: dict[UUID, int] = field(default_factory=dict)
    not_before: dict[UUID, datetime] = field(default_factory=dict)
    told: list[RequestNews] = field(default_factory=list)
    made: list[tuple[Request, str]] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Puts a request on the pile, or takes one off that was answered. Any order, any number of times.

        Raises Invalid for what is neither.
        """
        if _is_news(record.value):
            news = read_event(RequestNews, record.value)
            if news.state in OVER:
                self._close(news.request_id)
            return
        request = read_event(Request, record.value)
        if request.request_id not in self.over:
            self.waiting.setdefault(request.request_id, request)

    def forget(self) -> None:
        """They are another's now; what is at hand is dropped."""
        self.waiting, self.current, self.words = {}, None, []

    def turn(self, now: datetime, retry_s: float) -> list[Message]:
        """News of the request at hand; then the next one is taken up."""
        self.made = []
        self.told = [*self._heard(now, retry_s), *self._taken(now)]
        return [Message(REQUESTS, news.station.encode(), write_event(news)) for news in self.told]

    def _heard(self, now: datetime, retry_s: float) -> Iterator[RequestNews]:
        words, self.words = self.words, []
        for word in words:
            request = self.current
            if request is None:
                return
            if word.result is None:
                sentence = f"Training works on it: {word.progress or 0:.0%}."
                yield _news(request, RequestState.TAKEN, sentence, now, progress=word.progress)
            elif word.result.request_id == request.request_id:
                yield self._ended(request, word.result, now, retry_s)

    def _ended(self, request: Request, result: Result, now: datetime, retry_s: float) -> RequestNews:
        self.current = None
        tries = self.tries.get(request.request_id, 0) + 1
        if result.ours and tries < MOST_TRIES:
            self.tries[request.request_id] = tries
            self.not_before[request.request_id] = now + timedelta(seconds=retry_s)
            sentence = f"Not done yet: {result.problem.rstrip('.')}. Training tries again in {retry_s:.0f} s."
            return _news(request, RequestState.TAKEN, sentence, now)
        self._close(request.request_id)
        if result.bundle is None:
            return _news(request, RequestState.REFUSED, result.problem, now, rescored=result.rescored)
        self.made.append((request, result.bundle))
        found = {"bundle": result.bundle, "threshold": result.threshold, "rescored": result.rescored}
        return _news(request, RequestState.DONE, result.sentence, now, **found)

    def _taken(self, now: datetime) -> Iterator[RequestNews]:
        ready = (each for each in self.waiting.values() if self.not_before.get(each.request_id, now) <= now)
        if self.current is None and (request := next(ready, None)) is not None:
            self.current = request
            yield _news(request, RequestState.TAKEN, "Training works on it.", now, progress=0.0)

    def _close(self, request_id: UUID) -> None:
        self.over.add(request_id)
        self.waiting.pop(request_id, None)
        self.not_before.pop(request_id, None)
        self.tries.pop(request_id, None)
        if self.current is not None and self.current.request_id == request_id:
            self.current = None


def _is_news(value: bytes) -> bool:
    """Whether a record of the topic is news, as its `record` says. Raises Invalid where it is no JSON object."""
    try:
        fields = json.loads(value)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Invalid(Reason.BAD_RECORD, "neither a request nor news of one: not a JSON object")
    return fields.get("record") == "news"


def _news(request: Request, state: RequestState, sentence: str, now: datetime, **found: object) -> RequestNews:
    given = {"request_id": request.request_id, "state": state, "station": request.station, "at": now}
    return RequestNews.model_validate({**given, "sentence": sentence[:MOST], **found})
