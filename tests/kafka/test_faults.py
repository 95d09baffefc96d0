"""What passes is waited for; what does not breaks. Needs no Kafka."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from andon.errors import Broken
from andon.kafka.faults import patiently


def failing(times: int, code: int) -> Callable[[], str]:
    """A call that fails so many times, and then answers."""
    left = [times]

    def ask() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise KafkaException(KafkaError(code))
        return "answer"

    return ask


@pytest.mark.parametrize(
    "code",
    [KafkaError._TRANSPORT, KafkaError._DESTROY, KafkaError.NOT_COORDINATOR, KafkaError._UNKNOWN_PARTITION],
)
def test_a_fault_that_passes_is_waited_for(code: int) -> None:
    assert patiently(failing(2, code), "reading") == "answer"


def test_a_fault_that_does_not_pass_breaks_at_once() -> None:
    with pytest.raises(Broken, match="reading: "):
        patiently(failing(1, KafkaError.TOPIC_AUTHORIZATION_FAILED), "reading")


def test_a_fault_that_goes_on_too_long_breaks() -> None:
    with pytest.raises(Broken, match="reading: "):
        patiently(failing(1000, KafkaError._TRANSPORT), "reading", within_s=0.5)
