"""A line that grows while it runs: new topics and new stations, without a restart."""

from collections.abc import Callable

import pytest

from andon.kafka.admin import create_topics
from andon.stage import Message
from andon.topics import DAY_MS, FRAMES, MAX_RECORD_BYTES, SCORES, Topic
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

LINE_2 = "camera.frames.line2"


def test_a_new_station_and_a_new_topic_are_picked_up_without_a_restart(
    trial: Trial, flat: Callable[[int], bytes]
) -> None:
    trial.start()
    trial.write(Message(FRAMES, b"press-1", flat(50)))
    trial.until(lambda: trial.count(SCORES) == 1, "the first station's score")

    trial.write(Message(FRAMES, b"weld-9", flat(60)))
    create_topics(trial.kafka, [Topic(LINE_2, "station", "images", DAY_MS, None, MAX_RECORD_BYTES)], 2, 1)
    trial.write(*[Message(LINE_2, b"paint-3", flat(70 + index)) for index in range(10)])
    ledger = trial.settled(12)

    assert ledger.faults() == {}
    first = [scores[0] for scores in ledger.scores.values()]
    assert {score.station for score in first} == {"press-1", "weld-9", "paint-3"}
    assert {score.frame.topic for score in first if score.station == "paint-3"} == {LINE_2}
    trial.line.check()
