"""What the doctor makes of Redis, Alertmanager, the webhook, stores and settings: each finding and its healthy twin."""

from dataclasses import replace
from typing import Any

import pytest

from andon_alerting.doctor.checks import alertmanager, redis, settings, stores
from andon_alerting.doctor.facts.door import Door, Trouble
from andon_alerting.doctor.facts.world import (
    Alertmanager,
    AlertmanagerDoor,
    Environment,
    Redis,
    RedisDoor,
    RedisRights,
    Store,
    Stores,
    Webhook,
)
from andon_alerting.doctor.finding import Level

MIB = 1024**2
GIB = 1024**3


def make_redis(**info: Any) -> Redis:
    """A Redis as it should be, but for `info`."""
    good = {
        "maxmemory_policy": "noeviction",
        "maxmemory": 100 * MIB,
        "used_memory": 10 * MIB,
        "aof_enabled": 1,
        "aof_last_write_status": "ok",
        "rdb_last_bgsave_status": "ok",
        "loading": 0,
        "role": "master",
        "connected_slaves": 0,
    }
    return Redis("redis:6379", good | info, "andon:")


RIGHTS = RedisRights("redis:6379", "andon", {}, 11, "andon:")


def test_a_redis_as_it_should_be_has_no_findings():
    for judge in (redis.policy, redis.memory, redis.persistence, redis.replicas):
        assert judge(make_redis()).level is Level.OK
    assert redis.rights(RIGHTS).level is Level.OK
    assert redis.answers(RedisDoor(Door("redis:6379"), "7.4")).level is Level.OK


@pytest.mark.parametrize("trouble", Trouble)
def test_each_way_in_which_redis_does_not_answer_has_its_own_remedy(trouble: Trouble):
    (found,) = redis.answers(RedisDoor(Door("redis:6379", trouble))).findings
    assert found.level is Level.BAD
    assert trouble.value in found.what
    assert "{" not in found.do


def test_a_redis_that_evicts_loses_pages_and_says_whether_it_did():
    (found,) = redis.policy(make_redis(maxmemory_policy="allkeys-lru")).findings
    assert found.level is Level.BAD
    assert found.do.startswith("redis-cli -h redis -p 6379 config set maxmemory-policy noeviction")
    assert len(redis.policy(make_redis(maxmemory_policy="allkeys-lru", evicted_keys=7)).findings) == 2


@pytest.mark.parametrize(
    ("used", "most", "level"), [(74, 100, Level.OK), (76, 100, Level.WARN), (91, 100, Level.BAD), (999, 0, Level.OK)]
)
def test_a_redis_that_fills_up_is_told_before_it_refuses_writes(used: int, most: int, level: Level):
    assert redis.memory(make_redis(used_memory=used * MIB, maxmemory=most * MIB)).level is level


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({"aof_enabled": 0}, Level.WARN),
        ({"loading": 1}, Level.BAD),
        ({"rdb_last_bgsave_status": "err"}, Level.BAD),
        ({"aof_last_write_status": "err"}, Level.BAD),
    ],
)
def test_a_redis_that_does_not_persist_is_told(info: dict[str, Any], level: Level):
    assert redis.persistence(make_redis(**info)).level is level


def test_a_command_that_our_user_may_not_give_is_bad_with_what_grants_it():
    (found,) = redis.rights(replace(RIGHTS, denied={"EVAL": "no permissions to run the 'eval' command"})).findings
    assert found.level is Level.BAD
    assert "acl setuser andon '~andon:*'" in found.do


def test_a_replica_takes_no_writes_and_the_master_is_named():
    (found,) = redis.replicas(make_redis(role="slave", master_host="redis-0", master_port=6379)).findings
    assert (found.level, found.do) == (Level.BAD, "export ANDON_REDIS__URL=redis://redis-0:6379/0")


@pytest.mark.parametrize(
    ("state", "lag", "level"), [("online", 1, Level.OK), ("online", 30, Level.WARN), ("wait_bgsave", 0, Level.WARN)]
)
def test_a_replica_of_redis_that_is_behind_is_a_warning(state: str, lag: int, level: Level):
    copy = {"ip": "10.0.0.8", "port": 6379, "state": state, "lag": lag}
    assert redis.replicas(make_redis(connected_slaves=1, slave0=copy)).level is level


CONFIG: dict[str, Any] = {
    "route": {"receiver": "people", "routes": [{"receiver": "watchdog"}, {"receiver": "drill"}, {"receiver": "pager"}]},
    "receivers": [
        {"name": "people"},
        {"name": "watchdog", "webhook_configs": [{"url": "<secret>"}]},
        {"name": "drill"},
        {"name": "pager", "pagerduty_configs": [{"routing_key_file": "/k"}]},
    ],
}


def make_alertmanager(config: dict[str, Any] = CONFIG, **changes: Any) -> Alertmanager:
    receivers = tuple(each["name"] for each in config.get("receivers", ()))
    return replace(Alertmanager("am:9093", config, "ready", receivers, True, True, ()), **changes)


def make_silence(*matchers: tuple[str, str] | tuple[str, str, bool] | tuple[str, str, bool, bool]) -> dict[str, Any]:
    """A silence by (label, value, regular expression?, equal?)."""
    full = [(*each, *(False, True)[len(each) - 2 :]) for each in matchers]
    told = [dict(zip(("name", "value", "isRegex", "isEqual"), each, strict=True)) for each in full]
    return {"id": "s1", "matchers": told, "createdBy": "kim", "endsAt": "2026-03-02T18:00:00Z", "comment": "noise"}


def test_an_alertmanager_as_it_should_be_has_no_findings():
    for judge in (alertmanager.receivers, alertmanager.watchdog, alertmanager.silences, alertmanager.cluster):
        assert judge(make_alertmanager()).level is Level.OK
    assert alertmanager.answers(AlertmanagerDoor(Door("am:9093"), "0.28.1")).level is Level.OK


@pytest.mark.parametrize("trouble", Trouble)
def test_each_way_in_which_alertmanager_does_not_answer_has_its_own_remedy(trouble: Trouble):
    (found,) = alertmanager.answers(AlertmanagerDoor(Door("am:9093", trouble))).findings
    assert trouble.value in found.what
    assert "{" not in found.do


def test_receivers_that_tell_nobody_are_a_warning_though_the_watchdog_has_one():
    config = CONFIG | {"receivers": [each | {"pagerduty_configs": None} for each in CONFIG["receivers"]]}
    (found,) = alertmanager.receivers(make_alertmanager(config)).findings
    assert (found.level, found.where) == (Level.WARN, "pager, people")


def test_a_route_to_a_receiver_that_is_not_there_is_bad():
    (found,) = alertmanager.receivers(make_alertmanager(receivers=("people", "pager", "drill"))).findings
    assert (found.level, found.where) == (Level.BAD, "watchdog")


def test_a_configuration_without_a_route_is_bad():
    assert alertmanager.receivers(make_alertmanager({})).level is Level.BAD


def test_a_watchdog_that_is_not_there_is_bad_unless_nobody_wants_one():
    assert alertmanager.watchdog(make_alertmanager(watchdog=False)).level is Level.BAD
    assert alertmanager.watchdog(make_alertmanager(watchdog=False, watchdog_wanted=False)).level is Level.OFF


@pytest.mark.parametrize(
    "silence",
    [
        make_silence(("alertname", "Andon.+", True)),
        make_silence(("alertname", ".*", True), ("station", "", False)),
        make_silence(("severity", "critical")),
        make_silence(("station", "weld-07", False, False)),
        make_silence(("alertname", "Andon.+", True), ("alertname", "AndonWatchdog", False, False)),
    ],
)
def test_a_silence_that_hides_every_page_is_told_with_who_set_it_and_how_to_end_it(silence: dict[str, Any]):
    found = alertmanager.silences(make_alertmanager(silences=(silence,))).findings
    assert any("kim" in each.what and "every page" in each.what for each in found)
    assert found[0].do.startswith("amtool --alertmanager.url=http://am:9093 silence expire s1")


@pytest.mark.parametrize(
    "silence",
    [
        make_silence(("station", "weld-07")),
        make_silence(("alertname", "AndonIncident"), ("line", "press")),
        make_silence(("alertname", "NodeDown")),
        make_silence(("alertname", "Andon(", True)),
    ],
)
def test_a_silence_of_one_station_or_of_others_alerts_is_no_finding(silence: dict[str, Any]):
    assert alertmanager.silences(make_alertmanager(silences=(silence,))).level is Level.OK


def test_a_silence_that_hides_the_watchdog_is_told():
    silence = make_silence(("alertname", "AndonWatchdog"))
    (found,) = alertmanager.silences(make_alertmanager(silences=(silence,))).findings
    assert "dead man's switch" in found.what


def test_replicas_of_alertmanager_that_do_not_know_each_other_are_a_warning():
    assert alertmanager.cluster(make_alertmanager(cluster="settling")).level is Level.WARN
    assert alertmanager.cluster(make_alertmanager(cluster="disabled")).level is Level.OK


def test_a_webhook_whose_name_does_not_resolve_is_bad():
    assert alertmanager.webhook(Webhook(Door("hooks.factory:443"))).level is Level.OK
    (found,) = alertmanager.webhook(Webhook(Door("hooks.factory:443", Trouble.NAME))).findings
    assert found.do.startswith("getent hosts hooks.factory ")


def make_store(name: str = "frames", **changes: Any) -> Stores:
    store = Store(name, "ANDON_STORE__FRAMES", "/data/frames", room=(500 * GIB, 1000 * GIB), inodes=(900, 1000))
    return Stores((replace(store, **changes),))


def test_a_store_as_it_should_be_has_no_findings():
    for judge in (stores.made, stores.readable, stores.writable, stores.room):
        assert judge(make_store()).level is Level.OK


def test_a_store_that_cannot_be_read_is_bad_and_not_told_twice():
    away = make_store(unreadable="access denied", room=None)
    assert stores.readable(away).level is Level.BAD
    assert stores.writable(away).findings == ()


def test_a_store_that_cannot_be_written_is_bad_but_for_bundles_which_most_only_read():
    assert stores.writable(make_store(unwritable="Permission denied")).level is Level.BAD
    assert stores.writable(make_store("bundles", unwritable="Permission denied")).level is Level.WARN


def test_without_the_probe_nothing_is_said_of_writing():
    assert stores.writable(make_store(unwritable=None)).level is Level.OFF


def test_a_folder_of_bundles_that_is_not_there_is_a_warning():
    (found,) = stores.made(make_store("bundles", missing=True, url="/data/bundles")).findings
    assert (found.level, found.do) == (Level.WARN, "mkdir -p /data/bundles")


def test_a_folder_that_the_first_write_makes_is_only_named():
    judged = stores.made(make_store("evidence", missing=True))
    assert (judged.level, judged.says) == (Level.OK, "not there yet, the first write makes it: evidence")


@pytest.mark.parametrize(("free", "level"), [(200, Level.OK), (99, Level.WARN), (49, Level.BAD), (0.5, Level.BAD)])
def test_a_folder_that_fills_up_is_told(free: float, level: Level):
    assert stores.room(make_store(room=(int(free * GIB), 1000 * GIB))).level is level


def test_a_small_disk_needs_a_gibibyte_however_large_its_share():
    assert stores.room(make_store(room=(GIB // 2, 2 * GIB))).level is Level.BAD


def test_a_file_system_without_inodes_is_full_whatever_room_is_left():
    (found,) = stores.room(make_store(inodes=(3, 1000))).findings
    assert found.do.startswith("df -i /data/frames")
    assert stores.room(make_store(inodes=(0, 0))).level is Level.OK  # it counts none


CLEAN = Environment({}, 3, (), (), 1)


def test_settings_as_they_should_be_have_no_findings():
    for judge in (settings.unknown, settings.in_the_open, settings.secret_files, settings.strategy):
        assert judge(CLEAN).level is Level.OK


def test_a_variable_that_nobody_reads_is_told_with_the_one_that_was_meant():
    near = "ANDON_KAFKA__BOOTSTRAP_SERVERS"
    found = settings.unknown(
        replace(CLEAN, unknown={"ANDON_KAFKA__BOOTSTRAP_SERVER": near, "ANDON_X__Y": None})
    ).findings
    assert found[0].do == f"rename it: unset ANDON_KAFKA__BOOTSTRAP_SERVER; export {near}=..."
    assert found[1].do.startswith("unset ANDON_X__Y")


@pytest.mark.parametrize("what", ["Kafka", "Redis", "Alertmanager", "webhook"])
def test_what_travels_in_the_open_beyond_this_machine_is_a_warning(what: str):
    (found,) = settings.in_the_open(replace(CLEAN, in_the_open=((what, "far:1"),))).findings
    assert (found.level, found.where) == (Level.WARN, "far:1")
    assert what.upper() in found.do


def test_a_strategy_that_parts_what_belongs_together_is_bad():
    (found,) = settings.strategy(replace(CLEAN, strategy="roundrobin")).findings
    assert (found.level, found.do) == (Level.BAD, "unset ANDON_KAFKA__ASSIGNMENT_STRATEGY")


def test_a_secret_that_everybody_may_read_is_told_with_its_mode():
    (found,) = settings.secret_files(replace(CLEAN, open_files=(("/run/secrets/k", 0o644),))).findings
    assert "mode 0644" in found.what
    assert found.do == "chmod o-rwx /run/secrets/k"
