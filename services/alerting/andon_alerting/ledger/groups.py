"""Asking Kafka where topics end, and where groups stand in them."""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException

from andon.errors import Broken
from andon.kafka.clients import admin
from andon.kafka.source import Place
from andon.kafka.standing import SPEC, committed_of, offsets_of
from andon.settings import KafkaSettings
from andon.topics import chosen

ANSWER_S = 5.0


class KafkaGroups:
    """Over one admin client. Both raise Broken when Kafka does not answer."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._admin: Any = admin(kafka)

    def ends(self, topics: Sequence[str]) -> dict[Place, int]:
        """Where these topics end, but for partitions that hold nothing."""
        return _answered(lambda: self._ends(topics))

    def committed(self, group: str) -> dict[Place, int]:
        """Where a group goes on reading; places where it has never been are left out."""
        return _answered(lambda: committed_of(self._admin, group, ANSWER_S))

    def earliest(self, topics: Sequence[str]) -> dict[Place, int]:
        """Where these topics begin."""
        return _answered(lambda: offsets_of(self._admin, self._places(topics), SPEC.earliest(), ANSWER_S))

    def _ends(self, topics: Sequence[str]) -> dict[Place, int]:
        places = self._places(topics)
        begins, ends = (offsets_of(self._admin, places, spec, ANSWER_S) for spec in (SPEC.earliest(), SPEC.latest()))
        return {each: end for each, end in ends.items() if end > begins[each]}

    def _places(self, topics: Sequence[str]) -> list[Place]:
        found = self._admin.list_topics(timeout=ANSWER_S).topics
        names = [name for name in found if any(chosen(each, name) for each in topics)]
        return [(name, part) for name in sorted(names) for part in sorted(found[name].partitions)]


def _answered(ask: Any) -> dict[Place, int]:
    try:
        found: dict[Place, int] = ask()
    except (KafkaException, TimeoutError) as failure:
        said = failure.args[0].str() if isinstance(failure, KafkaException) else f"no answer within {ANSWER_S:.0f} s"
        raise Broken(f"asking Kafka how far frames went: {said}") from None
    return found
