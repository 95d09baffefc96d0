"""The review queue and the rates over the real Kafka and Redis."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from andon.ids import drill_of
from andon.metrics import Metrics
from andon.rates.gauges import RateGauges
from andon.records import Answer
from andon.records.assignment import EVERY
from andon.redis_client import Client
from andon_console.live.answers import Answers
from andon_console.live.incidents import Incidents
from andon_console.live.serving import Models
from andon_console.live.stations import Stations
from andon_console.rates.budgets import Budgets
from andon_console.rates.tally import LiveRates, Tallying
from andon_console.review.asking import Asking
from andon_console.review.queue import Queue
from andon_console.review.store import ReviewStore
from andon_console.review.threads import Reviewing
from andon_console.review.worth import worth
from andon_console.settings import ConsoleSettings


class Listening:
    """What hears of answers before there are any: the rates and the queue, which asks back."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self.share = settings.console.audit_per_1000 / 1000
        self.rates = LiveRates()
        self.answers = Answers((self.rates.hear, self._hear))
        self.queue = Queue(worth, lambda frame: self.answers.of(frame) is not None, self.share)

    def _hear(self, answer: Answer) -> None:
        self.queue.hear(answer)

    def asking(self, incidents: Incidents) -> Asking:
        """What people are asked."""
        return Asking(self.queue, incidents, self.answers, self.share)


def open_reviewing(settings: ConsoleSettings, listening: Listening, incidents: Incidents, redis: Client) -> Reviewing:
    """What fills the queue and remembers it; not started."""
    store, back = ReviewStore(redis, settings.redis.key_prefix), timedelta(hours=settings.console.review_back_h)
    return Reviewing(listening.queue, store, settings.kafka, back, lambda frame: bool(incidents.showing(frame)))


def open_tallying(
    settings: ConsoleSettings,
    rates: LiveRates,
    redis: Client,
    budgets: Budgets,
    stations: Stations,
    models: Models,
    metrics: Metrics | None,
) -> Tallying:
    """What reads what alerting counted, and sets the gauges; not started."""
    known = partial(_all, rates, partial(stations_known, stations, models))
    gauges = RateGauges(metrics) if metrics is not None else None
    return Tallying(rates, redis, settings.redis.key_prefix, budgets, known, gauges)


def stations_known(stations: Stations, models: Models) -> list[str]:
    """Those whose frames come, and those that a bundle is assigned to."""
    assigned = {each.active.station for each in models.all()} - {EVERY}
    found = {each.name for each in stations.all()} | assigned
    return sorted(each for each in found if drill_of(each) is None)


def _all(rates: LiveRates, known: Callable[[], list[str]]) -> list[str]:
    return sorted({*known(), *rates.stations()})
