"""Redis: pages wait there, and the state that Kafka can rebuild."""

from collections.abc import Iterator, Mapping
from typing import Any

from andon_alerting.doctor.checks.kafka import mend
from andon_alerting.doctor.facts.door import Trouble
from andon_alerting.doctor.facts.world import Redis, RedisDoor, RedisRights
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, several, warn

NEARLY_FULL, FULL = 0.75, 0.9
MIB = 1024**2
LATE_S = 10
MEND: Mapping[Trouble, str] = {
    Trouble.NAME: "getent hosts {host}   # then mend DNS, or export ANDON_REDIS__URL=redis://HOST:PORT/0",
    Trouble.REFUSED: "is Redis running, and on that port? redis-cli -h {host} -p {port} ping",
    Trouble.SILENT: "nc -vz -w 3 {host} {port}   # then look at firewalls and network policies between here and there",
    Trouble.UNREACHABLE: "nc -vz -w 3 {host} {port}",
    Trouble.TLS: "openssl s_client -connect {address} </dev/null   # is ANDON_REDIS__URL rediss:// where it should be?",
    Trouble.SPEAKS_TLS: "export ANDON_REDIS__URL=rediss://{address}/0",
    Trouble.LOGIN: "set ANDON_REDIS__USERNAME and ANDON_REDIS__PASSWORD as Redis has them",
    Trouble.MUTE: "redis-cli -h {host} -p {port} info server   # is it Redis, and done with loading?",
}


def answers(facts: RedisDoor) -> Judged:
    """Whether it answers."""
    door = facts.door
    found = [bad(door.words, door.address, mend(door, MEND))] if door.trouble else []
    return judged(f"{door.address} answers, version {facts.version}", found)


def policy(facts: Redis) -> Judged:
    """A Redis that evicts loses pages that wait to be told."""
    found, name = [], str(facts.info.get("maxmemory_policy", "?"))
    if name != "noeviction":
        what = f"maxmemory-policy is {name}: when memory is short, pages that wait and open incidents are thrown away"
        found.append(bad(what, facts.address, _set(facts, "maxmemory-policy", "noeviction")))
    if int(facts.info.get("evicted_keys", 0)) and name != "noeviction":
        what = f"{several(int(facts.info['evicted_keys']), 'key')} were thrown away since it started"
        found.append(
            bad(
                what,
                facts.address,
                f"after the policy is set: redis-cli {_at(facts)} del {facts.prefix}boot   # rebuilds from Kafka",
            )
        )
    return judged(f"maxmemory-policy is {name}", found)


def memory(facts: Redis) -> Judged:
    """A full Redis takes no writes, and alerting waits."""
    used, most = int(facts.info.get("used_memory", 0)), int(facts.info.get("maxmemory", 0))
    told = f"{used / MIB:.0f} MiB of {most / MIB:.0f} MiB" if most else f"{used / MIB:.0f} MiB, no limit"
    found = []
    if most and used > NEARLY_FULL * most:
        report, then = (bad, "writes are refused soon") if used > FULL * most else (warn, "it grows with stations")
        found.append(
            report(f"{told} are used: {then}", facts.address, _set(facts, "maxmemory", f"{2 * most // MIB}mb"))
        )
    return judged(f"{told} used", found)


def persistence(facts: Redis) -> Judged:
    """What is lost in a restart is rebuilt from Kafka; that takes a while."""
    return judged("appendonly is on, and it writes", _persistence(facts))


def _persistence(facts: Redis) -> Iterator[Finding]:
    info, look = facts.info, f"redis-cli {_at(facts)} info persistence   # then look at its log and its disk"
    if int(info.get("loading", 0)):
        yield bad("it is loading its data and takes no commands", facts.address, look)
    for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"):
        if info.get(name, "ok") != "ok":
            yield bad(
                f"{name} is {info[name]}: it cannot write to its disk, and may refuse writes", facts.address, look
            )
    if not int(info.get("aof_enabled", 0)):
        what = "appendonly is off: after a restart state is rebuilt from Kafka, which delays pages"
        yield warn(what, facts.address, _set(facts, "appendonly", "yes"))


def rights(facts: RedisRights) -> Judged:
    """What alerting does there: it moves state by scripts over its own keys."""
    found = [_denied(facts, command, said) for command, said in facts.denied.items()]
    return judged(f"{facts.user} may do what it must ({several(facts.tried, 'command')} tried)", found)


def _denied(facts: RedisRights, command: str, said: str) -> Finding:
    grant = f"redis-cli {_at(facts)} acl setuser {facts.user} '~{facts.prefix}*' +@all -@admin -@dangerous"
    return bad(f"{facts.user} may not {command}: {said}", facts.address, grant)


def replicas(facts: Redis) -> Judged:
    """Whether it is the one that takes writes, and its copies keep up."""
    copies = list(_copies(facts.info))
    return judged(f"it takes writes; {several(len(copies), 'replica')}", _replicas(facts, copies))


def _replicas(facts: Redis, copies: list[tuple[str, Mapping[str, Any]]]) -> Iterator[Finding]:
    info, look = facts.info, f"redis-cli {_at(facts)} info replication"
    if info.get("role", "master") != "master":
        master = f"{info.get('master_host')}:{info.get('master_port')}"
        yield bad(
            f"it is a replica of {master}, and takes no writes",
            facts.address,
            f"export ANDON_REDIS__URL=redis://{master}/0",
        )
    for name, each in copies:
        if each.get("state") != "online" or int(each.get("lag", 0)) > LATE_S:
            what = f"its replica {each.get('ip')}:{each.get('port')} is {each.get('state')}, {each.get('lag')} s behind"
            yield warn(what, name, look)


def _copies(info: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number in range(int(info.get("connected_slaves", 0))):
        if isinstance(each := info.get(f"slave{number}"), Mapping):
            yield f"replica {number}", each


def _at(facts: Redis | RedisRights) -> str:
    host, _, port = facts.address.rpartition(":")
    return f"-h {host} -p {port}" if host else f"-s {facts.address}"


def _set(facts: Redis, name: str, value: str) -> str:
    return f"redis-cli {_at(facts)} config set {name} {value}   # and in redis.conf, so that it stays"


CHECKS = (
    Check("redis.answers", "Does Redis answer? Told apart as for Kafka.", RedisDoor, answers),
    Check("redis.policy", "Is maxmemory-policy noeviction, so that no page is thrown away?", Redis, policy),
    Check("redis.memory", "Is there room below maxmemory?", Redis, memory),
    Check("redis.persistence", "Is appendonly on, and does it write?", Redis, persistence),
    Check(
        "redis.rights",
        "May our user do what alerting does (ACL DRYRUN; else harmless reads)?",
        RedisRights,
        rights,
    ),
    Check("redis.replicas", "Does it take writes, and do its replicas keep up?", Redis, replicas),
)
