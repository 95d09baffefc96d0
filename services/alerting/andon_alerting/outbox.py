"""Pages that wait in Redis: they survive a crash, one replica holds one at a time, each sink goes at its own pace.

For each incident and sink there is one hash, `page:<sink>:<incident>`: the events to be told (`opened`, `resolved`),
how far the sink has been told (`told`: '', opened, resolved), how often it was tried, and who holds it until when.
`outbox:<sink>` orders them by when they are due. Since one hash holds both events, a resolved page cannot overtake
its opened one, and since a told hash stays for a while, a redelivered score tells nobody twice.

A sink that forgets (Alertmanager) is told again: then the hash stays due, at a distance, while the incident is open.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import NoScriptError

from andon.records import IncidentEvent, IncidentKind, Notice, read_event
from andon_alerting.redis_client import Client, Script

KEEP_S = 30 * 86_400
DONE_KEEP_S = 86_400
BURST = 20

QUEUE = """
local function queue(outbox, waiting, page, incident, kind, body, now, keep, done_keep)
  if kind == 'opened' then
    if redis.call('EXISTS', page) == 1 then return end
    redis.call('HSET', page, 'opened', body, 'told', '', 'attempts', 0)
    redis.call('ZADD', outbox, now, incident)
  else
    local told = redis.call('HGET', page, 'told')
    if not told or told == 'resolved' or redis.call('HSETNX', page, 'resolved', body) == 0 then return end
    local held = tonumber(redis.call('HGET', page, 'held_until') or '0') or 0
    if told == 'opened' and held <= tonumber(now) then redis.call('ZADD', outbox, now, incident) end
  end
  redis.call('EXPIRE', page, keep)
  redis.call('SADD', waiting, incident .. '/' .. kind)
end
"""
"""Queues one page unless it was queued before. While somebody is telling the sink something of this incident, the
order of due times is left to whoever settles that. Part of the script that moves a station's state (states.py)."""

PAGE = QUEUE + "queue(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]) return 1"
"""Queues one page and nothing else."""

CLAIM = """
local now, lease, batch = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local interval, burst = tonumber(ARGV[4]), tonumber(ARGV[5])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, batch)
if #due == 0 then return {} end
local ahead = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') or 0, now)
if ahead + interval - now > burst * interval then return {} end
redis.call('SET', KEYS[2], string.format('%.3f', ahead + interval), 'EX', 3600)
local claimed = {}
for _, incident in ipairs(due) do
  local page = ARGV[6] .. incident
  local held = redis.call('HMGET', page, 'opened', 'resolved', 'told', 'attempts')
  if held[1] then
    redis.call('ZADD', KEYS[1], now + lease, incident)
    redis.call('HSET', page, 'holder', ARGV[7], 'held_until', now + lease)
    table.insert(claimed, {incident, held[1], held[2] or '', held[3], held[4]})
  else
    redis.call('ZREM', KEYS[1], incident)
  end
end
return claimed
"""
"""Claims what is due, if the sink may be called at all (GCRA: `burst` calls, then one an `interval`)."""

SETTLE = """
local outbox, waiting, page = KEYS[1], KEYS[2], KEYS[3]
local incident, kind, now, due, holder = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('HGET', page, 'holder') ~= holder then return 0 end
redis.call('HDEL', page, 'holder', 'held_until')
if kind == '' then
  redis.call('HINCRBY', page, 'attempts', 1)
  redis.call('ZADD', outbox, due, incident)
  return 1
end
redis.call('HSET', page, 'told', kind, 'attempts', 0)
redis.call('SREM', waiting, incident .. '/' .. kind)
if kind == 'opened' and redis.call('HEXISTS', page, 'resolved') == 1 then
  redis.call('ZADD', outbox, now, incident)
elseif due ~= '' then
  redis.call('ZADD', outbox, due, incident)
  redis.call('EXPIRE', page, ARGV[6])
elseif kind == 'resolved' then
  redis.call('ZREM', outbox, incident)
  redis.call('HDEL', page, 'opened', 'resolved')
  redis.call('EXPIRE', page, ARGV[7])
else
  redis.call('ZREM', outbox, incident)
end
return 1
"""
"""Told (`kind`), or to be tried again (`kind` ''), by the holder only. Without a due time there is nothing more to
tell until the incident is resolved."""

RESTORE = """
local outbox, waiting, page = KEYS[1], KEYS[2], KEYS[3]
local incident, told, opened, resolved, now, again = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if redis.call('EXISTS', page) == 1 then return 0 end
redis.call('HSET', page, 'told', told, 'attempts', 0)
if told == 'resolved' then return redis.call('EXPIRE', page, ARGV[8]) end
redis.call('HSET', page, 'opened', opened)
if resolved ~= '' then redis.call('HSET', page, 'resolved', resolved) end
redis.call('EXPIRE', page, ARGV[7])
if told == '' then redis.call('SADD', waiting, incident .. '/opened') end
if resolved ~= '' then redis.call('SADD', waiting, incident .. '/resolved') end
if told == '' or resolved ~= '' or again == '1' then redis.call('ZADD', outbox, now, incident) end
return 1
"""
"""Puts back what Kafka says of one incident and sink, where Redis holds nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A page held by us until the lease ends. `again` says the sink was told before and is only reminded."""

    incident: str
    event: IncidentEvent | Notice
    again: bool
    attempts: int

    @property
    def turn(self) -> IncidentKind:
        """What the sink is told. A notice opens something that is never over."""
        return turn(self.event)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a sink may be called: at most `calls_per_minute` in any minute; a page is held for `lease_s`."""

    calls_per_minute: int = 120
    lease_s: float = 30.0

    @property
    def burst(self) -> int:
        """Calls that may follow each other at once."""
        return min(BURST, self.calls_per_minute // 2)

    @property
    def interval_s(self) -> float:
        """Pause between calls after a burst: burst and pauses together stay within a minute's calls."""
        return 60.0 / (self.calls_per_minute - self.burst)


class Keys:
    """Every key in Redis, spelled here and nowhere else."""

    __slots__ = ("_prefix",)

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def station(self, station: str) -> str:
        """Hash: a station's state."""
        return f"{self._prefix}station:{station}"

    def heard(self, partition: int) -> str:
        """Sorted set: the stations of a partition by when they were last heard."""
        return f"{self._prefix}heard:{partition}"

    @property
    def refusals(self) -> str:
        """Hash: the open refusals of bundles, by station and product."""
        return f"{self._prefix}refusals"

    @property
    def boot(self) -> str:
        """Hash: by partition, since when its state is here. A partition that is missing was lost, or never was."""
        return f"{self._prefix}boot"

    def page(self, sink: str, incident: str = "") -> str:
        """Hash: what a sink is told of an incident."""
        return f"{self._prefix}page:{sink}:{incident}"

    def outbox(self, sink: str) -> str:
        """Sorted set: incidents by when the sink is to be called about them."""
        return f"{self._prefix}outbox:{sink}"

    def waiting(self, sink: str) -> str:
        """Set: pages the sink was never told."""
        return f"{self._prefix}waiting:{sink}"

    def pace(self, sink: str) -> str:
        """Number: up to when the sink's calls are used up."""
        return f"{self._prefix}pace:{sink}"


class Outbox:
    """One sink's pages."""

    def __init__(self, redis: Client, keys: Keys, sink: str, holder: str, pace: Pace) -> None:
        self._redis = redis
        self._keys = keys
        self._sink = sink
        self._holder = holder
        self._pace = pace
        self._claim = Script(CLAIM)
        self._settle = Script(SETTLE)

    def claim(self, batch: int, now_s: float) -> list[Entry]:
        """Up to `batch` pages that are due, held by us now; none while the sink may not be called."""
        keys = [self._keys.outbox(self._sink), self._keys.pace(self._sink)]
        pace = self._pace
        arguments: list[str | float] = [
            now_s,
            pace.lease_s,
            batch,
            pace.interval_s,
            pace.burst,
            self._keys.page(self._sink),
            self._holder,
        ]
        return [_entry(row) for row in self._run(self._claim, keys, arguments)]

    def told(self, entry: Entry, now_s: float, again_in_s: float | None = None) -> None:
        """The sink has it, or never will; where it forgets, it is due again after a while."""
        due = "" if again_in_s is None else str(now_s + again_in_s)
        self._settled(entry, str(entry.turn), now_s, due)

    def later(self, entry: Entry, now_s: float, pause_s: float) -> None:
        """To be tried again."""
        self._settled(entry, "", now_s, str(now_s + pause_s))

    def waiting(self) -> int:
        """How many pages the sink was never told."""
        return int(self._redis.scard(self._keys.waiting(self._sink)))

    def _settled(self, entry: Entry, kind: str, now_s: float, due: str) -> None:
        keys = [
            self._keys.outbox(self._sink),
            self._keys.waiting(self._sink),
            self._keys.page(self._sink, entry.incident),
        ]
        self._run(self._settle, keys, [entry.incident, kind, now_s, due, self._holder, KEEP_S, DONE_KEEP_S])

    def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | float]) -> list[list[str]]:
        return run_script(self._redis, script, keys, arguments)


def run_script(redis: Client, script: Script, keys: Sequence[str], arguments: Sequence[str | float]) -> list[list[str]]:
    """Runs `script`, giving it to Redis first where Redis has forgotten it."""
    try:
        found: list[list[str]] = redis.evalsha(script.sha(redis), len(keys), *keys, *arguments)
    except NoScriptError:
        found = redis.evalsha(script.load(redis), len(keys), *keys, *arguments)
    return found


def turn(event: IncidentEvent | Notice) -> IncidentKind:
    """The turn of its story that `event` is."""
    return IncidentKind.OPENED if isinstance(event, Notice) else event.kind


def _entry(row: Sequence[str]) -> Entry:
    incident, opened, resolved, told, attempts = row
    over = told == IncidentKind.RESOLVED or (told == IncidentKind.OPENED and resolved)
    body = (resolved if over else opened).encode()
    is_notice = b'"notice_id"' in body
    event = read_event(Notice, body) if is_notice else read_event(IncidentEvent, body)
    return Entry(incident, event, again=told == turn(event), attempts=int(attempts))
