"""What the pages look at, kept up to date by threads that follow Kafka's topics; and the desk where people write."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from andon.alertmanager import AlertmanagerSettings
from andon.folder import Folder
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.kafka.table import TopicReader
from andon.line import Plans
from andon.metrics import Metrics
from andon.run import utc_now
from andon.settings import KafkaSettings
from andon.topics import AUDIT, DRIFT, INCIDENTS, MODELS, REQUESTS, SCORES, SILENCES, VERDICTS
from andon_console.frames.bundles import Bundles
from andon_console.frames.cache import Turns
from andon_console.frames.frames import Frames
from andon_console.frames.gallery import Gallery
from andon_console.frames.log import KafkaScoreLog, ScoreLog
from andon_console.frames.opened import open_frames
from andon_console.live.answers import Answers
from andon_console.live.asking import Asking
from andon_console.live.deeds import Deeds
from andon_console.live.desk import Desk
from andon_console.live.findings import Findings
from andon_console.live.follow import Follow, Keeps, Reader
from andon_console.live.incidents import Incidents
from andon_console.live.reachable import Reachable
from andon_console.live.requests import Requests
from andon_console.live.review_open import Listening, open_review, stations_known
from andon_console.live.review_threads import Reviewing
from andon_console.live.serving import Models
from andon_console.live.shelved import Shelved
from andon_console.live.silences import Silences
from andon_console.live.stations import Stations
from andon_console.live.tally import LiveRates
from andon_console.models.bench import Bench, open_bench
from andon_console.quieting import Quieting
from andon_console.settings import ConsoleSettings

AUDIT_DAYS = 30.0


@dataclass(frozen=True)
class World:
    """Everything a page may show. All of it may be asked by any thread."""

    settings: ConsoleSettings
    line: Plans
    stations: Stations
    incidents: Incidents
    answers: Answers
    models: Models
    silences: Silences
    deeds: Deeds
    reachable: Reachable
    desk: Desk
    follows: tuple[Follow, ...]
    frames: Frames
    gallery: Gallery
    bundles: Bundles
    log: ScoreLog
    findings: Findings
    review: Asking
    requests: Requests
    bench: Bench
    shelved: Shelved
    quieting: Quieting = field(default_factory=lambda: Quieting(AlertmanagerSettings()))
    rates: LiveRates = field(default_factory=LiveRates)
    reviewing: Reviewing | None = None
    _ended: Event = field(default_factory=Event)

    @property
    def ending(self) -> bool:
        """Whether streams of events must end now."""
        return self._ended.is_set()

    def end(self) -> None:
        """The console goes."""
        self._ended.set()

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been read."""
        return all(each.caught_up for each in self.follows)

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return utc_now()


def open_world(settings: ConsoleSettings, line: Plans, closing: ExitStack, metrics: Metrics | None = None) -> World:
    """The world over Kafka; `closing` ends it. Raises Broken when Kafka cannot be reached at the start."""
    reach(settings.kafka)
    listening = Listening(settings)
    stations, incidents, answers, models = Stations(), Incidents(), listening.answers, Models()
    silences, deeds, findings, requests = Silences(), Deeds(), Findings(), Requests()
    keeps: Mapping[str, Keeps] = {
        SCORES: stations,
        INCIDENTS: incidents,
        VERDICTS: answers,
        MODELS: models,
        SILENCES: silences,
        AUDIT: deeds,
        DRIFT: findings,
        REQUESTS: requests,
    }
    back = {
        SCORES: timedelta(minutes=settings.console.history_min),
        INCIDENTS: timedelta(days=settings.console.incidents_days),
        VERDICTS: timedelta(days=settings.console.answers_days),
        AUDIT: timedelta(days=AUDIT_DAYS),
        DRIFT: timedelta(days=settings.console.incidents_days),
    }
    follows = tuple(Follow(topic, Opener(settings.kafka, topic, back.get(topic)), keeps[topic]) for topic in keeps)
    sink = KafkaSink(settings.kafka.model_copy(update={"delivery_timeout_s": 10.0}), compression="zstd")
    closing.callback(sink.close)
    reachable = Reachable(settings.kafka)
    frames, gallery, bundles = open_frames(
        settings, incidents, answers.of, lambda: reachable.away_since is not None, closing
    )
    world = World(
        settings,
        line,
        stations,
        incidents,
        answers,
        models,
        silences,
        deeds,
        reachable,
        Desk(sink, {topic: each for topic, each in keeps.items() if topic != SCORES}, utc_now),
        follows,
        frames,
        gallery,
        bundles,
        KafkaScoreLog(settings.kafka, turns=Turns(2, 8, 10.0, "stretches of scores are read")),
        findings,
        listening.asking(incidents),
        requests,
        open_bench(settings, closing),
        Shelved(Folder(settings.evidence.url)),
        quieting=Quieting(settings.alertmanager),
        rates=listening.rates,
        reviewing=open_review(
            settings, listening, incidents, partial(stations_known, stations, models), line, metrics, closing
        ),
    )
    threads: tuple[Follow | Reachable, ...] = (*follows, reachable)
    for each in threads:
        closing.callback(each.stop)
        each.start()
    return world


class Opener:
    """Opens a reader from so far back, or from the beginning."""

    def __init__(self, kafka: KafkaSettings, topic: str, back: timedelta | None) -> None:
        self._kafka = kafka
        self._topic = topic
        self._back = back

    def __call__(self) -> Reader:
        if self._back is None:
            return TopicReader(self._kafka, self._topic)
        parts = reach(self._kafka).topics
        places = [(self._topic, part) for part in (parts[self._topic].partitions if self._topic in parts else ())]
        if not places:
            return TopicReader(self._kafka, self._topic)
        starts = offsets_since(self._kafka, places, utc_now() - self._back)
        return TopicReader(self._kafka, self._topic, starts={part: at for (_, part), at in starts.items()})
