"""The consumer groups: who is alive, and how far behind."""

from collections.abc import Iterator, Mapping

from andon_alerting.doctor.facts.kafka import Group, Groups, Place, Standing
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, names, several, warn
from andon_alerting.doctor.readers import READERS, Reader


def alive(facts: Groups) -> Judged:
    """Whether every group has a member, where it is needed or was there before."""
    there = [f"{name} {group.members}" for name, group in facts.found.items() if group.members]
    never = [each.name for each in READERS if each.name not in facts.found]
    ends = f"; never started: {names(never, 8)}" if never else ""
    return judged(f"members: {names(there, 20) or 'none'}{ends}", _alive(facts))


def _alive(facts: Groups) -> Iterator[Finding]:
    for reader in READERS:
        group = facts.found.get(reader.name)
        if group is not None and group.members:
            continue
        where, do = (
            f"{facts.prefix}.{reader.name}",
            f"andon {reader.command}   # or look why it stopped: its last log line",
        )
        if group is not None:
            report = bad if reader.needed else warn
            yield report(f"it was there and has no member now: {reader.without}", where, do)
        elif reader.needed:
            waiting = any(each in facts.holding for each in reader.topics)
            report = bad if waiting else warn
            also = ", and records wait" if waiting else ""
            yield report(f"it never started{also}: {reader.without}", where, f"andon {reader.command}")


def members(facts: Groups) -> Judged:
    """More members than partitions: the rest have nothing to do."""
    return judged("no group has more members than partitions", _members(facts))


def _members(facts: Groups) -> Iterator[Finding]:
    for reader in READERS:
        group = facts.found.get(reader.name)
        most = len({number for _, number in group.places}) if group else 0
        if group is not None and most and group.members > most:
            what = f"it has {group.members} members and {several(most, 'partition')}: the rest have nothing to do"
            yield warn(
                what,
                group.name,
                f"run {several(most, 'replica')} of andon {reader.command}, or give the topics more partitions",
            )


def lag(facts: Groups) -> Judged:
    """Whether what was written is read within a minute."""
    behind = {name: sum(map(_behind, group.places.values())) for name, group in facts.found.items()}
    told = names((f"{name} {count}" for name, count in behind.items() if count), 20)
    return judged(f"nothing waits longer than a minute{f'; unread: {told}' if told else ''}", _lag(facts))


def _lag(facts: Groups) -> Iterator[Finding]:
    for reader in READERS:
        group = facts.found.get(reader.name)
        if group is None:
            continue
        stands = {place: _from(reader, each) for place, each in group.places.items()}
        old = {
            place: each.minute - stands[place] for place, each in group.places.items() if each.minute > stands[place]
        }
        if not old:
            continue
        older = any(group.places[place].ten_minutes > stands[place] for place in old)
        what = f"{several(sum(old.values()), 'record')} unread for more than {'ten minutes' if older else 'a minute'}"
        report = bad if older and reader.needed else warn
        yield report(f"{what}, in {_topics(old)}", group.name, _hurry(facts, reader, group))


def _hurry(facts: Groups, reader: Reader, group: Group) -> str:
    if not group.members:
        return f"andon {reader.command}"
    describe = f"kafka-consumer-groups.sh --bootstrap-server {facts.address} --describe --group {group.name}"
    return f"{describe}   # stuck: restart andon {reader.command}; slow: run one more"


def lost(facts: Groups) -> Judged:
    """Whether Kafka deleted what a group had not read."""
    return judged("nothing was deleted before it was read", _lost(facts))


def _lost(facts: Groups) -> Iterator[Finding]:
    for group in facts.found.values():
        gone = {place: each.low - (each.committed or 0) for place, each in group.places.items() if _gone(each)}
        if gone:
            yield bad(
                f"{several(sum(gone.values()), 'record')} deleted unread in {_topics(gone)}: a member stops there",
                group.name,
                f"kafka-consumer-groups.sh --bootstrap-server {facts.address} --group {group.name} --reset-offsets "
                "--to-earliest --all-topics --execute   # accepts the loss; stop the group's members first",
            )


def _gone(stands: Standing) -> bool:
    return stands.committed is not None and stands.committed < stands.low


def _from(reader: Reader, stands: Standing) -> int:
    """Where the group goes on in a partition: one that is new there begins as its subscription says."""
    if stands.committed is None:
        return stands.high if reader.latest else stands.low
    return max(stands.committed, stands.low)


def _behind(stands: Standing) -> int:
    return 0 if stands.committed is None else max(0, stands.high - max(stands.committed, stands.low))


def _topics(counts: Mapping[Place, int]) -> str:
    return ", ".join(sorted({topic for topic, _ in counts}))


CHECKS = (
    Check(
        "groups.alive", "Has every service's consumer group a member, where it is needed or once was?", Groups, alive
    ),
    Check("groups.members", "Has any group more members than partitions?", Groups, members),
    Check("groups.lag", "Is what is written read within a minute?", Groups, lag),
    Check("groups.lost", "Did Kafka delete what a group had not read?", Groups, lost),
)
