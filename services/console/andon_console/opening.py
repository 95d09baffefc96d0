"""The world over the real Kafka, Redis and stores. Wiring only."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from andon.folder import Folder
from andon.images.limits import ImageLimits
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.kafka.table import TopicReader
from andon.line import Plans
from andon.metrics import Metrics
from andon.redis_client import connect
from andon.run import utc_now
from andon.settings import KafkaSettings
from andon.store import BlobStore
from andon.topics import (
    AUDIT,
    BASELINES,
    DEAD_LETTERS,
    DRIFT,
    INCIDENTS,
    LETTERS,
    MODELS,
    REQUESTS,
    SCORES,
    SILENCES,
    VERDICTS,
)
from andon_console.frames.cache import Turns
from andon_console.frames.log import KafkaScoreLog
from andon_console.frames.opened import open_frames
from andon_console.letters.letters import LetterReader, Letters
from andon_console.letters.mailroom import Mailroom
from andon_console.letters.pictures import LetterPictures
from andon_console.live.deeds import Deeds
from andon_console.live.desk import Desk
from andon_console.live.findings import Findings
from andon_console.live.follow import Follow, Keeps, Reader
from andon_console.live.incidents import Incidents
from andon_console.live.reachable import Reachable
from andon_console.live.references import References
from andon_console.live.requests import Requests
from andon_console.live.serving import Models
from andon_console.live.shelved import Shelved
from andon_console.live.silences import Silences
from andon_console.live.stations import Stations
from andon_console.live.watched import Watched
from andon_console.models.bench import open_bench
from andon_console.quieting import Quieting
from andon_console.rates.budgets import Budgets
from andon_console.review.opening import Listening, open_reviewing, open_tallying
from andon_console.settings import ConsoleSettings
from andon_console.world import World

AUDIT_DAYS = 30.0
DELIVERY_S = 10.0  # people wait for it
READERS, WAITING, WAIT_S = 2, 8, 10.0  # of stretches of scores


@dataclass(frozen=True)
class Folds:
    """What keeps each topic."""

    listening: Listening
    stations: Stations = field(default_factory=Stations)
    incidents: Incidents = field(default_factory=Incidents)
    models: Models = field(default_factory=Models)
    silences: Silences = field(default_factory=Silences)
    deeds: Deeds = field(default_factory=Deeds)
    findings: Findings = field(default_factory=Findings)
    requests: Requests = field(default_factory=Requests)
    references: References = field(default_factory=References)
    letters: Letters = field(default_factory=Letters)

    def by_topic(self) -> Mapping[str, Keeps]:
        """The same, by what they follow."""
        return {
            SCORES: self.stations,
            INCIDENTS: self.incidents,
            VERDICTS: self.listening.answers,
            MODELS: self.models,
            SILENCES: self.silences,
            AUDIT: self.deeds,
            DRIFT: self.findings,
            REQUESTS: self.requests,
            BASELINES: self.references,
            LETTERS: self.letters,
        }


def open_world(settings: ConsoleSettings, line: Plans, closing: ExitStack, metrics: Metrics | None = None) -> World:
    """The world, its threads running; `closing` ends them. Raises Broken when Kafka cannot be reached at the start."""
    reach(settings.kafka)
    listening, reachable, redis = Listening(settings), Reachable(settings.kafka), connect(settings.redis)
    folds = Folds(listening)
    incidents, answers, models = folds.incidents, listening.answers, folds.models
    frames, gallery, bundles = open_frames(settings, incidents, answers.of, lambda: reachable.is_away, closing)
    budgets = Budgets(line, models, lambda digest: bundles.manifest(digest).calibration.budget)
    reviewing = open_reviewing(settings, listening, incidents, redis)
    tallying = open_tallying(settings, listening.rates, redis, budgets, folds.stations, models, metrics)
    desk = _desk(settings.kafka, folds, closing)
    mailroom = Mailroom.over(settings.kafka, desk, lambda: reachable.is_away)
    closing.callback(mailroom.close)
    if metrics is not None:
        folds.letters.exported(metrics)
    world = World(
        settings=settings,
        line=budgets,
        stations=folds.stations,
        incidents=incidents,
        answers=answers,
        models=models,
        silences=folds.silences,
        deeds=folds.deeds,
        reachable=reachable,
        desk=desk,
        follows=_follows(settings, folds),
        frames=frames,
        gallery=gallery,
        bundles=bundles,
        log=KafkaScoreLog(settings.kafka, turns=Turns(READERS, WAITING, WAIT_S, "stretches of scores are read")),
        findings=folds.findings,
        review=listening.asking(incidents),
        requests=folds.requests,
        bench=open_bench(settings, closing),
        shelved=Shelved(Folder(settings.evidence.url)),
        mailroom=mailroom,
        letter_pictures=_letter_pictures(settings, mailroom),
        letters=folds.letters,
        quieting=Quieting(settings.alertmanager),
        references=folds.references,
        watched=Watched.of_redis(redis, settings.redis.key_prefix),
        rates=listening.rates,
        reviewing=reviewing,
        threads=(reachable, reviewing, tallying, _letters_followed(settings, folds.letters)),
    )
    for each in (*world.follows, *world.threads):
        closing.callback(each.stop)
        each.start()
    return world


def _follows(settings: ConsoleSettings, folds: Folds) -> tuple[Follow, ...]:
    console = settings.console
    back = {
        SCORES: timedelta(minutes=console.history_min),
        INCIDENTS: timedelta(days=console.incidents_days),
        VERDICTS: timedelta(days=console.answers_days),
        AUDIT: timedelta(days=AUDIT_DAYS),
        DRIFT: timedelta(days=console.incidents_days),
    }
    return tuple(
        Follow(topic, Opener(settings.kafka, topic, back.get(topic)), keeps)
        for topic, keeps in folds.by_topic().items()
    )


def _letters_followed(settings: ConsoleSettings, letters: Letters) -> Follow:
    """Beside the other topics: nobody waits at the start until all dead letters, which hold images, were read."""
    opener = Opener(settings.kafka, DEAD_LETTERS, timedelta(days=settings.console.letters_days))
    return Follow(DEAD_LETTERS, lambda: LetterReader(opener(), letters), letters)


def _letter_pictures(settings: ConsoleSettings, mailroom: Mailroom) -> LetterPictures:
    limits = ImageLimits()
    return LetterPictures(mailroom.at, BlobStore(settings.store.frames, limits.max_bytes).get, limits)


def _desk(kafka: KafkaSettings, folds: Folds, closing: ExitStack) -> Desk:
    sink = KafkaSink(kafka.model_copy(update={"delivery_timeout_s": DELIVERY_S}), compression="zstd")
    closing.callback(sink.close)
    return Desk(sink, {topic: each for topic, each in folds.by_topic().items() if topic != SCORES}, utc_now)


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
