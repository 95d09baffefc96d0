"""Dead letters on the whole line in memory: sent again they are the same frames, and nobody is paged for them."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.ids import foreign_frame_id, frame_id, sha256_hex
from andon.letters import Outcome, Who, replay
from andon.reasons import Reason
from andon.records import Frame, Score, Verdict, frame_headers
from andon.stage import Message
from andon.topics import DEAD_LETTERS, FRAMES, SCORES

sys.path.append(str(Path(__file__).parents[1] / "shared"))  # letter_post.py
from letter_post import MemoryPost

Line = Any  # the fixture of conftest.py
GOOD, DEFECT = 60, 200
EPOCH = 1_772_460_000_000
LATER = timedelta(days=3)


def send_again(line: Line) -> list[Outcome]:
    """All that wait."""
    post = MemoryPost(line.kafka)
    handled = post.handled()
    waiting = [each for each in post.letters() if handled.of(each) is None]
    return [each for part in replay(waiting, post, Who("mira"), lambda: line.now) for each in part]


def without_data(line: Line, seq: int, image: bytes) -> Frame:
    """One of our frames whose large image the store does not hold yet."""
    digest = sha256_hex(image)
    dataref = str(Path(line.blobs.put(digest, image)))
    frame = Frame("weld-07", EPOCH, seq, frame_id("weld-07", EPOCH, seq), line.now, sha256=digest, dataref=dataref)
    line.kafka.append(Message(FRAMES, b"weld-07", b"", frame_headers(frame)))
    return frame


def scores_of(line: Line, frame: Any) -> list[Score]:
    from andon.records import read_score

    found = (read_score(each) for each in line.kafka.records(SCORES))
    return [each for each in found if each.frame_id == frame]


@pytest.fixture
def hidden(line: Line, part: Callable[..., bytes], tmp_path: Path) -> Any:
    """Four defects whose images went missing in the store; answers what brings them back."""
    line.assign()
    images = [part(DEFECT + number) for number in range(4)]
    for seq, image in enumerate(images):
        without_data(line, seq, image)
    for path in [each for each in (tmp_path / "frames").rglob("*") if each.is_file()]:
        path.unlink()

    def bring_back() -> None:
        for image in images:
            line.blobs.put(sha256_hex(image), image)

    return bring_back


def test_what_the_store_lost_for_a_while_is_judged_when_it_is_back_and_pages_nobody(line: Line, hidden: Any):
    captured = line.now
    line.run()
    assert [each.header("andon-reason") for each in line.kafka.records(DEAD_LETTERS)] == [b"missing_data"] * 4
    hidden()
    line.now += LATER
    assert [each.refused for each in send_again(line)] == [""] * 4
    line.run()
    for seq in range(4):
        (score,) = scores_of(line, frame_id("weld-07", EPOCH, seq))
        assert (score.verdict, score.replayed, score.seq) == (Verdict.ANOMALOUS, True, seq)
        assert score.captured_at == captured
    assert (line.incidents, line.states.queued) == ({}, {}), "three defects in a row, three days ago"
    assert send_again(line) == [], "none waits any more"


def test_sent_again_while_it_is_still_missing_it_is_a_new_letter_that_says_so(line: Line, hidden: Any):
    line.run()
    for times in (1, 2):
        assert len(send_again(line)) == 4
        line.run()
        letters = line.kafka.records(DEAD_LETTERS)[-4:]
        assert [each.header("andon-replayed") for each in letters] == [str(times).encode()] * 4
    hidden()
    send_again(line)
    line.run()
    assert len({each.frame_id for each in line.scores.values()}) == 4


def test_a_foreign_frame_that_is_sent_again_is_not_counted_twice(line: Line, part: Callable[..., bytes]):
    line.assign()
    line.kafka.time_ms = EPOCH
    line.append(part(GOOD)[:-20])  # cut short
    line.append(part(GOOD))
    line.run()
    (letter,) = line.kafka.records(DEAD_LETTERS)
    whole = replace(letter, value=part(GOOD))  # as if this Andon could read more than the one that refused it
    line.kafka.log(DEAD_LETTERS, letter.partition)[letter.offset] = whole
    line.kafka.time_ms = EPOCH + 1000
    line.now += LATER
    send_again(line)
    line.run()
    first = foreign_frame_id(FRAMES, letter.partition, 0)
    (score,) = scores_of(line, first)
    assert (score.seq, score.epoch, score.captured_at) == (0, 0, datetime.fromtimestamp(EPOCH / 1000, UTC))
    assert (score.frame.offset, score.replayed) == (2, True), "its bytes lie where they were written again"
    assert len({each.frame_id for each in line.scores.values()}) == 2


def test_what_will_never_be_an_image_can_be_sent_again_and_again_and_stops_nobody(line: Line):
    for _ in range(2):
        for number in range(90):
            line.append(b"no image %d" % number)
        line.run("preprocess")
    assert len(line.kafka.records(DEAD_LETTERS)) == 180
    send_again(line)
    line.run("preprocess")  # 180 in a row, where 100 stop a service
    letters = line.kafka.records(DEAD_LETTERS)
    assert len(letters) == 360
    assert {each.header("andon-reason") for each in letters} == {Reason.NOT_AN_IMAGE.value.encode()}
