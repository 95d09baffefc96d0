"""The two rates for many threads: answers move them at once, what alerting counted every few seconds."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

import structlog
from redis.exceptions import RedisError

from andon.errors import Invalid
from andon.line import Plan, Plans
from andon.rates import Estimate, Rates, Span, escape_rate, false_call_rate, last_day
from andon.rates.counted import Counted, Tallies
from andon.rates.gauges import RateGauges
from andon.rates.tallies import read_tallies
from andon.records import Answer
from andon.redis_client import Client
from andon_console.rates.budgets import Budgets

EVERY_S = 10.0
AT_MOST = 0.02  # of a core, for reading tallies: of a large line they are read less often
PAUSE_S = 0.25  # between two turns, however many answers come


class LiveRates:
    """`andon.rates.Rates` behind a lock. `tallied_at` is when Redis last told what was counted; `away_since` when it
    stopped. `version` is another number when something changed."""

    def __init__(self) -> None:
        self.version = 0
        self.tallied_at: datetime | None = None
        self.away_since: datetime | None = None
        self.heard = Event()
        self._lock = Lock()
        self._rates = Rates()

    def hear(self, answer: Answer) -> None:
        """Takes in one answer; one without a zone says nothing."""
        with self._lock, suppress(Invalid):
            self._rates.hear(answer)
            self.version += 1
        self.heard.set()

    def tally(self, tallies: Tallies, now: datetime) -> None:
        """Takes in what was counted."""
        with self._lock:
            self._rates.tally(tallies, now)
            self.tallied_at, self.away_since = now, None
            self.version += 1

    def show(self, gauges: RateGauges, plans: Plans, now: datetime) -> None:
        """Sets the gauges."""
        gauges(self, plans, now)

    def stations(self) -> list[str]:
        """As `Rates.stations`."""
        with self._lock:
            return self._rates.stations()

    def products(self, station: str) -> list[str | None]:
        """As `Rates.products`."""
        with self._lock:
            return self._rates.products(station)

    def counted(self, station: str, product: str | None, span: Span) -> Counted:
        """As `Rates.counted`."""
        with self._lock:
            return self._rates.counted(station, product, span)

    def of(self, station: str, product: str | None, span: Span) -> tuple[Estimate | None, Estimate | None]:
        """As `Rates.of`; the first is None too where nothing was counted yet, whatever was answered: of answers alone
        nobody knows how many frames they speak for."""
        with self._lock:
            counted = self._rates.counted(station, product, span)
        return false_call_rate(counted) if counted.scored else None, escape_rate(counted)


def last_shift(plan: Plan, now: datetime) -> Span:
    """The shift before the one that is on."""
    shift = plan.shift_of(plan.shift_of(now).begins - timedelta(seconds=1))
    return Span(shift.name, shift.begins, shift.ends)


def since(plans: Plans, stations: Iterable[str], now: datetime) -> datetime:
    """From when on what was counted is wanted: 24 hours, and the last shift of each station."""
    begins = [last_shift(plans.of(each), now).since for each in stations]
    return min([last_day(now).since, *begins])


class Tallying:
    """The thread that reads what was counted, and sets the gauges. `stations` are those that are asked for."""

    def __init__(
        self,
        rates: LiveRates,
        redis: Client,
        prefix: str,
        plans: Budgets,
        stations: Callable[[], list[str]],
        gauges: RateGauges | None,
    ) -> None:
        self._rates = rates
        self._redis = redis
        self._prefix = prefix
        self._plans = plans
        self._stations = stations
        self._gauges = gauges
        self._stop = Event()
        self._next = float("-inf")
        self._thread = Thread(target=self._run, name="tallies", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begins, and returns."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, soon."""
        self._stop.set()
        self._rates.heard.set()

    def turn(self, now: datetime) -> None:
        """Reads what was counted, where it is time to; and sets the gauges."""
        self._rates.heard.clear()
        if time.monotonic() >= self._next:
            self._read(now)
        if self._gauges is not None:
            self._rates.show(self._gauges, self._plans, now)

    def _read(self, now: datetime) -> None:
        worked = time.thread_time()
        stations = self._stations()
        self._plans.learn()
        try:
            begin, until = since(self._plans, stations, now), last_day(now).until
            self._rates.tally(read_tallies(self._redis, self._prefix, stations, begin, until), now)
        except RedisError as error:
            if self._rates.away_since is None:
                self._rates.away_since = now
                structlog.get_logger().warning("tallies_away", error=type(error).__name__, detail=str(error)[:200])
        self._next = time.monotonic() + max(EVERY_S, (time.thread_time() - worked) / AT_MOST)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.turn(datetime.now(UTC))
            self._stop.wait(PAUSE_S)
            self._rates.heard.wait(EVERY_S - PAUSE_S)
