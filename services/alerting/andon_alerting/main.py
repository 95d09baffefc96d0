"""alerting: scores become incidents, and incidents become pages."""

import os
import socket
from random import Random
from uuid import uuid4

import structlog

from andon.kafka.clients import SMALL_FETCH_BYTES
from andon.kafka.dead_letters import KafkaDeadLetters
from andon.kafka.sink import KafkaSink
from andon.kafka.source import Subscription
from andon.run import Service, andon_version, serve, utc_now
from andon.stage import Stage
from andon.topics import NOTICES, SCORES
from andon_alerting.alerting import Alerting, Board
from andon_alerting.notices import NoticeBoard, Noticing, Remarking
from andon_alerting.notifiers import Notifier
from andon_alerting.notifiers.alertmanager import Alertmanager
from andon_alerting.notifiers.webhook import Webhook
from andon_alerting.observe import counted
from andon_alerting.outbox import Keys, Outbox, Pace
from andon_alerting.pager import Crew, Pager
from andon_alerting.rebuild import KafkaHistory, Rebuild
from andon_alerting.redis_client import Patience, connect
from andon_alerting.remember import Remembering
from andon_alerting.settings import AlertingSettings, Policies
from andon_alerting.states import RedisRefusals, RedisStates


def app() -> None:
    """Turn scores into incidents, and page people through Alertmanager and a webhook."""
    serve("alerting", AlertingSettings, wire)


def wire(service: Service, settings: AlertingSettings) -> None:
    """The service, put together."""
    kafka, redis, keys = settings.kafka, connect(settings.redis), Keys(settings.redis.key_prefix)
    policies, board = Policies(settings.policy, settings.policies), Board()
    group, max_age_s = f"{kafka.group_prefix}.alerting", settings.paging.max_alert_age_s
    sinks = notifiers(settings)
    states = RedisStates(redis, keys, {each.name: each.resend_s is not None for each in sinks})
    outboxes = [Outbox(redis, keys, each.name, holder(), pace(settings)) for each in sinks]
    crew = Crew([pager(service, settings, states, *each) for each in zip(outboxes, sinks, strict=True)])
    scores = service.kafka_source(kafka, Subscription((SCORES,), group, fetch_bytes=SMALL_FETCH_BYTES))

    def keep_place() -> None:
        scores.idle()
        service.heart.beat()

    source = Remembering(
        scores,
        states,
        board,
        Rebuild(KafkaHistory(kafka, group), policies, settings.rebuild, max_age_s),
        policies,
        Patience(keep_place, settings.redis_patience_s),
        clock=utc_now,
        beat=service.heart.beat,
        watch_every_s=settings.watch_every_s,
        on_saved=crew.wake,
        on_rebuilt=service.metrics.state_rebuilds.inc,
    )
    notices = noticing(service, settings, RedisRefusals(redis, keys, [each.name for each in sinks]), crew)
    stage = Stage(
        name=service.name,
        source=source,
        handle=counted(Alerting(board, policies, max_age_s), board, service.metrics),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )
    with crew.at_work():
        service.run(stage, notices, each_turn=[crew.check])


def noticing(service: Service, settings: AlertingSettings, refusals: RedisRefusals, crew: Crew) -> Stage:
    """The stage of notices. It waits for nothing, since scores wait for their turn."""
    kafka, board, heart = settings.kafka, NoticeBoard(), service.heart
    subscription = Subscription((NOTICES,), f"{kafka.group_prefix}.alerting.notices", fetch_bytes=SMALL_FETCH_BYTES)
    source = service.kafka_source(kafka, subscription, poll_s=0)

    def keep_place() -> None:
        source.idle()
        heart.beat()

    patience = Patience(keep_place, settings.redis_patience_s)
    return Stage(
        name=f"{service.name}-notices",
        source=Remarking(source, refusals, board, patience, clock=utc_now, on_saved=crew.wake),
        handle=Noticing(board, settings.paging.max_alert_age_s),
        sink=KafkaSink(kafka, compression="zstd"),
        dead_letters=KafkaDeadLetters(kafka, settings.dead_letters, service.name, andon_version()),
    )


def pager(
    service: Service, settings: AlertingSettings, states: RedisStates, outbox: Outbox, notifier: Notifier
) -> Pager:
    """The pager of one sink, with a producer of its own, since it runs in a thread of its own."""
    return Pager(
        notifier=notifier,
        outbox=outbox,
        incidents=KafkaSink(settings.kafka, compression="zstd"),
        state_of=states.state,
        settings=settings.paging,
        clock=utc_now,
        random=Random(),  # noqa: S311  spreads retries, guards nothing
        metrics=service.metrics,
    )


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


def pace(settings: AlertingSettings) -> Pace:
    """How hard one sink may be knocked at."""
    return Pace(settings.paging.calls_per_minute, settings.paging.lease_s)


def holder() -> str:
    """Who holds a page: this process, told from every other, before and after."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:8]}"
