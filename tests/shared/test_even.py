"""Topics that are read together must have as many partitions as each other, and whoever reads them says so."""

from typing import Any

import pytest

from andon.errors import Mistake
from andon.kafka import even
from andon.settings import KafkaSettings
from andon.topics import INCIDENTS, SCORES, VERDICTS

TOGETHER = (SCORES, INCIDENTS, VERDICTS)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Topics by name; a test gives them partitions."""
    topics: dict[str, Any] = {}
    monkeypatch.setattr(even, "reach", lambda _: type("Metadata", (), {"topics": topics}))
    return topics


def of(partitions: int) -> Any:
    return type("Topic", (), {"partitions": dict.fromkeys(range(partitions))})


def test_the_same_number_of_partitions_is_fine(cluster: dict[str, Any]):
    cluster |= {SCORES: of(4), INCIDENTS: of(4), VERDICTS: of(4)}
    even.check_even(KafkaSettings(), TOGETHER)


def test_a_topic_that_is_not_there_yet_is_no_mistake(cluster: dict[str, Any]):
    cluster |= {SCORES: of(4), INCIDENTS: of(4)}
    even.check_even(KafkaSettings(), TOGETHER)


def test_every_topic_that_has_fewer_is_told_with_the_command_that_mends_it(cluster: dict[str, Any]):
    cluster |= {SCORES: of(12), INCIDENTS: of(4), VERDICTS: of(6)}
    with pytest.raises(Mistake) as told:
        even.check_even(KafkaSettings(bootstrap_servers="kafka-1:9092,kafka-2:9092"), TOGETHER)
    assert "scores has 12 partitions, incidents has 4 partitions, verdicts has 6 partitions" in str(told.value)
    for topic in (INCIDENTS, VERDICTS):
        assert f"--bootstrap-server kafka-1:9092 --alter --topic {topic} --partitions 12" in str(told.value)


def test_who_reads_them_as_one_wants_them_all(cluster: dict[str, Any]):
    cluster |= {SCORES: of(4), INCIDENTS: of(4)}
    even.check_together(KafkaSettings(), (SCORES, INCIDENTS))
    with pytest.raises(Mistake, match="topic verdicts does not exist; create it with: andon topics create"):
        even.check_together(KafkaSettings(), TOGETHER)
    cluster[VERDICTS] = of(3)
    with pytest.raises(Mistake, match="--alter --topic verdicts --partitions 4"):
        even.check_together(KafkaSettings(), TOGETHER)


def test_round_robin_would_part_them(cluster: dict[str, Any]):
    cluster |= {SCORES: of(4), INCIDENTS: of(4)}
    with pytest.raises(Mistake, match="to different processes; use range"):
        even.check_together(KafkaSettings(assignment_strategy="roundrobin"), (SCORES, INCIDENTS))
