"""An embedding travels in a score as text: small, the same on every machine, and nothing else is taken for one."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from andon.embedding import MOST_NUMBERS, read_embedding, write_embedding
from andon.errors import Invalid
from andon.records import FramePlace, Score, Verdict, read_event, write_event

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
FARTHEST = 65504.0


def score(embedding: str | None) -> Score:
    return Score.model_construct(
        schema_version=1,
        frame_id=UUID(int=1),
        station="weld-07",
        epoch=1,
        seq=0,
        captured_at=AT,
        scored_at=AT,
        verdict=Verdict.OK,
        width=64,
        height=64,
        frame=FramePlace(topic="camera.frames", partition=0, offset=0),
        embedding=embedding,
    )


@given(npst.arrays(np.float32, st.integers(1, MOST_NUMBERS), elements=st.floats(-FARTHEST, FARTHEST, width=32)))
def test_an_embedding_is_read_as_it_was_written_to_three_digits(numbers: NDArray[np.float32]) -> None:
    text = score(write_embedding(numbers))
    found = read_embedding(read_event(Score, write_event(text)).embedding or "")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, numbers, rtol=1e-3, atol=1e-7)


def test_its_bytes_are_the_same_on_every_machine() -> None:
    assert write_embedding(np.array([1.0, -2.0], np.float32)) == base64.b64encode(b"\x00\x3c\x00\xc0").decode()


def test_thirty_numbers_take_eighty_letters_and_none_is_wasted() -> None:
    assert len(write_embedding(np.zeros(30, np.float32))) == 80


def test_what_float16_cannot_hold_is_cut_off_and_stays_finite() -> None:
    far = np.array([1e30, -1e30, 70_000, 3], np.float32)
    assert read_embedding(write_embedding(far)).tolist() == [FARTHEST, -FARTHEST, FARTHEST, 3]


@pytest.mark.parametrize(
    "text", ["", "A", "AA==", "AAAA", "AAA", "AAA=A", "AAA= ", "AAA=\n", "é" * 8, "AAA=" * 2, "A" * 345]
)
def test_a_score_takes_no_other_text_for_an_embedding(text: str) -> None:
    with pytest.raises(Invalid, match="embedding"):
        read_event(Score, write_event(score(text)))


@pytest.mark.parametrize("count", [*range(1, 14), MOST_NUMBERS])
def test_a_score_takes_an_embedding_of_any_length_up_to_the_most(count: int) -> None:
    text = write_embedding(np.arange(count, dtype=np.float32))
    assert len(read_embedding(read_event(Score, write_event(score(text))).embedding or "")) == count


def test_a_score_without_one_says_nothing_of_it() -> None:
    assert b"embedding" not in write_event(score(None))
