"""The ledger of a line of real processes: clean however it is killed, and a loss reaches whoever is on call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from andon.ids import frame_id
from andon.records import Frame, identity_headers
from andon.run import utc_now
from andon.stage import Message
from andon.topics import DEAD_LETTERS, FRAMES, LEDGER, PREPARED, SCORES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(1500)]

FRAME_COUNT = 50_000
PACE = 1500
"""Records between two blows."""


def test_fifty_thousand_frames_with_kills_and_restarts_never_alarm(
    trial: Trial, books: Any, parts: Callable[..., list[str]], tmp_path: Path
) -> None:
    trial.start()
    trial.start("ledger-watch")
    journal = str(tmp_path / "ingest.state")
    ingest = trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "120", "--state", journal)
    processes = {name: trial.service(name).process for name in ("scoring", "preprocess", "ledger-watch")}
    processes["ingest"] = ingest.process
    flow = [("scoring", PREPARED), ("preprocess", FRAMES), ("ledger-watch", SCORES), ("ingest", FRAMES)]
    blows = 0
    while processes["ingest"].running:
        name, topic = flow[blows % len(flow)]
        reached = trial.count(topic) + PACE
        trial.until(lambda: trial.count(topic) > reached or not ingest.process.running, f"more in {topic}", 120)  # noqa: B023
        if not ingest.process.running:
            break
        if blows // len(flow) % 2:
            assert processes[name].stop(grace_s=25) == 0
        else:
            processes[name].kill()
        processes[name].start()
        blows += 1
    assert ingest.process.returncode == 0
    assert blows > 2 * len(flow)  # each was killed, and each was told to stop
    trial.until(lambda: trial.count(SCORES) + trial.count(DEAD_LETTERS) >= FRAME_COUNT, "all to end", 600, pause_s=1)
    books.balance(FRAME_COUNT)
    assert trial.ledger().faults() == {}


def test_a_loss_opens_an_incident_that_pages_and_ends_when_the_frame_comes(
    trial: Trial, books: Any, pages: Any
) -> None:
    trial.start("alerting")
    trial.start("ledger-watch")
    epoch = int(utc_now().timestamp() * 1000)

    def score(seq: int) -> Message:
        frame = Frame("press-1", epoch, seq, frame_id("press-1", epoch, seq), utc_now(), topic=FRAMES)
        return Message(SCORES, b"press-1", b"{}", identity_headers(frame))

    trial.write(*map(score, (0, 1, 3, 4)))
    trial.until(lambda: len(pages.told) == 1, "people to be told", 30)
    (told,) = books.told()
    assert told.sentence.startswith("press-1: 1 frame (2 of the capture that began ")
    assert pages.told.keys() == {f"{told.finding_id}/opened"}
    trial.write(score(2))
    trial.until(lambda: len(pages.told) == 2, "people to be told that it is over", 30)
    assert f"{told.finding_id}/resolved" in pages.told
    assert trial.count(LEDGER) == 0  # finals alone show a hole
