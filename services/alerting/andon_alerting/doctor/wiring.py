"""Which look gives which facts, put together with the settings."""

from collections.abc import Mapping
from typing import Any

from andon_alerting.doctor.ask import Look
from andon_alerting.doctor.facts import kafka as of_kafka
from andon_alerting.doctor.facts import records, world
from andon_alerting.doctor.looks import alertmanager, groups, kafka, models, newest, own, redis, stores
from andon_alerting.doctor.settings import DoctorSettings


def looks(settings: DoctorSettings, given: Mapping[str, str], *, probe: bool) -> dict[type[Any], Look]:
    """Every look, by the kind of facts that it gives. `given` is the environment; `probe`: may stores be written to."""
    return {
        of_kafka.Servers: lambda _: kafka.servers(settings.kafka),
        of_kafka.Cluster: lambda ask: kafka.cluster(settings.kafka, settings.frames, ask),
        of_kafka.Configs: lambda ask: kafka.configs(settings.kafka, ask),
        of_kafka.Groups: lambda ask: groups.groups(settings.kafka, ask),
        of_kafka.FrameTopics: lambda ask: groups.frame_topics(settings.kafka, ask),
        records.Newest: lambda ask: newest.newest(settings.kafka, ask),
        models.Table: lambda ask: models.table(settings.kafka, ask),
        records.Models: models.models,
        records.Bundles: lambda ask: models.bundles(settings.store, ask),
        records.Clocks: own.clocks,
        records.RedisClock: lambda ask: redis.clock(settings.redis, ask),
        records.AlertmanagerClock: lambda ask: alertmanager.clock(settings.alertmanager, ask),
        records.RecordClock: own.newest_record,
        world.RedisDoor: lambda _: redis.door(settings.redis),
        world.Redis: lambda ask: redis.redis(settings.redis, ask),
        world.RedisRights: lambda ask: redis.rights(settings.redis, ask),
        redis.Remembered: lambda ask: redis.remembered(settings.redis, ask),
        world.AlertmanagerDoor: lambda _: alertmanager.door(settings.alertmanager),
        world.Alertmanager: lambda ask: alertmanager.alertmanager(settings.alertmanager, ask),
        world.Webhook: lambda _: alertmanager.webhook(settings.webhook),
        world.Stores: lambda _: stores.stores(settings, probe),
        world.Environment: lambda _: own.environment(settings, given),
        world.LineFile: lambda _: own.line_file(settings),
        world.Heard: own.heard,
    }
