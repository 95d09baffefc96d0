"""The stages beside the scores, put together: notices and findings become incidents and news, too."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.dead_letters import KafkaDeadLetters
from andon.kafka.offsets import offsets_since
from andon.kafka.sink import KafkaSink
from andon.kafka.source import KafkaSource, Subscription
from andon.line import Plans
from andon.records import IncidentEvent, read_event, write_event
from andon.redis_client import Client, Patience
from andon.run import Service, andon_version, utc_now
from andon.settings import KafkaSettings
from andon.stage import Handler, Idle, Source, Stage
from andon.topics import DRIFT, NOTICES, SCORES, VERDICTS
from andon_alerting import false_calls, findings, notices, watch
from andon_alerting.counting import OVERRULED, Counting, CountSlate, Looking, Tallying, stations_of
from andon_alerting.counting import rebuilt as rebuilt_calls
from andon_alerting.counting import watched as watched_calls
from andon_alerting.counts import RedisCounts, read_known, write_known
from andon_alerting.ended import ended, settling
from andon_alerting.false_calls import Overruled
from andon_alerting.finding_state import KafkaFindings, incidents_since, read_watch, rebuilt, write_watch
from andon_alerting.findings import FindingSlate, Taking, watched
from andon_alerting.kept import Keeping, RedisShelf, Slate
from andon_alerting.notices import Noticing
from andon_alerting.outbox import Keys
from andon_alerting.settings import AlertingSettings
from andon_alerting.standing import Reading, Standing, on_shelf
from andon_alerting.watch import Watch

T = TypeVar("T")


@dataclass(frozen=True)
class Beside:
    """What these stages share. They wait for nothing, since scores wait for their turn. `shows` is called between
    turns: it keeps `standing` true of what they decide on."""

    service: Service
    settings: AlertingSettings
    plans: Plans
    redis: Client
    keys: Keys
    sinks: Sequence[str]
    wake: Callable[[], None]
    standing: Standing
    shows: list[Callable[[], None]] = field(default_factory=list)

    def stages(self) -> list[Stage]:
        """All of them."""
        return [self.noticing(), self.taking(), self.counting()]

    def noticing(self) -> Stage:
        """What Andon did by itself."""
        slate = Slate[IncidentEvent]()
        shelf = self._refusals()
        source, patience, _ = self._source((NOTICES,), "notices")
        self._shown("notices", source, self._refusals(), lambda known: [known] if notices.is_open(known) else [])
        keeping = Keeping(
            source,
            shelf,
            slate,
            notices.places_of,
            patience,
            clock=utc_now,
            on_saved=self.wake,
            settle=settling(
                self._ended,
                lambda known: [known.incident_id] if notices.is_open(known) else [],
                notices.ended_by_a_person,
            ),
        )
        return self._stage("notices", keeping, Noticing(slate, self.settings.paging.max_alert_age_s))

    def taking(self) -> Stage:
        """What was found wrong with the inspection."""
        slate = FindingSlate()
        shelf = self._findings()
        source, patience, keep_place = self._source((DRIFT,), "findings")
        self._shown("findings", source, self._findings(), lambda known: known.open)
        history = KafkaFindings(self.settings.kafka, self._group("findings"), keep_place)
        horizon = self.settings.rebuild.incidents
        keeping = Keeping(
            source,
            shelf,
            slate,
            findings.places_of,
            patience,
            clock=utc_now,
            on_saved=self.wake,
            rebuild=lambda: rebuilt(history, utc_now() - horizon, utc_now()),
            settle=settling(self._ended, open_of, watch.ended_by_a_person),
        )
        handle = Taking(slate, self.plans, self.settings.paging.max_alert_age_s)
        return self._stage("findings", keeping, watched(handle, slate, self.service.metrics))

    def counting(self) -> Stage:
        """What people overrule."""
        kafka, slate, counts = self.settings.kafka, CountSlate(), RedisCounts(self.redis, self.keys)
        shelf = RedisShelf(
            self.redis, self.keys, self.keys.answers, self.sinks, read=read_known, text=write_known, may_be_lost=True
        )
        many = kafka.model_copy(update={"batch_records": 1024})
        source, patience, keep_place = self._source((SCORES, VERDICTS), "false-calls", many)
        tallying = Tallying(
            source,
            counts,
            slate,
            patience,
            partial(offsets_since, kafka),
            clock=utc_now,
            look_every_s=self.settings.look_every_s,
        )
        keeping = Keeping(
            tallying,
            shelf,
            slate,
            stations_of,
            patience,
            clock=utc_now,
            on_saved=self.wake,
            rebuild=lambda: rebuilt_calls(
                incidents_since(kafka, utc_now() - self.settings.rebuild.incidents, keep_place), utc_now()
            ),
            settle=settling(self._ended, open_of, false_calls.ended_by_a_person),
            also=Looking(tallying, shelf, counts, slate, patience, utc_now),
        )
        self.shows.append(
            lambda: self.standing.keep(OVERRULED, {part for topic, part in source.assignment if topic == VERDICTS})
        )
        handle = watched_calls(Counting(slate, self.plans), slate, self.service.metrics, self.standing)
        return self._stage("false-calls", keeping, handle)

    def _refusals(self) -> RedisShelf[IncidentEvent]:
        return RedisShelf(
            self.redis,
            self.keys,
            self.keys.refusals,
            self.sinks,
            read=lambda text: read_event(IncidentEvent, text.encode()),
            text=lambda event: write_event(event).decode(),
        )

    def _findings(self) -> RedisShelf[Watch]:
        return RedisShelf(
            self.redis, self.keys, self.keys.findings, self.sinks, read=read_watch, text=write_watch, may_be_lost=True
        )

    def _shown(
        self, who: str, source: KafkaSource, shelf: RedisShelf[T], open_in: Callable[[T], Iterable[IncidentEvent]]
    ) -> None:
        """What lies on a shelf, by a look of its own: a shelf remembers what was loaded from it last."""
        self.shows.append(Reading(who, self.standing, source, lambda: on_shelf(shelf, open_in, self._ended)))

    def _ended(self, incidents: Iterable[UUID]) -> dict[UUID, IncidentEvent]:
        return ended(self.redis, self.keys, incidents)

    def _group(self, name: str) -> str:
        return f"{self.settings.kafka.group_prefix}.alerting.{name}"

    def _source(
        self, topics: tuple[str, ...], name: str, kafka: KafkaSettings | None = None
    ) -> tuple[KafkaSource, Patience, Idle]:
        """A source, what waits for Redis beside it, and what keeps its place and the heart beating while it waits."""
        subscription = Subscription(topics, self._group(name), fetch_bytes=SMALL_FETCH_BYTES)
        source = self.service.kafka_source(kafka or self.settings.kafka, subscription, poll_s=0)

        def keep_place() -> None:
            source.idle()
            self.service.heart.beat()

        return source, Patience(keep_place, self.settings.redis_patience_s), keep_place

    def _stage(self, name: str, source: Source, handle: Handler) -> Stage:
        kafka, service = self.settings.kafka, self.service.name
        return Stage(
            name=f"{service}-{name}",
            source=source,
            handle=handle,
            sink=KafkaSink(kafka, compression="zstd"),
            dead_letters=KafkaDeadLetters(kafka, self.settings.dead_letters, service, andon_version()),
        )


def open_of(known: Watch | Overruled) -> list[UUID]:
    """The incidents that are open in what is remembered of a cause, or of a station's answers."""
    return [each.incident_id for each in known.open]
