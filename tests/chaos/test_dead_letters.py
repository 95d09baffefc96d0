"""When dead letters cannot be written, or are a flood: the line stops, and drops nothing."""

from collections.abc import Callable

import pytest

from andon.kafka.admin import create_topics
from andon.stage import Message
from andon.topics import BY_NAME, DEAD_LETTERS, FRAMES
from andon_demo.trial import PARTITIONS, Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

KEY = b"press-1"


def frames(*values: bytes) -> list[Message]:
    return [Message(FRAMES, KEY, value) for value in values]


def test_without_its_dead_letter_topic_preprocess_commits_nothing_and_drops_nothing(
    trial: Trial, flat: Callable[[int], bytes]
) -> None:
    trial.delete(DEAD_LETTERS)
    trial.start("preprocess", "scoring")
    preprocess = trial.service("preprocess")
    trial.write(*frames(b"not an image", flat(50), flat(60)))
    trial.until(lambda: not preprocess.process.running, "preprocess to stop", 150)
    assert preprocess.process.returncode == 1
    assert DEAD_LETTERS in preprocess.process.tail()  # it says what is missing
    assert trial.behind("preprocess", FRAMES) == 3

    create_topics(trial.kafka, [BY_NAME[DEAD_LETTERS]], PARTITIONS, 1)
    trial.start("preprocess")
    trial.until(lambda: len(trial.ledger().scores) == 2, "the good frames to be scored")
    trial.until(lambda: not trial.behind("preprocess", FRAMES), "preprocess to commit")
    ledger = trial.ledger()
    assert ledger.faults() == {}
    assert list(ledger.dead.values()) == [["not_an_image"]]


def test_a_flood_of_poison_stops_preprocess_before_it_drains_the_line_into_the_bin(
    trial: Trial, flat: Callable[[int], bytes]
) -> None:
    trial.write(*frames(*[flat(50)] * 20, *[b"poison"] * 150, flat(60)))
    preprocess = trial.service("preprocess")
    preprocess.process.start()
    trial.until(lambda: not preprocess.process.running, "preprocess to stop")
    assert preprocess.process.returncode == 1
    assert "dead letters in a row, limit 100" in preprocess.process.tail()
    letters = trial.count(DEAD_LETTERS)
    assert letters <= 100
    assert trial.behind("preprocess", FRAMES) >= 50 + 1  # what lies past the limit is still to be read
    assert trial.count(FRAMES) - trial.behind("preprocess", FRAMES) <= 20 + letters
