"""What the pages look at, kept up to date by threads that follow Kafka's topics; and the desk where people write."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.kafka.table import TopicReader
from andon.line import Plans
from andon.run import utc_now
from andon.settings import KafkaSettings
from andon.topics import AUDIT, INCIDENTS, MODELS, SCORES, SILENCES, VERDICTS
from andon_console.live.answers import Answers
from andon_console.live.deeds import Deeds
from andon_console.live.desk import Desk
from andon_console.live.follow import Follow, Keeps, Reader
from andon_console.live.incidents import Incidents
from andon_console.live.reachable import Reachable
from andon_console.live.serving import Models
from andon_console.live.silences import Silences
from andon_console.live.stations import Stations
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


def open_world(settings: ConsoleSettings, line: Plans, closing: ExitStack) -> World:
    """The world over Kafka; `closing` ends it. Raises Broken when Kafka cannot be reached at the start."""
    reach(settings.kafka)
    stations, incidents, answers, models = Stations(), Incidents(), Answers(), Models()
    silences, deeds = Silences(), Deeds()
    keeps: Mapping[str, Keeps] = {
        SCORES: stations,
        INCIDENTS: incidents,
        VERDICTS: answers,
        MODELS: models,
        SILENCES: silences,
        AUDIT: deeds,
    }
    back = {
        SCORES: timedelta(minutes=settings.console.history_min),
        INCIDENTS: timedelta(days=settings.console.incidents_days),
        VERDICTS: timedelta(days=settings.console.answers_days),
        AUDIT: timedelta(days=AUDIT_DAYS),
    }
    follows = tuple(Follow(topic, Opener(settings.kafka, topic, back.get(topic)), keeps[topic]) for topic in keeps)
    sink = KafkaSink(settings.kafka.model_copy(update={"delivery_timeout_s": 10.0}), compression="zstd")
    closing.callback(sink.close)
    reachable = Reachable(settings.kafka)
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
