"""The topics, held against what `andon.topics` says of them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from andon import topics
from andon_alerting.doctor.facts.kafka import Cluster, Configs, FrameTopics
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, several, warn

STALE = timedelta(days=1)
"""A frame topic whose newest record is older is one that nobody produces to."""


def there(facts: Cluster) -> Judged:
    """Whether there is every topic."""
    return judged(f"all {len(topics.ALL)} topics are there", _there(facts))


def _there(facts: Cluster) -> Iterator[Finding]:
    spread = [len(facts.topics[each.name]) for each in topics.ALL if each.spread and each.name in facts.topics]
    partitions, copies = max(spread, default=12), min(3, len(facts.brokers) or 1)
    do = f"andon topics create --partitions {partitions} --replication {copies}"
    for topic in topics.ALL:
        if topic.name not in facts.topics:
            yield bad(f"the topic does not exist; it holds: {topic.holds}", topic.name, do)


def even(facts: Cluster) -> Judged:
    """Topics that a service reads by partition, together, have as many partitions as each other."""
    known = {name: len(parts) for name, parts in facts.topics.items()}
    together = {name for of in topics.TOGETHER.values() for name in of}
    counts = {known[name] for name in together & known.keys()}
    if not counts:
        return Judged("none of them exists", off=True)
    good = f"{', '.join(sorted(together & known.keys()))}: {several(max(counts, default=0), 'partition')} each"
    return judged(good, _even(facts.address, known))


def _even(address: str, known: Mapping[str, int]) -> Iterator[Finding]:
    told: set[str] = set()
    most = max((known[name] for of in topics.TOGETHER.values() for name in of if name in known), default=0)
    for service, of in topics.TOGETHER.items():
        counts = {name: known[name] for name in of if name in known}
        if len(set(counts.values())) < 2:
            continue
        for name, count in counts.items():
            if count < most and name not in told:
                told.add(name)
                yield bad(_uneven(service, name, counts), name, more_partitions(address, name, most))


def _uneven(service: str, name: str, counts: Mapping[str, int]) -> str:
    others = ", ".join(f"{each} has {count}" for each, count in counts.items() if each != name)
    return (
        f"it has {several(counts[name], 'partition')}, {others}: {service} reads them by partition, together, and they "
        "must have the same"
    )


def more_partitions(address: str, topic: str, count: int) -> str:
    """The command that gives a topic more partitions."""
    return f"kafka-topics.sh --bootstrap-server {address} --alter --topic {topic} --partitions {count}"


def kept(facts: Configs) -> Judged:
    """Whether each topic is kept as `andon topics create` would have made it, or longer."""
    seen = [each for each in topics.ALL if each.name in facts.topics]
    if not seen:
        return Judged("none of them exists", off=True)
    found = [finding for each in seen for finding in _kept(facts.address, each, facts.topics[each.name])]
    return judged(
        f"{several(len(seen), 'topic')} kept as long as they should be, with room for the largest record", found
    )


def _kept(address: str, topic: topics.Topic, config: Mapping[str, str]) -> Iterator[Finding]:
    for name, wanted in topic.config().items():
        value = config.get(name)
        if value is None or not _worse(topic, name, value, wanted):
            continue
        what = f"{name} is {value}, and should be {wanted}: {CONSEQUENCE[name]}"
        report = bad if name in ("cleanup.policy", "max.message.bytes") else warn
        yield report(what, topic.name, set_config(address, topic.name, name, wanted))


CONSEQUENCE = {
    "cleanup.policy": "records go that must stay, or stay that must go",
    "max.message.bytes": "larger records are refused, and the service that writes them stops",
    "retention.ms": "records go sooner than people count on",
    "retention.bytes": "records go sooner than people count on when many come",
    "compression.type": "brokers compress each record anew, images too",
}


def _worse(topic: topics.Topic, name: str, value: str, wanted: str) -> bool:
    if name in ("cleanup.policy", "compression.type"):
        return value != wanted
    if name == "max.message.bytes":
        return int(value) < int(wanted)
    if name in ("retention.ms", "retention.bytes") and topic.cleanup == "delete":
        return _bound(value) < _bound(wanted)
    return False


def _bound(value: str) -> float:
    return float(value) if int(value) >= 0 else float("inf")


def set_config(address: str, topic: str, name: str, value: str) -> str:
    """The command that changes one setting of a topic."""
    alter = f"kafka-configs.sh --bootstrap-server {address} --alter --entity-type topics --entity-name {topic}"
    return f"{alter} --add-config {name}={value}"


def copies(facts: Configs) -> Judged:
    """Whether a topic survives the loss of a broker, and is still written then."""
    ours = [each.name for each in topics.ALL if each.name in facts.topics]
    if not ours:
        return Judged("none of them exists", off=True)
    found = [finding for name in ours for finding in _copies(facts, name)]
    fewest = min((facts.copies[name] for name in ours), default=0)
    alone = " (one broker: nothing survives its disk)" if len(facts.brokers) == 1 else ""
    return judged(f"at least {several(fewest, 'copy', 'copies')} of every topic{alone}", found)


def _copies(facts: Configs, name: str) -> Iterator[Finding]:
    count, config, brokers = facts.copies[name], facts.topics[name], len(facts.brokers)
    least = int(config.get("min.insync.replicas", "1"))
    if count == 1 and brokers > 1:
        yield warn(
            f"it has one copy on a cluster of {brokers} brokers: what that broker's disk holds is lost with it",
            name,
            f"kafka-reassign-partitions.sh --bootstrap-server {facts.address} --reassignment-json-file copies.json "
            f"--execute   # give {name} {min(3, brokers)} replicas",
        )
    if least > count or (least == count and count > 1):
        yield bad(
            f"min.insync.replicas is {least} of {several(count, 'copy', 'copies')}: writes stop when a broker is down",
            name,
            set_config(facts.address, name, "min.insync.replicas", str(max(1, count - 1))),
        )
    if least == 1 and count >= 3:
        yield warn(
            f"min.insync.replicas is 1 with {count} copies: a record counts as written when a single broker has it",
            name,
            set_config(facts.address, name, "min.insync.replicas", "2"),
        )
    if config.get("unclean.leader.election.enable") == "true":
        yield bad(
            "unclean.leader.election.enable is on: a copy that is behind may lead, and what it lacks is lost",
            name,
            set_config(facts.address, name, "unclean.leader.election.enable", "false"),
        )


def frames(facts: FrameTopics) -> Judged:
    """Whether frames come at all, and by every frame topic there is."""
    newest = [at for at in facts.newest.values() if at is not None]
    ago = f", the newest {_ago(facts.now - max(newest))} ago" if newest else ""
    return judged(f"{several(len(facts.newest), 'topic')} of frames{ago}", _frames(facts))


def _frames(facts: FrameTopics) -> Iterator[Finding]:
    fresh = {name: at for name, at in facts.newest.items() if at is not None and facts.now - at <= STALE}
    if not fresh:
        yield warn(
            "no frame came within a day",
            ", ".join(facts.newest) or topics.FRAMES,
            "is ingest running? andon ingest --help",
        )
        return
    for name, at in facts.newest.items():
        if name not in fresh and name != topics.FRAMES:
            when = "holds no frame" if at is None else f"has had no frame for {_ago(facts.now - at)}"
            yield warn(
                f"it {when}: nobody produces to it",
                name,
                f"start its producer, or: kafka-topics.sh --delete --topic {name}",
            )


def _ago(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


CHECKS = (
    Check("topics.there", "Is there every topic of Andon?", Cluster, there),
    Check(
        "topics.even", "Have topics that a service reads by partition, together, the same number of partitions?",
        Cluster, even,
    ),
    Check(
        "topics.kept",
        "Is each topic kept as `andon topics create` makes it: cleanup.policy, retention, largest record, compression? "
        "Kept longer is fine.",
        Configs,
        kept,
    ),
    Check(
        "topics.copies",
        "Do topics survive a broker: replication, min.insync.replicas, unclean.leader.election.enable?",
        Configs,
        copies,
    ),
    Check("topics.frames", "Do frames come, by every topic of frames that there is?", FrameTopics, frames),
)  # fmt: skip
