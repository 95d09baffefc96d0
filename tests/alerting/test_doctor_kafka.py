"""What the doctor makes of what Kafka says: each finding, and the healthy twin that gives none."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from andon import topics
from andon_alerting.doctor.checks import groups, kafka
from andon_alerting.doctor.checks import topics as of_topics
from andon_alerting.doctor.facts.door import Door, Trouble
from andon_alerting.doctor.facts.kafka import (
    Broker,
    Cluster,
    Configs,
    FrameTopics,
    Group,
    Groups,
    Partition,
    Place,
    Servers,
    Standing,
)
from andon_alerting.doctor.finding import Level
from andon_alerting.doctor.readers import READERS

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
HERE = "kafka-1:9092"


def make_cluster(*, partitions: int = 4, brokers: int = 3, **changes: int) -> Cluster:
    """Every topic, each partition with three copies; `changes` gives some topics another number of partitions, 0: none.
    In names, '_' stands for '.'."""
    part = Partition(1, (1, 2, 3)[:brokers], (1, 2, 3)[:brokers])
    counts = {
        each.name: changes.get(each.name.replace(".", "_"), partitions if each.spread else 1) for each in topics.ALL
    }
    doors = tuple(Broker(n, Door(f"kafka-{n}:9092")) for n in range(1, brokers + 1))
    found = {name: dict.fromkeys(range(count), part) for name, count in counts.items() if count}
    return Cluster(HERE, doors, 1, found, topics.FRAME_PATTERN)


def make_configs(brokers: int = 3, copies: int = 3, broker: Mapping[str, str] | None = None) -> Configs:
    """As `andon topics create --replication 3` makes them."""
    safe = {"min.insync.replicas": "2" if copies >= 3 else "1", "unclean.leader.election.enable": "false"}
    quiet = {"auto.create.topics.enable": "false", "unclean.leader.election.enable": "false"}
    return Configs(
        HERE,
        {n: quiet | dict(broker or {}) for n in range(1, brokers + 1)},
        {each.name: each.config() | safe for each in topics.ALL},
        {each.name: copies for each in topics.ALL},
    )


def with_config(topic: str, name: str, value: str, configs: Configs | None = None) -> Configs:
    configs = configs or make_configs()
    return replace(configs, topics={**configs.topics, topic: {**configs.topics[topic], name: value}})


def test_a_cluster_as_andon_makes_it_has_no_findings():
    for judge in (kafka.brokers, kafka.replicas, of_topics.there, of_topics.even):
        assert judge(make_cluster()).level is Level.OK
    for judge in (kafka.settings, of_topics.kept, of_topics.copies):
        assert judge(make_configs()).level is Level.OK


def test_a_server_that_answers_is_enough_and_one_that_does_not_is_told():
    good, gone = Door(HERE), Door("kafka-9:9092", Trouble.NAME, "Name or service not known")
    assert kafka.servers(Servers((good,))).level is Level.OK
    both = kafka.servers(Servers((good, gone)))
    assert both.level is Level.WARN
    assert "kafka-9:9092: its name does not resolve" in both.says
    assert kafka.servers(Servers((gone,))).level is Level.BAD


@pytest.mark.parametrize("trouble", Trouble)
def test_each_way_in_which_a_server_does_not_answer_has_its_own_remedy(trouble: Trouble):
    (found,) = kafka.servers(Servers((Door(HERE, trouble),))).findings
    assert trouble.value in found.what
    assert "{" not in found.do
    assert HERE in found.do or "kafka-1" in found.do or "ANDON_KAFKA__" in found.do


def test_a_broker_that_is_not_reached_by_its_own_name_is_bad_whatever_the_bootstrap_server_says():
    away = Broker(2, Door("inside-2:9092", Trouble.NAME))
    (found,) = kafka.brokers(replace(make_cluster(), brokers=(make_cluster().brokers[0], away))).findings
    assert (found.level, found.where) == (Level.BAD, "inside-2:9092")
    assert "advertised.listeners of broker 2" in found.do


def test_a_cluster_without_a_controller_is_bad():
    (found,) = kafka.brokers(replace(make_cluster(), controller=None)).findings
    assert found.level is Level.BAD


def test_a_partition_without_a_leader_is_bad_and_one_with_a_copy_behind_is_a_warning():
    alive = make_cluster()
    behind = replace(alive, topics={**alive.topics, "scores": {0: Partition(1, (1, 2, 3), (1, 2))}})
    (found,) = kafka.replicas(behind).findings
    assert (found.level, found.where) == (Level.WARN, "scores[0]")
    offline = replace(alive, topics={**alive.topics, "scores": {0: Partition(-1, (1, 2, 3), ())}})
    (found,) = kafka.replicas(offline).findings
    assert (found.level, found.where) == (Level.BAD, "scores[0]")


@pytest.mark.parametrize(
    ("setting", "level"),
    [("auto.create.topics.enable", Level.WARN), ("unclean.leader.election.enable", Level.BAD)],
)
def test_what_a_broker_must_not_do_by_itself_is_told(setting: str, level: Level):
    (found,) = kafka.settings(make_configs(brokers=1, broker={setting: "true"})).findings
    assert found.level is level
    assert setting in found.what


def test_the_consumer_protocol_needs_brokers_that_speak_it():
    wanted = replace(make_configs(brokers=1), group_protocol="consumer")
    assert kafka.settings(wanted).level is Level.BAD
    knows = make_configs(brokers=1, broker={"group.coordinator.rebalance.protocols": "classic,consumer"})
    assert kafka.settings(replace(knows, group_protocol="consumer")).level is Level.OK


def test_the_version_is_what_brokers_tell_of_it():
    assert "version 3.9" in kafka.settings(make_configs(broker={"inter.broker.protocol.version": "3.9-IV0"})).says
    assert "version 4.0 or later" in kafka.settings(make_configs()).says


def test_a_missing_topic_is_bad_and_made_with_as_many_partitions_as_the_others():
    (found,) = of_topics.there(make_cluster(partitions=6, verdicts=0)).findings
    assert (found.level, found.where) == (Level.BAD, "verdicts")
    assert found.do == "andon topics create --partitions 6 --replication 3"


def test_topics_that_are_read_together_need_the_same_number_of_partitions():
    found = of_topics.even(make_cluster(incidents=2, signals=2)).findings
    assert [each.where for each in found] == ["incidents", "signals"]
    assert found[0].do == f"kafka-topics.sh --bootstrap-server {HERE} --alter --topic incidents --partitions 4"
    assert "scores has 4" in found[0].what


def test_topics_that_nobody_reads_together_may_differ():
    assert of_topics.even(make_cluster(camera_frames=24, frames_prepared=3, notices=1)).level is Level.OK


@pytest.mark.parametrize(
    ("topic", "name", "value", "level"),
    [
        ("models", "cleanup.policy", "delete", Level.BAD),
        ("incidents", "cleanup.policy", "compact", Level.BAD),
        ("camera.frames", "max.message.bytes", "1048588", Level.BAD),
        ("scores", "retention.ms", "3600000", Level.WARN),
        ("camera.frames", "retention.bytes", "1000000", Level.WARN),
        ("incidents", "retention.bytes", "1000000", Level.WARN),
        ("camera.frames", "compression.type", "gzip", Level.WARN),
    ],
)
def test_a_topic_that_is_kept_worse_than_andon_would_is_told_with_the_command(
    topic: str, name: str, value: str, level: Level
):
    (found,) = of_topics.kept(with_config(topic, name, value)).findings
    assert (found.level, found.where) == (level, topic)
    wanted = topics.BY_NAME[topic].config()[name]
    assert found.do.endswith(f"--entity-name {topic} --add-config {name}={wanted}")


@pytest.mark.parametrize(
    ("topic", "name", "value"),
    [
        ("scores", "retention.ms", "-1"),
        ("scores", "retention.ms", str(90 * topics.DAY_MS)),
        ("scores", "max.message.bytes", "99999999"),
        ("camera.frames", "retention.bytes", "-1"),
        ("models", "retention.ms", "604800000"),
    ],
)
def test_a_topic_that_is_kept_longer_or_takes_more_is_fine(topic: str, name: str, value: str):
    assert of_topics.kept(with_config(topic, name, value)).level is Level.OK


def test_one_copy_is_a_warning_on_several_brokers_and_all_there_can_be_on_one():
    assert of_topics.copies(make_configs(brokers=3, copies=1)).level is Level.WARN
    assert of_topics.copies(make_configs(brokers=1, copies=1)).level is Level.OK


@pytest.mark.parametrize(
    ("copies", "least", "level"),
    [(3, "3", Level.BAD), (2, "2", Level.BAD), (1, "2", Level.BAD), (3, "1", Level.WARN), (3, "2", Level.OK)],
)
def test_writes_must_go_on_without_a_broker_and_be_on_two_before_they_count(copies: int, least: str, level: Level):
    configs = make_configs(brokers=1 if copies == 1 else 3, copies=copies)
    assert of_topics.copies(with_config("scores", "min.insync.replicas", least, configs)).level is level


def test_a_topic_whose_leader_may_lack_records_is_bad():
    found = of_topics.copies(with_config("scores", "unclean.leader.election.enable", "true")).findings
    assert [(each.level, each.where) for each in found] == [(Level.BAD, "scores")]


def make_frames(**ages_h: float | None) -> FrameTopics:
    """Frame topics by how old their newest record is; '_' stands for '.'."""
    return FrameTopics(
        NOW,
        {name.replace("_", "."): None if age is None else NOW - timedelta(hours=age) for name, age in ages_h.items()},
    )


def test_a_frame_topic_that_nobody_produces_to_is_told_and_the_common_one_may_be_empty():
    facts = make_frames(camera_frames=None, camera_frames_press=0.01, camera_frames_weld=50, camera_frames_oven=None)
    found = of_topics.frames(facts).findings
    assert [(each.level, each.where) for each in found] == [
        (Level.WARN, "camera.frames.weld"),
        (Level.WARN, "camera.frames.oven"),
    ]
    assert of_topics.frames(make_frames(camera_frames=0.1)).level is Level.OK


def test_a_line_on_which_no_frame_came_for_a_day_is_told_once():
    (found,) = of_topics.frames(make_frames(camera_frames=30, camera_frames_weld=None)).findings
    assert "no frame came within a day" in found.what


FRESH = Standing(committed=100, low=0, high=100, minute=100, ten_minutes=90)


def make_group(name: str, members: int = 1, stands: Standing = FRESH, partitions: int = 4) -> Group:
    reader = next(each for each in READERS if each.name == name)
    places: dict[Place, Standing] = {(topic, n): stands for topic in reader.topics for n in range(partitions)}
    return Group(f"andon.{name}", "STABLE" if members else "EMPTY", members, ("10.0.0.7",) * members, places)


def make_groups(*given: Group, without: tuple[str, ...] = (), holding: frozenset[str] = frozenset()) -> Groups:
    """Every needed group alive and up to date, `given` in the place of some, none of `without`."""
    needed = {each.name: make_group(each.name) for each in READERS if each.needed and each.name not in without}
    return Groups(HERE, "andon", needed | {each.name.removeprefix("andon."): each for each in given}, holding)


def test_groups_that_keep_up_have_no_findings():
    for judge in (groups.alive, groups.members, groups.lag, groups.lost):
        assert judge(make_groups()).level is Level.OK
    assert "preprocess 1" in groups.alive(make_groups()).says


def test_a_needed_group_that_died_is_bad_and_another_a_warning():
    (found,) = groups.alive(make_groups(make_group("scoring", members=0))).findings
    assert (found.level, found.where) == (Level.BAD, "andon.scoring")
    assert found.do.startswith("andon scoring ")
    (found,) = groups.alive(make_groups(make_group("drift", members=0))).findings
    assert (found.level, found.where) == (Level.WARN, "andon.drift")


def test_a_service_that_never_started_is_bad_as_soon_as_records_wait_for_it():
    (found,) = groups.alive(make_groups(without=("alerting",))).findings
    assert (found.level, found.do) == (Level.WARN, "andon alerting")
    (found,) = groups.alive(make_groups(without=("alerting",), holding=frozenset({"scores"}))).findings
    assert (found.level, found.where) == (Level.BAD, "andon.alerting")


def test_an_optional_service_that_never_started_is_only_named():
    judged = groups.alive(make_groups())
    assert "never started: shadow-scoring" in judged.says


def test_more_members_than_partitions_is_a_warning():
    assert groups.members(make_groups(make_group("scoring", members=4))).level is Level.OK
    (found,) = groups.members(make_groups(make_group("scoring", members=5))).findings
    assert "5 members and 4 partitions" in found.what


@pytest.mark.parametrize(
    ("name", "committed", "level"),
    [
        ("scoring", 100, Level.OK),
        ("scoring", 99, Level.WARN),  # older than a minute
        ("scoring", 40, Level.BAD),  # older than ten
        ("drift", 40, Level.WARN),  # nobody waits for it
        ("scoring", None, Level.BAD),  # never there: from the beginning
        ("machines-mqtt", None, Level.OK),  # never there: from the end
    ],
)
def test_what_waits_for_longer_than_a_minute_is_told(name: str, committed: int | None, level: Level):
    assert groups.lag(make_groups(make_group(name, stands=replace(FRESH, committed=committed)))).level is level


def test_unread_records_that_are_young_are_no_finding_but_counted():
    judged = groups.lag(make_groups(make_group("scoring", stands=Standing(100, 0, 130, 100, 90))))
    assert judged.level is Level.OK
    assert "scoring 120" in judged.says


def test_records_that_kafka_deleted_unread_are_bad_with_the_command_that_accepts_it():
    gone = Standing(committed=5, low=25, high=100, minute=25, ten_minutes=25)
    (found,) = groups.lost(make_groups(make_group("scoring", stands=gone))).findings
    assert "80 records deleted unread in frames.prepared" in found.what
    assert "--group andon.scoring --reset-offsets --to-earliest" in found.do


def test_a_group_that_was_never_in_a_partition_has_lost_nothing_there():
    fresh = Standing(committed=None, low=25, high=100, minute=100, ten_minutes=100)
    assert groups.lost(make_groups(make_group("scoring", stands=fresh))).level is Level.OK
