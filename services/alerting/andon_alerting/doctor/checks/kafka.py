"""Kafka itself: its servers, brokers and their settings."""

from collections.abc import Iterator, Mapping

from andon_alerting.doctor.facts.door import Door, Trouble
from andon_alerting.doctor.facts.kafka import Cluster, Configs, Servers
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, names, several, warn

MEND: Mapping[Trouble, str] = {
    Trouble.NAME: "getent hosts {host}   # then mend DNS, or export ANDON_KAFKA__BOOTSTRAP_SERVERS=HOST:PORT",
    Trouble.REFUSED: "is the broker running, and on that port? nc -vz {host} {port}",
    Trouble.SILENT: "nc -vz -w 3 {host} {port}   # then look at firewalls and network policies between here and there",
    Trouble.UNREACHABLE: "nc -vz -w 3 {host} {port}",
    Trouble.TLS: "openssl s_client -connect {address} -showcerts </dev/null   # then set ANDON_KAFKA__SSL_CA_LOCATION",
    Trouble.SPEAKS_TLS: "export ANDON_KAFKA__SECURITY_PROTOCOL=SSL   # SASL_SSL with a login",
    Trouble.LOGIN: "set ANDON_KAFKA__SASL_MECHANISM, ANDON_KAFKA__SASL_USERNAME and ANDON_KAFKA__SASL_PASSWORD as the "
    "broker has them",
    Trouble.MUTE: "openssl s_client -connect {address}   # is it Kafka? is ANDON_KAFKA__SECURITY_PROTOCOL right?",
}
MEND_BROKER = (
    "set advertised.listeners of broker {broker} to an address that clients reach: clients are sent to {address}, "
    "whatever ANDON_KAFKA__BOOTSTRAP_SERVERS says"
)


def mend(door: Door, ways: Mapping[Trouble, str]) -> str:
    """What to do about a door that nobody opens."""
    host, _, port = door.address.rpartition(":")
    return ways[door.trouble or Trouble.MUTE].format(host=host.strip("[]"), port=port, address=door.address)


def servers(facts: Servers) -> Judged:
    """Any one that answers is enough; each that does not is one less when another goes."""
    there = [each.address for each in facts.doors if each.trouble is None]
    report = warn if there else bad
    found = [report(each.words, each.address, mend(each, MEND)) for each in facts.doors if each.trouble]
    return judged(f"{names(there)} answers, {facts.protocol}", found)


def brokers(facts: Cluster) -> Judged:
    """Clients are sent to each broker by the name that it advertises."""
    named = names(each.door.address for each in facts.brokers)
    controller = f"controller {facts.controller}" if facts.controller is not None else "no controller"
    return judged(f"{several(len(facts.brokers), 'broker')}, {controller}: {named}", _brokers(facts))


def _brokers(facts: Cluster) -> Iterator[Finding]:
    for each in facts.brokers:
        if each.door.trouble:
            way = MEND_BROKER.format(broker=each.id, address=each.door.address)
            yield bad(
                f"broker {each.id} is not reached by the name it advertises: {each.door.words}", each.door.address, way
            )
    if facts.controller is None:
        yield bad(
            "the cluster names no controller: topics and leaders cannot change",
            facts.address,
            f"kafka-metadata-quorum.sh --bootstrap-server {facts.address} describe --status",
        )


def replicas(facts: Cluster) -> Judged:
    """Whether every partition has a leader, and every copy is up to date."""
    parts = [
        (f"{topic}[{number}]", each) for topic, found in facts.topics.items() for number, each in sorted(found.items())
    ]
    offline = [name for name, each in parts if each.leader < 0]
    behind = [name for name, each in parts if each.leader >= 0 and set(each.replicas) - set(each.in_sync)]
    found = []
    look = f"kafka-topics.sh --bootstrap-server {facts.address} --describe"
    if offline:
        what = f"{several(len(offline), 'partition')} without a leader: nothing is read or written there"
        found.append(
            bad(what, names(offline), f"{look} --unavailable-partitions   # then start the brokers that hold them")
        )
    if behind:
        what = f"{several(len(behind), 'partition')} with fewer copies than there should be"
        found.append(warn(what, names(behind), f"{look} --under-replicated-partitions   # is a broker down, or slow?"))
    return judged(f"{several(len(parts), 'partition')}, each with a leader and all its copies", found)


def settings(facts: Configs) -> Judged:
    """What brokers do by themselves."""
    return judged(
        f"{version(facts)}; no topic is made by accident, no leader behind the others is chosen", _settings(facts)
    )


def version(facts: Configs) -> str:
    """The brokers' version, as far as they tell: from 4.0 on they have no inter.broker.protocol.version."""
    found = {each.get("inter.broker.protocol.version") for each in facts.brokers.values()}
    old = sorted(each.partition("-")[0] for each in found if each)
    return f"version {', '.join(old)}" if old else "version 4.0 or later"


def _settings(facts: Configs) -> Iterator[Finding]:
    change = f"kafka-configs.sh --bootstrap-server {facts.address} --alter --entity-type brokers --entity-name"
    for broker, config in sorted(facts.brokers.items()):
        where = f"broker {broker}"
        if config.get("auto.create.topics.enable") == "true":
            yield warn(
                "auto.create.topics.enable is on: a mistyped topic is made, with the broker's settings",
                where,
                "auto.create.topics.enable=false in server.properties of every broker, then restart it",
            )
        if config.get("unclean.leader.election.enable") == "true":
            yield bad(
                "unclean.leader.election.enable is on: a copy that is behind may lead, and what it lacks is lost",
                where,
                f"{change} {broker} --add-config unclean.leader.election.enable=false",
            )
        if facts.group_protocol == "consumer" and not _speaks_consumer(config):
            yield bad(
                "ANDON_KAFKA__GROUP_PROTOCOL is consumer, and the broker does not know that protocol",
                where,
                "export ANDON_KAFKA__GROUP_PROTOCOL=classic   # or brokers of 4.0 or later",
            )


def _speaks_consumer(config: Mapping[str, str]) -> bool:
    return "consumer" in config.get("group.coordinator.rebalance.protocols", "").split(",")


CHECKS = (
    Check(
        "kafka.servers",
        "Does each bootstrap server answer? Told apart: its name does not resolve, nobody listens, it does not answer, "
        "TLS fails, it speaks TLS and we do not, it refuses our login.",
        Servers,
        servers,
    ),
    Check(
        "kafka.brokers", "Is there a controller, and is each broker reached from here by the name that it advertises?",
        Cluster, brokers,
    ),
    Check("kafka.replicas", "Has every partition a leader, and are all its copies up to date?", Cluster, replicas),
    Check(
        "kafka.settings",
        "Do brokers make topics by accident, or let a leader lose records; do they know our group protocol?",
        Configs,
        settings,
    ),
)  # fmt: skip
