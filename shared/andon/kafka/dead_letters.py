"""Dead letters on Kafka."""

from collections.abc import Sequence

from andon.dead_letters import Limit, dead_letter
from andon.kafka.sink import KafkaSink
from andon.settings import DeadLetterLimit, KafkaSettings
from andon.stage import Idle, Rejected
from andon.topics import BY_NAME, DEAD_LETTERS


class KafkaDeadLetters:
    """Writes rejected records to the dead-letter topic; blocks the stage, and drops nothing, while it cannot."""

    def __init__(self, kafka: KafkaSettings, limit: DeadLetterLimit, service: str, version: str) -> None:
        self._sink = KafkaSink(kafka, max_bytes=BY_NAME[DEAD_LETTERS].max_message_bytes)
        self._limit = Limit(limit)
        self._service = service
        self._version = version

    def judge(self, polled: int, rejected: Sequence[Rejected]) -> None:
        """Raises Broken past the limit."""
        self._limit.judge(polled, rejected)

    def send(self, rejected: Sequence[Rejected], idle: Idle) -> None:
        """Returns when all are acknowledged; raises Broken when they cannot be."""
        letters = [dead_letter(each, DEAD_LETTERS, self._service, self._version) for each in rejected]
        self._sink.send(letters, idle)

    def close(self) -> None:
        """Gives back the producer."""
        self._sink.close()
