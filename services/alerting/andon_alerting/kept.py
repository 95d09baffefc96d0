"""What a stage beside the scores remembers, place by place, and the pages it leaves: loaded with the batch, kept with
the commit.

A wrapper of a source, as `remember.Remembering` is for scores: `poll` lays on a `Slate` what is remembered of the
places that the batch speaks of, the handler changes the slate, and `commit`, when Kafka has the events, keeps what
changed and queues the pages in one step; the offsets follow. If another process changed one of the places meanwhile,
nothing is kept nor committed, and the same records are handed out again over what is there now.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import structlog

from andon.records import IncidentEvent, IncidentKind, Notice, write_event
from andon.redis_client import Client, Patience, Script
from andon.stage import Record, Source
from andon_alerting.ended import Settled
from andon_alerting.outbox import DONE_KEEP_S, KEEP_S, QUEUE, Keys, run_script, turn

T = TypeVar("T")
Telling = IncidentEvent | Notice
"""What a page tells of."""

SINCE = "since"
"""The field of a hash that says since when it is here; no place is called so."""

KEEP = (
    QUEUE
    + """
local kept, now, keep, done_keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local changes, arg = tonumber(ARGV[4]), 5
for each = 0, changes - 1 do
  if (redis.call('HGET', kept, ARGV[arg + 3 * each]) or '') ~= ARGV[arg + 3 * each + 1] then return 0 end
end
for _ = 1, changes do
  if ARGV[arg + 2] == '' then
    redis.call('HDEL', kept, ARGV[arg])
  else
    redis.call('HSET', kept, ARGV[arg], ARGV[arg + 2])
  end
  arg = arg + 3
end

local function refresh(page, body)
  if redis.call('HEXISTS', page, 'opened') == 1 and redis.call('HGET', page, 'told') ~= 'resolved' then
    redis.call('HSET', page, 'opened', body)
  end
end

for key = 2, #KEYS, 3 do
  local incident, kind, body, wait = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], tonumber(ARGV[arg + 3])
  if kind == 'updated' then
    refresh(KEYS[key + 2], body)
  else
    queue(KEYS[key], KEYS[key + 1], KEYS[key + 2], incident, kind, body, tonumber(now) + wait, keep, done_keep)
  end
  arg = arg + 4
end
return 1
"""
)
"""Keeps what changed and queues pages, both or nothing: nothing where a place is not as it was loaded. An update is
no page of its own: what the next reminder says of the incident is how it stands now."""


@dataclass(frozen=True, slots=True)
class Due:
    """Something to be told, `wait_s` from now, so that what is over by then wakes nobody."""

    about: Telling
    wait_s: float = 0.0


@dataclass(slots=True)
class Slate(Generic[T]):
    """What is remembered at some places, as loaded (`held`) and as it is now (`kept`); and what is to be told."""

    held: dict[str, T] = field(default_factory=dict)
    kept: dict[str, T] = field(default_factory=dict)
    pages: list[Due] = field(default_factory=list)

    def begin(self, held: Mapping[str, T]) -> None:
        """A new turn."""
        self.held, self.kept, self.pages = dict(held), dict(held), []

    def tell(self, about: Telling, wait_s: float = 0.0) -> None:
        """Leaves a page. What began and was over within one turn wakes nobody."""
        ours = [each for each in self.pages if _is_of(each.about, about)]
        if turn(about) is IncidentKind.RESOLVED and any(turn(each.about) is IncidentKind.OPENED for each in ours):
            self.pages = [each for each in self.pages if each not in ours]
        else:
            self.pages.append(Due(about, wait_s))

    @property
    def changes(self) -> dict[str, T | None]:
        """What is there now that was not, or was otherwise; None for what is gone."""
        gone: dict[str, T | None] = dict.fromkeys(self.held.keys() - self.kept.keys())
        return gone | {place: each for place, each in self.kept.items() if self.held.get(place) != each}


def _is_of(page: Telling, about: Telling) -> bool:
    return isinstance(page, IncidentEvent) and _name(page) == _name(about)


class Shelf(Protocol[T]):
    """Where it lies; `RedisShelf` is the real one."""

    def places(self) -> list[str]:
        """Where anything is remembered."""

    def load(self, places: Iterable[str]) -> dict[str, T] | None:
        """What is remembered at these places; None where everything was lost, or never was."""

    def save(self, changes: Mapping[str, T | None], pages: Sequence[Due], now: datetime) -> bool:
        """Keeps the changes and queues the pages, each once however often it is said; False, and nothing done, where
        a place is no longer as it was loaded."""

    def restore(self, kept: Mapping[str, T], now: datetime) -> None:
        """Puts back what was lost, where nothing is remembered."""


class RedisShelf(Generic[T]):
    """A hash in Redis, a field a place. `text` and `read` turn what is remembered into text and back.

    With `may_be_lost` the hash says itself since when it is here, and one that does not say so is lost.
    """

    def __init__(
        self,
        redis: Client,
        keys: Keys,
        key: str,
        sinks: Iterable[str],
        *,
        read: Callable[[str], T],
        text: Callable[[T], str],
        may_be_lost: bool = False,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._key = key
        self._sinks = tuple(sinks)
        self._read = read
        self._text = text
        self._may_be_lost = may_be_lost
        self._loaded: dict[str, str] = {}
        self._keep = Script(KEEP)

    def places(self) -> list[str]:
        """The names of the fields."""
        return sorted({str(each) for each in self._redis.hkeys(self._key)} - {SINCE})

    def load(self, places: Iterable[str]) -> dict[str, T] | None:
        """One look, so that a loss cannot hide between two."""
        wanted = sorted(places)
        since, *rows = self._redis.hmget(self._key, [SINCE, *wanted])
        if since is None and self._may_be_lost:
            return None
        self._loaded = {place: row for place, row in zip(wanted, rows, strict=True) if row}
        return {place: self._read(row) for place, row in self._loaded.items()}

    def save(self, changes: Mapping[str, T | None], pages: Sequence[Due], now: datetime) -> bool:
        """One script."""
        texts = {place: "" if each is None else self._text(each) for place, each in changes.items()}
        keys: list[str] = [self._key]
        told: list[str | float] = [now.timestamp(), KEEP_S, DONE_KEEP_S, len(texts)]
        for place, text in texts.items():
            told += [place, self._loaded.get(place, ""), text]
        for each in pages:
            name, kind = _name(each.about), str(turn(each.about))
            body = write_event(as_it_stands(each.about)).decode()
            for sink in self._sinks:
                keys += [self._keys.outbox(sink), self._keys.waiting(sink), self._keys.page(sink, name)]
                told += [name, kind, body, each.wait_s]
        return bool(run_script(self._redis, self._keep, keys, told))

    def restore(self, kept: Mapping[str, T], now: datetime) -> None:
        """What is remembered, then the mark: should it break off, the next look finds the mark missing."""
        for place, each in kept.items():
            self._redis.hsetnx(self._key, place, self._text(each))
        self._redis.hset(self._key, SINCE, now.isoformat(timespec="seconds"))


def _name(about: Telling) -> str:
    return str(about.notice_id if isinstance(about, Notice) else about.incident_id)


def as_it_stands(about: Telling) -> Telling:
    """An update as what it makes of the page that tells of the opening."""
    if isinstance(about, IncidentEvent) and about.kind is IncidentKind.UPDATED:
        return about.model_copy(update={"kind": IncidentKind.OPENED})
    return about


def as_it_is(held: Mapping[str, T]) -> Settled[T]:
    """People ended nothing."""
    return dict(held), []


class Keeping(Generic[T]):
    """A source that keeps a slate in step with a shelf. `places_of` names what a record speaks of, `also` what else is
    to be decided on in this turn; `rebuild` reads back what was lost; `settle` takes out what people ended."""

    def __init__(
        self,
        source: Source,
        shelf: Shelf[T],
        slate: Slate[T],
        places_of: Callable[[Record], Iterable[str]],
        patience: Patience,
        *,
        clock: Callable[[], datetime],
        on_saved: Callable[[], None] = lambda: None,
        rebuild: Callable[[], Mapping[str, T]] = dict,
        also: Callable[[], Iterable[str]] = tuple,
        settle: Callable[[Mapping[str, T]], Settled[T]] = as_it_is,
    ) -> None:
        self._source = source
        self._shelf = shelf
        self._slate = slate
        self._places_of = places_of
        self._patience = patience
        self._clock = clock
        self._on_saved = on_saved
        self._rebuild = rebuild
        self._also = also
        self._settle = settle
        self._batch: Sequence[Record] = ()
        self._again = False

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The records, with what is remembered of the places they speak of."""
        if not self._again:
            self._save()  # what a turn without records decided; it has no commit
            self._batch = self._source.poll()
        self._again = False
        places = {place for record in self._batch for place in self._places_of(record)} | {*self._also()}
        held = self._load(places) if places else {}
        self._slate.begin(held)
        self._slate.kept, over = self._patience(lambda: self._settle(held))
        for event in over:
            self._slate.tell(event)
        return self._batch

    def commit(self) -> None:
        """What changed, then the offsets; or neither, and the same records again."""
        if self._save():
            self._source.commit()
        else:
            self._again = True

    def hold(self, records: Sequence[Record]) -> None:
        """As the source."""
        self._source.hold(records)

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source."""
        self._source.close()

    def _save(self) -> bool:
        changes, pages = self._slate.changes, self._slate.pages
        self._slate.begin({})
        if not changes and not pages:
            return True
        if not self._patience(lambda: self._shelf.save(changes, pages, self._clock())):
            structlog.get_logger().warning("moved_by_another", places=sorted(changes))
            return False
        self._on_saved()
        return True

    def _load(self, places: set[str]) -> dict[str, T]:
        held = self._patience(lambda: self._shelf.load(places))
        while held is None:
            self._restore()
            held = self._patience(lambda: self._shelf.load(places))
        return held

    def _restore(self) -> None:
        kept = self._rebuild()
        self._patience(lambda: self._shelf.restore(kept, self._clock()))
        structlog.get_logger().info("remembered_again", places=sorted(kept))
