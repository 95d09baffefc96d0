"""Pages that wait in Redis: they survive a crash, one replica holds one at a time, each sink goes at its own pace.

For each incident and sink there is one hash, `page:<sink>:<incident>`: the events to be told (`opened`, `resolved`),
how far the sink has been told (`told`: '', opened, resolved), how often it was tried, and who holds it until when.
`outbox:<sink>` orders them by when they are due. Since one hash holds both events, a resolved page cannot overtake
its opened one, and since a told hash stays for a while, a redelivered score tells nobody twice.

Where a sink is told group by group (a line; a station without a line), the first page of a group goes at once, and
what comes within the interval waits at the group's gate and travels in one call. `gates:<sink>` says when each opens.

A sink that forgets (Alertmanager) is told again: then the hash stays due, at a distance, while the incident is open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import NoScriptError

from andon.rates.tallies import tally_key
from andon.records import IncidentEvent, IncidentKind, Notice, read_event
from andon.redis_client import Client, Script
from andon_alerting.outbox_scripts import BEAT, CLAIM, PAGE, QUEUE, RESTORE, SETTLE, UNUSED

__all__ = ["DONE_KEEP_S", "KEEP_S", "PAGE", "QUEUE", "RESTORE", "Entry", "Keys", "Outbox", "Pace", "run_script", "turn"]

KEEP_S = 30 * 86_400
DONE_KEEP_S = 86_400
BURST = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A page held by us until the lease ends. `again` says the sink was told before and is only reminded.

    `opened` is the event that opened it, as it was queued: whatever is told later is about the same thing. `over` is
    the event that ended it, where it has ended. `put_off` says it waited for the end of a quiet time, `tried` that
    somebody was telling it and did not say what became of it.
    """

    incident: str
    event: IncidentEvent | Notice
    again: bool
    attempts: int
    opened: IncidentEvent | Notice | None = None
    over: IncidentEvent | None = None
    put_off: bool = False
    tried: bool = False

    @property
    def may_be_known(self) -> bool:
        """Whether the sink may have it, though nobody can say so."""
        return self.tried or self.attempts > 0

    @property
    def turn(self) -> IncidentKind:
        """What the sink is told. A notice opens something that is never over."""
        return turn(self.event)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a sink may be called: at most `calls_per_minute` in any minute; a page is held for `lease_s`.

    Pages of one group go in one call every `group_interval_s`, the first at once. 0: the sink groups by itself.
    """

    calls_per_minute: int = 120
    lease_s: float = 30.0
    group_interval_s: float = 0.0

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

    @property
    def prefix(self) -> str:
        """How they all begin."""
        return self._prefix

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
    def findings(self) -> str:
        """Hash: what is remembered of findings and their incidents, by cause."""
        return f"{self._prefix}findings"

    @property
    def answers(self) -> str:
        """Hash: what people said of a station's frames, and the incidents of its false calls."""
        return f"{self._prefix}answers"

    @property
    def counted(self) -> str:
        """Hash: by topic and partition, up to where its records were counted."""
        return f"{self._prefix}tallied"

    def tally(self, station: str, at: datetime) -> str:
        """Hash: frames scored and called in the day of `at`, by quarter hour and product. The console reads it, too."""
        return tally_key(self._prefix, station, at)

    def called(self, station: str, day: str) -> str:
        """Hash: the frames of a day that were called anomalous."""
        return f"{self._prefix}called:{station}:{day}"

    @property
    def boot(self) -> str:
        """Hash: by partition, since when its state is here. A partition that is missing was lost, or never was."""
        return f"{self._prefix}boot"

    def taken(self, incident: str) -> str:
        """Text: the event of whoever took the incident on first."""
        return f"{self._prefix}taken:{incident}"

    def ended(self, incident: str) -> str:
        """Text: the event by which a person ended the incident first."""
        return f"{self._prefix}ended:{incident}"

    @property
    def taken_boot(self) -> str:
        """Hash: by partition of `incidents`, since when its acknowledgements are here."""
        return f"{self._prefix}taken-boot"

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

    def gates(self, sink: str) -> str:
        """Sorted set: groups of pages by when the sink may be called about them again."""
        return f"{self._prefix}gates:{sink}"

    def rest(self, sink: str) -> str:
        """Number: until when the sink wants no call."""
        return f"{self._prefix}rest:{sink}"

    def beat(self, sink: str) -> str:
        """Number: until when the sink needs no sign of life."""
        return f"{self._prefix}beat:{sink}"


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
        self._unused = Script(UNUSED)
        self._beat = Script(BEAT)

    def claim(self, batch: int, now_s: float) -> list[Entry]:
        """Up to `batch` due pages that go in one call, held by us now; none while the sink may not be called."""
        keys, pace, sink = self._keys, self._pace, self._sink
        names = [keys.outbox(sink), keys.pace(sink), keys.gates(sink), keys.rest(sink)]
        arguments: list[str | float] = [
            now_s,
            pace.lease_s,
            batch,
            pace.interval_s,
            pace.burst,
            keys.page(sink),
            self._holder,
            pace.group_interval_s,
        ]
        return [read_entry(row) for row in self._run(self._claim, names, arguments)]

    def told(self, entry: Entry, now_s: float, again_in_s: float | None = None) -> None:
        """The sink has it, or never will; where it forgets, it is due again after a while."""
        due = "" if again_in_s is None else str(now_s + again_in_s)
        self._settled(entry, str(entry.turn), now_s, due)

    def dropped(self, entry: Entry, now_s: float) -> None:
        """The sink is told of neither turn."""
        self._settled(entry, "dropped", now_s)

    def later(self, entry: Entry, now_s: float, pause_s: float) -> None:
        """To be tried again."""
        self._settled(entry, "later", now_s, str(now_s + pause_s))

    def put_off(self, entry: Entry, now_s: float, until_s: float) -> None:
        """Not now; it was not tried."""
        self._settled(entry, "put_off", now_s, str(until_s), part="tried" if entry.tried else "")

    def apart(self, entries: Sequence[Entry], now_s: float, parts: Sequence[str]) -> None:
        """The sink refused them as a whole: each half in a call of its own, under one of two names."""
        for number, entry in enumerate(entries):
            self._settled(entry, "apart", now_s, part=parts[2 * number >= len(entries)])

    def unused(self, entry: Entry) -> None:
        """The call that `entry` was claimed for was not made."""
        keys = [self._keys.pace(self._sink), self._keys.gates(self._sink), self._page(entry)]
        self._run(self._unused, keys, [self._pace.interval_s])

    def rest(self, until_s: float) -> None:
        """Nothing is claimed until then: the sink asked for it."""
        self._redis.set(self._keys.rest(self._sink), f"{until_s:.3f}", ex=3600)

    def beat(self, now_s: float, every_s: float) -> bool:
        """Whether it is for us to show the sink a sign of life now: one replica does, every so often."""
        keys = [self._keys.pace(self._sink), self._keys.beat(self._sink)]
        arguments = [now_s, self._pace.interval_s, self._pace.burst, every_s]
        return bool(self._run(self._beat, keys, arguments))

    def waiting(self) -> int:
        """How many pages the sink was never told."""
        return int(self._redis.scard(self._keys.waiting(self._sink)))

    def _settled(self, entry: Entry, how: str, now_s: float, due: str = "", part: str = "") -> None:
        keys, sink = self._keys, self._sink
        names = [keys.outbox(sink), keys.waiting(sink), self._page(entry), keys.gates(sink)]
        kept = [KEEP_S, DONE_KEEP_S, self._pace.group_interval_s]
        self._run(self._settle, names, [entry.incident, how, now_s, due, self._holder, *kept, part])

    def _page(self, entry: Entry) -> str:
        return self._keys.page(self._sink, entry.incident)

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
    """The turn of its story that `event` is. News, and that somebody has taken it on, open something never over."""
    if isinstance(event, Notice) or event.kind is IncidentKind.ACKNOWLEDGED:
        return IncidentKind.OPENED
    return event.kind


def read_entry(row: Sequence[str]) -> Entry:
    """What a claimed row says: incident, opened, resolved, told, attempts, put_off, tried; '' where there is none."""
    incident, first, last, told, attempts, put_off, tried = row
    opened, over = _read(first), read_event(IncidentEvent, last.encode()) if last else None
    event = over if over and told else opened
    return Entry(incident, event, told == turn(event), int(attempts), opened, over, bool(put_off), bool(tried))


def _read(body: str) -> IncidentEvent | Notice:
    is_notice = '"notice_id"' in body
    return read_event(Notice, body.encode()) if is_notice else read_event(IncidentEvent, body.encode())
