"""alerting: scores become incidents, and incidents become pages."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import uuid4

import structlog

from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.dead_letters import KafkaDeadLetters
from andon.kafka.even import check_even
from andon.kafka.sink import KafkaSink
from andon.kafka.source import Subscription
from andon.kafka.table import TopicReader
from andon.line import LineFile
from andon.records import IncidentEvent, Notice
from andon.redis_client import Patience, connect
from andon.run import Service, andon_version, serve, utc_now
from andon.stage import Stage
from andon.topics import DRIFT, INCIDENTS, SCORES, SILENCES, TOGETHER
from andon_alerting.acknowledging import Following, ReadBack, RedisTaken, TakenBoard, acknowledging
from andon_alerting.alerting import Alerting, Board
from andon_alerting.beside import Beside
from andon_alerting.blinded import Blinded
from andon_alerting.drifts import Drifts
from andon_alerting.notifiers import Notifier
from andon_alerting.notifiers.alertmanager import Alertmanager
from andon_alerting.notifiers.watchdog import Watchdog
from andon_alerting.notifiers.webhook import Webhook
from andon_alerting.observe import SCORED, counted
from andon_alerting.outbox import Keys, Outbox, Pace
from andon_alerting.pager import Crew, Pager, Quiet, no_beat
from andon_alerting.policy import State
from andon_alerting.rebuild import KafkaHistory, Rebuild
from andon_alerting.remember import Remembering
from andon_alerting.settings import AlertingSettings
from andon_alerting.silencing import Silencing
from andon_alerting.standing import Standing, StationsShown
from andon_alerting.states import RedisStates


def app() -> None:
    """Turn scores into incidents, and page people through Alertmanager and a webhook."""
    serve("alerting", AlertingSettings, wire)


def wire(service: Service, settings: AlertingSettings) -> None:
    """The service, put together."""
    check_even(settings.kafka, TOGETHER["alerting"])
    kafka, redis, keys = settings.kafka, connect(settings.redis), Keys(settings.redis.key_prefix)
    plans, board = LineFile(settings.line, settings.policy, service.metrics), Board()
    group, max_age_s = f"{kafka.group_prefix}.alerting", settings.paging.max_alert_age_s
    sinks = notifiers(settings)
    states = RedisStates(redis, keys, {each.name: each.resend_s is not None for each in sinks})
    outboxes = [Outbox(redis, keys, each.name, holder(), pace(settings, each)) for each in sinks]
    silencing, drifts = Silencing(TopicReader(kafka, SILENCES), plans), Drifts(TopicReader(kafka, DRIFT))
    taken = RedisTaken(redis, keys, {each.name: each.resend_s is not None for each in sinks}, max_age_s)
    asked = Asked(states.state, silencing.until, taken.of, Blinded(redis, keys))
    crew = Crew([pager(service, settings, asked, *each) for each in zip(outboxes, sinks, strict=True)])
    scores = service.kafka_source(kafka, Subscription((SCORES,), group, fetch_bytes=SMALL_FETCH_BYTES))

    def keep_place() -> None:
        scores.idle()
        service.heart.beat()

    source = Remembering(
        scores,
        states,
        board,
        Rebuild(KafkaHistory(kafka, group), plans, settings.rebuild, max_age_s),
        plans,
        Patience(keep_place, settings.redis_patience_s),
        clock=utc_now,
        beat=service.heart.beat,
        watch_every_s=settings.watch_every_s,
        on_saved=crew.wake,
        on_rebuilt=service.metrics.state_rebuilds.inc,
    )
    standing = Standing(service.metrics)
    stations = StationsShown(service.metrics, plans, seen=lambda: standing.heard(SCORED))
    beside = Beside(service, settings, plans, redis, keys, [each.name for each in sinks], crew.wake, standing)
    alerting = Alerting(board, plans, max_age_s, drifted=drifts.before, hold_s=settings.paging.hold_s)
    stage = Stage(
        name=service.name,
        source=source,
        handle=counted(alerting, board, service.metrics, standing),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    people = acknowledgements(service, settings, taken, crew)

    def each_turn() -> None:
        crew.check()
        plans.refresh(utc_now())
        silencing.refresh()
        drifts.refresh(utc_now())
        stations()
        standing.keep(SCORED, {part for _, part in scores.assignment})

    stages = beside.stages()
    with closing(silencing), closing(drifts), crew.at_work():
        service.run(stage, *stages, people, each_turn=[each_turn, *beside.shows])


def acknowledgements(service: Service, settings: AlertingSettings, taken: RedisTaken, crew: Crew) -> Stage:
    """The stage that hears what people say to incidents. It waits for nothing, since scores wait for their turn."""
    kafka, board, heart = settings.kafka, TakenBoard(), service.heart
    subscription = Subscription(
        (INCIDENTS,), f"{kafka.group_prefix}.alerting.people", first_start="latest", fetch_bytes=SMALL_FETCH_BYTES
    )
    source = service.kafka_source(kafka, subscription, poll_s=0)

    def keep_place() -> None:
        source.idle()
        heart.beat()

    following = Following(
        source,
        lambda: [part for _, part in source.assignment],
        taken,
        board,
        ReadBack(kafka, settings.rebuild.incidents),
        Patience(keep_place, settings.redis_patience_s),
        clock=utc_now,
        on_saved=crew.wake,
    )
    return Stage(
        name=f"{service.name}-people",
        source=following,
        handle=acknowledging(board),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )


@dataclass(frozen=True)
class Asked:
    """What a pager asks before it tells: how a station stands, until when it is quiet, who has taken what on, whether a
    fault of the camera explains it."""

    state_of: Callable[[str], State | None]
    quiet: Quiet
    taken: Callable[[Sequence[str]], Mapping[str, IncidentEvent]]
    explained: Callable[[IncidentEvent | Notice], bool]


def pager(service: Service, settings: AlertingSettings, asked: Asked, outbox: Outbox, notifier: Notifier) -> Pager:
    """The pager of one sink, with a producer of its own, since it runs in a thread of its own."""
    return Pager(
        notifier=notifier,
        outbox=outbox,
        incidents=KafkaSink(settings.kafka, compression="zstd"),
        state_of=asked.state_of,
        settings=settings.paging,
        clock=utc_now,
        random=Random(),  # noqa: S311  spreads retries, guards nothing
        metrics=service.metrics,
        quiet=asked.quiet,
        explained=asked.explained,
        beat=beat(service, settings, outbox, notifier),
        taken=asked.taken,
        links=settings.links,
    )


def beat(
    service: Service, settings: AlertingSettings, outbox: Outbox, notifier: Notifier
) -> Callable[[datetime], None]:
    """What the pager does first in every turn: the watchdog, where the sink is told that all is well."""
    if isinstance(notifier, Alertmanager) and settings.alertmanager.watchdog:
        return Watchdog(notifier, outbox, lambda: service.heart.alive)
    return no_beat


def notifiers(settings: AlertingSettings) -> list[Notifier]:
    """The sinks that have an address."""
    found: list[Notifier] = []
    if settings.alertmanager.url:
        found.append(Alertmanager(settings.alertmanager))
    if settings.webhook.url:
        found.append(Webhook(settings.webhook))
    if not found:
        structlog.get_logger().warning("nobody_is_paged", next="set ANDON_ALERTMANAGER__URL or ANDON_WEBHOOK__URL")
    return found


def pace(settings: AlertingSettings, notifier: Notifier) -> Pace:
    """How hard one sink may be knocked at. Alertmanager groups by itself."""
    every_s = settings.webhook.group_interval_s if isinstance(notifier, Webhook) else 0.0
    return Pace(settings.paging.calls_per_minute, settings.paging.lease_s, every_s)


def holder() -> str:
    """Who holds a page: this process, told from every other, before and after."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:8]}"
