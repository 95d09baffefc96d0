"""What people asked training for, and how far each has come."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TypeVar
from uuid import UUID

from andon.errors import Invalid
from andon.records import Request, RequestNews, RequestState, read_event
from andon.stage import Record

MOST = 1000
WAITING = "waiting"
_T = TypeVar("_T", Request, RequestNews)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and the last that was heard of it (None: nobody has taken it yet)."""

    request: Request
    news: RequestNews | None = None

    @property
    def state(self) -> str:
        """waiting, taken, done or refused."""
        return self.news.state.value if self.news else WAITING

    @property
    def over(self) -> bool:
        """Whether nothing more will be heard of it."""
        return self.state in (RequestState.DONE, RequestState.REFUSED)


class Requests:
    """Any thread may ask. The newest MOST; news may come before the request that it is of."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._asked: dict[UUID, Request] = {}
        self._news: dict[UUID, RequestNews] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `requests`, any number of times."""
        with self._lock:
            for record in records:
                with suppress(Invalid):
                    self._add(record.value)
            self.version += 1

    def all(self) -> list[Asked]:
        """The newest first."""
        with self._lock:
            found = [Asked(each, self._news.get(each.request_id)) for each in self._asked.values()]
        return sorted(found, key=lambda each: each.request.at, reverse=True)

    def get(self, request: UUID) -> Asked | None:
        """One of them."""
        with self._lock:
            found = self._asked.get(request)
            return Asked(found, self._news.get(request)) if found is not None else None

    def at(self, station: str, product: str | None = None) -> list[Asked]:
        """Those about exactly this station and product, the newest first."""
        return [each for each in self.all() if (each.request.station, each.request.product) == (station, product)]

    def _add(self, value: bytes) -> None:
        if is_news(value):
            news = read_event(RequestNews, value)
            known = self._news.get(news.request_id)
            if _aware(news.at) and (known is None or _rank(known) <= _rank(news)):
                _put(self._news, news)
            return
        request = read_event(Request, value)
        if _aware(request.at):
            _put(self._asked, request)


def is_news(value: bytes | None) -> bool:
    """Whether a record of `requests` is news of one, as its field `record` says."""
    try:
        fields = json.loads(value or b"")
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("record") == "news"


def _rank(news: RequestNews) -> tuple[bool, datetime]:
    """An end stands, whatever is said later by one who began anew."""
    return news.state is not RequestState.TAKEN, news.at


def _aware(at: datetime) -> bool:
    return at.tzinfo is not None


def _put(known: dict[UUID, _T], each: _T) -> None:
    known.pop(each.request_id, None)
    known[each.request_id] = each
    if len(known) > MOST:
        known.pop(next(iter(known)))
