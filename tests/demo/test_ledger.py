"""The ledger balances when every captured frame ended exactly one way, and names each fault when it does not."""

from datetime import UTC, datetime

import pytest

from andon.dead_letters import dead_letter
from andon.ids import frame_id
from andon.reasons import Reason
from andon.records import Frame, Score, Verdict, frame_headers, write_event
from andon.records.score import FramePlace
from andon.stage import Record, Rejected
from andon.topics import DEAD_LETTERS, FRAMES, SCORES
from andon_demo.ledger import Ledger

AT = datetime(2026, 1, 1, tzinfo=UTC)


def captured(seq: int) -> Record:
    frame = Frame("press-1", 7, seq, frame_id("press-1", 7, seq), AT)
    return Record(FRAMES, 0, seq, b"press-1", b"image", frame_headers(frame))


def scored(seq: int, score: float = 1.0) -> Record:
    event = Score(
        frame_id=frame_id("press-1", 7, seq),
        station="press-1",
        epoch=7,
        seq=seq,
        captured_at=AT,
        scored_at=AT,
        verdict=Verdict.OK,
        score=score,
        width=8,
        height=8,
        frame=FramePlace(topic=FRAMES, partition=0, offset=seq),
    )
    return Record(SCORES, 0, seq, b"press-1", write_event(event))


def died(record: Record, service: str = "preprocess") -> Record:
    letter = dead_letter(Rejected(record, Reason.TRUNCATED, "cut"), DEAD_LETTERS, service, "0")
    return Record(DEAD_LETTERS, 0, 99, letter.key, letter.value, letter.headers)


@pytest.fixture
def ledger() -> Ledger:
    """Three frames: two scored, one a dead letter."""
    ledger = Ledger()
    for seq in range(3):
        ledger.frame(captured(seq))
    for seq in range(2):
        ledger.score(scored(seq))
    ledger.dead_letter(died(captured(2)))
    return ledger


def test_frames_that_ended_one_way_balance(ledger: Ledger) -> None:
    assert ledger.balanced
    assert ledger.faults() == {}
    assert ledger.repeats == 0


def test_a_frame_that_nothing_became_of_is_lost(ledger: Ledger) -> None:
    ledger.frame(captured(3))
    assert ledger.faults() == {"lost": 1}
    assert not ledger.balanced


def test_a_repeat_that_says_the_same_is_counted_and_no_fault(ledger: Ledger) -> None:
    ledger.frame(captured(0))
    ledger.score(scored(0))
    assert ledger.faults() == {}
    assert ledger.repeats == 1


def test_a_repeat_that_says_something_else_is_a_contradiction(ledger: Ledger) -> None:
    ledger.score(scored(0, score=2.0))
    assert ledger.faults() == {"contradictions": 1}


def test_a_frame_that_ended_twice_is_a_fault(ledger: Ledger) -> None:
    ledger.dead_letter(died(captured(1)))
    assert ledger.faults() == {"both": 1}


def test_a_score_of_a_frame_nobody_captured_is_a_fault(ledger: Ledger) -> None:
    ledger.score(scored(9))
    assert ledger.faults() == {"unknown": 1}


def test_a_number_that_was_left_out_is_a_hole(ledger: Ledger) -> None:
    ledger.frame(captured(5))
    ledger.score(scored(5))
    assert ledger.holes == {("press-1", 7): {3, 4}}


def test_frames_scored_in_another_order_are_told() -> None:
    ledger = Ledger()
    for seq in (0, 1):
        ledger.frame(captured(seq))
    for seq in (1, 0):
        ledger.score(scored(seq))
    assert ledger.out_of_order == {("press-1", 7)}


def test_what_ingest_itself_buried_was_captured_there() -> None:
    ledger = Ledger()
    ledger.dead_letter(died(Record("folder", 0, 0, b"press-1", b"", captured(0).headers), "ingest"))
    assert ledger.balanced
    assert len(ledger.captured) == 1


def test_a_frame_nothing_can_be_believed_of_is_known_by_its_place() -> None:
    ledger = Ledger()
    nameless = Record(FRAMES, 2, 40, None, b"x")
    ledger.frame(nameless)
    assert len(ledger.lost) == 1
    ledger.dead_letter(died(nameless))
    assert ledger.balanced
