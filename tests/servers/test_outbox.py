"""The outbox on real Redis in simulated time: who may tell a sink what, when, and together with what."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4, uuid5

import pytest
from prometheus_client import CollectorRegistry

from andon.memory import MemoryKafka, MemorySink
from andon.metrics import Metrics
from andon.records import Cause, IncidentEvent, IncidentKind, Severity, read_event, write_event
from andon.redis_client import Script, connect
from andon.settings import RedisSettings
from andon.topics import INCIDENTS
from andon_alerting.notifiers import Answer, Delivered, Refused, RetryAfter
from andon_alerting.outbox import KEEP_S, PAGE, Entry, Keys, Outbox, Pace, run_script
from andon_alerting.page import Page
from andon_alerting.pager import Pager
from andon_alerting.settings import PagingSettings
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
HUB = UUID(int=1)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with Servers([Redis()]) as servers:
        yield servers.redis.url


def make_event(name: str, kind: IncidentKind, line: str | None, at: datetime = START) -> IncidentEvent:
    """A turn of the incident `name` at the station of that name."""
    incident = uuid5(HUB, name)
    return IncidentEvent(
        event_id=uuid5(incident, kind),
        incident_id=incident,
        kind=kind,
        station=name.split("/", maxsplit=1)[0],
        cause=Cause.DEFECT_SURGE,
        severity=Severity.CRITICAL,
        reason="surge",
        at=at,
        opened_at=START,
        site="north",
        line=line or "",
    )


@dataclass
class Desk:
    """One sink's outbox, seen by several replicas."""

    url: str
    group_interval_s: float = 30.0
    calls_per_minute: int = 120
    keys: Keys = field(default_factory=lambda: Keys(f"t-{uuid4().hex[:8]}:"))

    def __post_init__(self) -> None:
        self.redis = connect(RedisSettings(url=self.url))
        self._page = Script(PAGE)
        self.now_s = START.timestamp()

    def outbox(self, holder: str = "me") -> Outbox:
        pace = Pace(self.calls_per_minute, group_interval_s=self.group_interval_s)
        return Outbox(self.redis, self.keys, "bell", holder, pace)

    def queue(self, name: str, kind: str = "opened", line: str | None = "press-shop") -> None:
        at = datetime.fromtimestamp(self.now_s, UTC)
        event = make_event(name, IncidentKind(kind), line, at)
        incident = str(event.incident_id)
        names = [self.keys.outbox("bell"), self.keys.waiting("bell"), self.keys.page("bell", incident)]
        body = write_event(event).decode()
        run_script(self.redis, self._page, names, [incident, kind, body, self.now_s, KEEP_S, KEEP_S])

    def after(self, seconds: float) -> float:
        self.now_s += seconds
        return self.now_s


def told(entries: Sequence[Entry]) -> list[str]:
    return sorted(f"{each.event.station} {each.turn}" for each in entries)


@pytest.fixture
def desk(redis_url: str) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def tell(desk: Desk, outbox: Outbox) -> list[str]:
    """What goes in one call now, accepted."""
    entries = outbox.claim(100, desk.now_s)
    for each in entries:
        outbox.told(each, desk.now_s)
    return told(entries)


def test_the_first_page_of_a_line_goes_at_once_and_what_follows_travels_together(desk: Desk) -> None:
    outbox = desk.outbox()
    desk.queue("p-1")
    assert tell(desk, outbox) == ["p-1 opened"]
    for name in ("p-2", "p-3"):
        desk.after(5)
        desk.queue(name)
        assert tell(desk, outbox) == []
    desk.after(19.9)
    assert tell(desk, outbox) == []
    desk.after(0.2)
    assert tell(desk, outbox) == ["p-2 opened", "p-3 opened"]
    desk.after(31)
    desk.queue("p-4")
    assert tell(desk, outbox) == ["p-4 opened"], "the line was calm for an interval: at once again"


def test_lines_do_not_wait_for_each_other_and_a_station_without_one_is_alone(desk: Desk) -> None:
    for name, line in [("p-1", "press"), ("p-2", "press"), ("w-1", "weld"), ("x-1", None), ("x-2", None)]:
        desk.queue(name, line=line)
    outbox = desk.outbox()
    calls = [tell(desk, outbox) for _ in range(5)]
    assert sorted(calls) == [[], ["p-1 opened", "p-2 opened"], ["w-1 opened"], ["x-1 opened"], ["x-2 opened"]]


def test_three_replicas_share_the_gate(desk: Desk) -> None:
    mine, yours, theirs = (desk.outbox(each) for each in "abc")
    desk.queue("p-1")
    (entry,) = mine.claim(100, desk.now_s)
    desk.queue("p-2")
    assert tell(desk, yours) == [], "somebody is calling about this line right now"
    mine.told(entry, desk.after(1))
    assert (tell(desk, yours), tell(desk, theirs)) == ([], [])
    desk.after(30)
    assert (tell(desk, theirs), tell(desk, yours)) == (["p-2 opened"], [])


def test_a_call_that_failed_is_made_again_with_all_that_came_meanwhile(desk: Desk) -> None:
    outbox = desk.outbox()
    desk.queue("p-1")
    (entry,) = outbox.claim(100, desk.now_s)
    outbox.later(entry, desk.now_s, pause_s=2)
    desk.queue("p-2")
    assert tell(desk, outbox) == []
    desk.after(2.1)
    assert tell(desk, outbox) == ["p-1 opened", "p-2 opened"]


def test_whoever_dies_while_calling_holds_a_line_up_for_a_lease_and_no_longer(desk: Desk) -> None:
    desk.queue("p-1")
    assert told(desk.outbox("dead").claim(100, desk.now_s)) == ["p-1 opened"]
    desk.queue("p-2")
    desk.after(29)
    assert tell(desk, desk.outbox()) == []
    desk.after(1.1)
    assert tell(desk, desk.outbox()) == ["p-1 opened", "p-2 opened"]


def test_one_turn_of_an_incident_a_call(desk: Desk) -> None:
    desk.queue("p-1")
    desk.queue("p-1", "resolved")
    outbox = desk.outbox()
    assert tell(desk, outbox) == ["p-1 opened"]
    assert tell(desk, outbox) == []
    desk.after(30.1)
    assert tell(desk, outbox) == ["p-1 resolved"]
    assert (outbox.waiting(), desk.redis.zcard(desk.keys.outbox("bell"))) == (0, 0)


def test_what_is_put_off_uses_no_call_and_does_not_close_the_gate(desk: Desk) -> None:
    outbox = desk.outbox()
    desk.queue("p-1")
    for _ in range(300):
        (entry,) = outbox.claim(100, desk.now_s)
        outbox.put_off(entry, desk.now_s, desk.now_s)
        outbox.unused(entry)
    desk.queue("p-2")
    assert tell(desk, outbox) == ["p-1 opened", "p-2 opened"]


def test_what_is_dropped_waits_for_nothing_and_is_not_told_when_it_is_said_again(desk: Desk) -> None:
    outbox = desk.outbox()
    for kind in ("opened", "resolved"):
        desk.queue("p-1", kind)
    (entry,) = outbox.claim(100, desk.now_s)
    outbox.dropped(entry, desk.now_s)
    assert outbox.waiting() == 0
    for kind in ("opened", "resolved"):
        desk.queue("p-1", kind)
    assert outbox.claim(100, desk.after(3600)) == []


def test_whoever_dies_while_telling_leaves_word_of_it_and_whoever_puts_off_does_not(desk: Desk) -> None:
    desk.queue("p-1")
    outbox = desk.outbox()
    (entry,) = outbox.claim(100, desk.now_s)
    assert not entry.tried
    outbox.put_off(entry, desk.now_s, desk.now_s + 30)
    outbox.unused(entry)
    desk.after(31)
    (entry,) = desk.outbox("dead").claim(100, desk.now_s)
    assert (entry.tried, entry.put_off) == (False, True)
    desk.after(31)
    (entry,) = outbox.claim(100, desk.now_s)
    assert entry.tried
    outbox.put_off(entry, desk.now_s, desk.now_s)
    outbox.unused(entry)
    (entry,) = outbox.claim(100, desk.now_s)
    assert entry.tried, "it was not known before, and is not known now"


def test_a_sink_that_asks_for_a_pause_is_left_alone_for_that_long(desk: Desk) -> None:
    outbox = desk.outbox()
    desk.queue("p-1")
    outbox.rest(desk.now_s + 17)
    desk.after(16.9)
    assert tell(desk, outbox) == []
    desk.after(0.2)
    assert tell(desk, outbox) == ["p-1 opened"]


def test_one_sign_of_life_for_all_replicas_counted_as_a_call(desk: Desk) -> None:
    replicas = [desk.outbox(each) for each in "abc"]
    beats = [sum(each.beat(desk.after(0.5), 20.0) for each in replicas) for _ in range(80)]
    assert sum(beats) == 6  # 120 s
    assert max(beats) == 1
    hurried = Desk(desk.url, calls_per_minute=6).outbox()
    assert sum(hurried.beat(desk.now_s, 0.0) for _ in range(9)) == 3, "no more than the sink's burst"


@dataclass
class Sink:
    """Keeps every call; answers by `judge`."""

    judge: Callable[[Sequence[Page], datetime], Answer]
    name: str = "bell"
    batch: int = 100
    resend_s: float | None = None
    linger_s: float = 0.0
    calls: list[tuple[float, list[str]]] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)

    def send(self, pages: Sequence[Page], now: datetime) -> Answer:
        ids = [each.id for each in pages]
        self.calls.append((now.timestamp(), ids))
        answer = self.judge(pages, now)
        if isinstance(answer, Delivered):
            self.accepted.update(ids)
        return answer

    def close(self) -> None:
        """Nothing is held."""

    def most_calls_in(self, seconds: float) -> int:
        at = [each for each, _ in self.calls]
        return max(sum(1 for each in at if start <= each < start + seconds) for start in at)


@dataclass
class Crowd:
    """Three replicas that tell one sink; time goes by in ticks."""

    desk: Desk
    sink: Sink
    quiet_until_s: float = 0.0

    def __post_init__(self) -> None:
        self.kafka, self.metrics = MemoryKafka(), Metrics(CollectorRegistry())
        self.pagers = [self._pager(f"replica-{number}", Random(number)) for number in range(3)]

    def tick(self, seconds: float) -> None:
        self.desk.after(seconds)
        for pager in self.pagers:
            while pager.turn():
                pass

    def until_quiet(self, within_s: float, tick_s: float = 0.5) -> None:
        for _ in range(round(within_s / tick_s)):
            self.tick(tick_s)
            if not self.desk.outbox().waiting():
                return
        raise AssertionError(f"{self.desk.outbox().waiting()} pages still wait")

    def _pager(self, holder: str, random: Random) -> Pager:
        now = lambda: START + timedelta(seconds=self.desk.now_s - START.timestamp())  # noqa: E731
        outbox, sink = self.desk.outbox(holder), MemorySink(self.kafka)
        return Pager(self.sink, outbox, sink, lambda _: None, PagingSettings(), now, random, self.metrics, self._quiet)

    def _quiet(self, _about: object, now: datetime) -> datetime | None:
        return datetime.fromtimestamp(self.quiet_until_s, UTC) if now.timestamp() < self.quiet_until_s else None


def test_a_thousand_defects_a_minute_on_one_line_are_one_call_an_interval(desk: Desk) -> None:
    sink = Sink(lambda _pages, _now: Delivered())
    crowd, random = Crowd(desk, sink), Random(1)
    wanted: Counter[str] = Counter()
    open_at: dict[int, str] = {}
    for number in range(1000):  # fifty stations; each second defect of a station ends what its first began
        station = random.randrange(50)
        kind = "resolved" if station in open_at else "opened"
        name = open_at.pop(station, f"p-{station}/{number}")
        if kind == "opened":
            open_at[station] = name
        desk.queue(name, kind)
        wanted[f"{uuid5(HUB, name)}/{kind}"] = 1
        crowd.tick(0.06)
    crowd.until_quiet(1200)
    assert sink.accepted == wanted
    gaps = [later - earlier for (earlier, _), (later, _) in zip(sink.calls, sink.calls[1:], strict=False)]
    assert min(gaps) >= 30
    during = [ids for at, ids in sink.calls if at <= START.timestamp() + 60]
    assert len(during) == 2
    assert sum(len(ids) for _, ids in sink.calls) == 1000


@pytest.mark.parametrize("status", ["http_503", "http_429"])
def test_a_sink_that_fails_for_ten_minutes_gets_every_page_and_is_never_called_more_than_it_allows(
    desk: Desk, status: str
) -> None:
    back = START.timestamp() + 600
    asked = 20.0 if status == "http_429" else None

    def judge(_pages: Sequence[Page], now: datetime) -> Answer:
        return Delivered() if now.timestamp() >= back else RetryAfter(asked, status)

    sink, wanted = Sink(judge), set[str]()
    crowd = Crowd(desk, sink)
    for number in range(300):  # from two hundred lines, one every 2 s
        name = f"s-{number}"
        desk.queue(name, line=f"line-{number % 200}")
        wanted.add(f"{uuid5(HUB, name)}/opened")
        crowd.tick(1.0)
        crowd.tick(1.0)
    crowd.until_quiet(900)
    assert sink.accepted.keys() == wanted
    assert set(sink.accepted.values()) == {1}
    assert sink.most_calls_in(60) <= 120
    assert len(sink.calls) > 100


@pytest.mark.parametrize("ended_early_s", [0.0, 240.0])
def test_after_a_quiet_time_people_hear_in_one_call_of_what_is_still_open_and_of_nothing_else(
    ended_early_s: float, desk: Desk
) -> None:
    sink = Sink(lambda _pages, _now: Delivered())
    crowd = Crowd(desk, sink, quiet_until_s=START.timestamp() + 600)
    for number in range(50):
        desk.queue(f"p-{number}")
        crowd.tick(2)
    for number in range(0, 50, 2):
        desk.queue(f"p-{number}", "resolved")
        crowd.tick(1)
    crowd.quiet_until_s -= ended_early_s
    while desk.now_s < crowd.quiet_until_s - 5:
        crowd.tick(5)
    assert sink.calls == []
    crowd.until_quiet(90)
    assert sink.accepted == Counter({f"{uuid5(HUB, f'p-{n}')}/opened": 1 for n in range(1, 50, 2)})
    assert len(sink.calls) == 1 if not ended_early_s else len(sink.calls) <= 2
    dropped = [read_event(IncidentEvent, each.value) for each in crowd.kafka.records(INCIDENTS)]
    assert Counter(each.reason for each in dropped) == {"accepted": 25, "over_quietly": 25}


def test_a_page_that_is_refused_is_found_among_its_neighbours_and_only_it_is_given_up(desk: Desk) -> None:
    bad = f"{uuid5(HUB, 'p-17')}/opened"
    sink = Sink(lambda pages, _: Refused("http_400") if bad in [each.id for each in pages] else Delivered())
    for number in range(50):
        desk.queue(f"p-{number}")
    crowd = Crowd(desk, sink)
    crowd.until_quiet(60)
    assert sink.accepted == Counter({f"{uuid5(HUB, f'p-{n}')}/opened": 1 for n in range(50) if n != 17})
    assert len(sink.calls) <= 2 * 6 + 1
    assert sink.most_calls_in(60) <= 120
