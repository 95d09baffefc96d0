"""Looking at consumer groups: who is there, where they stand, and how old what they have not read is."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from confluent_kafka.admin import AdminClient

from andon.kafka.faults import patiently
from andon.kafka.standing import SPEC, committed_of, listed, offsets_of
from andon.settings import KafkaSettings
from andon.topics import FRAME_PATTERN, chosen
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.facts.kafka import Cluster, FrameTopics, Group, Groups, Place, Standing
from andon_alerting.doctor.looks.kafka import ANSWER_S, quiet_admin
from andon_alerting.doctor.readers import READERS, Reader

MINUTE_S = 60.0
Offsets = Mapping[Place, int]


def groups(kafka: KafkaSettings, ask: Ask, clock: Any = time.time) -> Groups:
    """Our groups that Kafka has heard of."""
    seen = ask(Cluster)
    client, _ = quiet_admin(kafka)
    return patiently(lambda: _groups(kafka, client, seen, clock()), "Kafka does not show its groups", ANSWER_S)


def _groups(kafka: KafkaSettings, client: AdminClient, seen: Cluster, now_s: float) -> Groups:
    listed = {each.group_id for each in client.list_consumer_groups(request_timeout=ANSWER_S).result(ANSWER_S).valid}
    ours = {each.name: f"{kafka.group_prefix}.{each.name}" for each in READERS}
    known = [each for each in READERS if ours[each.name] in listed]
    parts = {each.name: _places(each, seen) for each in READERS}
    every = sorted({place for places in parts.values() for place in places})
    lows, highs = (offsets_of(client, every, spec, ANSWER_S) for spec in (SPEC.earliest(), SPEC.latest()))
    minute = _at(client, every, now_s - MINUTE_S, highs)
    ten = _at(client, every, now_s - 10 * MINUTE_S, highs)
    found: dict[str, Group] = {}
    for reader, described in zip(known, _described(client, [ours[each.name] for each in known]), strict=True):
        committed = committed_of(client, ours[reader.name], ANSWER_S)
        stands = {
            each: Standing(committed.get(each), lows[each], highs[each], minute[each], ten[each])
            for each in parts[reader.name]
        }
        if described.members or committed:
            found[reader.name] = _group(ours[reader.name], described, stands)
    holding = frozenset(_as_read(topic, seen) for topic, part in every if highs[topic, part] > lows[topic, part])
    return Groups(seen.address, kafka.group_prefix, found, holding)


def _as_read(topic: str, seen: Cluster) -> str:
    """The topic as readers name it: those of frames go by their pattern."""
    return FRAME_PATTERN if chosen(seen.frames, topic) else topic


def _group(name: str, described: Any, places: Mapping[Place, Standing]) -> Group:
    hosts = tuple(sorted({str(each.host).lstrip("/") for each in described.members}))
    return Group(name, str(described.state.name), len(described.members), hosts, places)


def _places(reader: Reader, seen: Cluster) -> list[Place]:
    wanted = [seen.frames if each == FRAME_PATTERN else each for each in reader.topics]
    return [
        (topic, number)
        for topic, parts in sorted(seen.topics.items())
        if any(chosen(each, topic) for each in wanted)
        for number in parts
    ]


def _described(client: AdminClient, names: Sequence[str]) -> list[Any]:
    if not names:
        return []
    asked = client.describe_consumer_groups(list(names), request_timeout=ANSWER_S)
    return [asked[name].result(ANSWER_S) for name in names]


def _at(client: AdminClient, places: Sequence[Place], at_s: float, highs: Offsets) -> dict[Place, int]:
    """The first offset of each place that is not older; its end where all are."""
    found = offsets_of(client, places, SPEC.for_timestamp(int(at_s * 1000)), ANSWER_S)
    return {place: offset if offset >= 0 else highs[place] for place, offset in found.items()}


def frame_topics(kafka: KafkaSettings, ask: Ask) -> FrameTopics:
    """Every topic of frames, and when its newest record was written."""
    seen = ask(Cluster)
    client, _ = quiet_admin(kafka)
    ours = sorted(name for name in seen.topics if chosen(seen.frames, name))
    places = [(name, number) for name in ours for number in seen.topics[name]]
    newest: dict[str, datetime | None] = dict.fromkeys(ours)
    ask_newest = partial(listed, client, places, SPEC.max_timestamp(), ANSWER_S)
    for (topic, _), found in patiently(ask_newest, "Kafka does not show its newest records", ANSWER_S).items():
        if found.offset >= 0 and found.timestamp > 0:
            at = datetime.fromtimestamp(found.timestamp / 1000, UTC)
            newest[topic] = max(at, newest[topic] or at)
    return FrameTopics(datetime.now(UTC), newest)
