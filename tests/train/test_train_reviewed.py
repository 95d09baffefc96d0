"""`andon train --reviewed`: good frames that people have judged are learned from, beside others or alone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from andon.errors import Mistake
from andon.ids import frame_id
from andon.records import Answer, Told
from andon_training.commands.gather import Reviewed
from andon_training.progress import silent

ELSE = (None, None, None, None, None, 100, False)


@dataclass(frozen=True)
class Frame:
    """A frame that was judged."""

    seq: int
    told: Told

    @property
    def answer(self) -> Answer:
        at = datetime(2026, 3, 2, tzinfo=UTC)
        return Answer(frame_id=frame_id("w", 1, self.seq), station="w", answer=self.told, at=at)

    def image(self) -> bytes:
        return b"\x89PNG"


REVIEWED = Reviewed("w", [Frame(1, Told.GOOD), Frame(2, Told.REAL), Frame(3, Told.FALSE_CALL), Frame(4, Told.UNSURE)])


def where_from(*given: Any) -> Any:
    """As `make_trained` has it, imported late: what it brings along warns when it is first compiled."""
    from andon_training.commands import make_trained

    return make_trained.where_from(*given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "good"
    place.mkdir()
    for name in "abc":
        (place / f"{name}.png").write_bytes(b"\x89PNG")
    return place


def test_they_are_added_to_a_folder(folder: Path) -> None:
    where = where_from(folder, *ELSE, REVIEWED)
    assert len(where.sources(folder, silent)) == 5
    assert where.name == "good"
    assert where.words == f"{folder.resolve()} reviewed w"


def test_they_may_be_all_there_is(folder: Path) -> None:
    where = where_from(None, *ELSE, REVIEWED)
    good = [f"reviewed frame {frame_id('w', 1, seq)}" for seq in (1, 3)]
    assert [each.name for each in where.sources(folder, silent)] == good
    assert (where.name, where.words) == ("w", "reviewed w")


def test_known_defects_are_set_apart() -> None:
    assert [each.answer.frame_id for each in REVIEWED.defects] == [frame_id("w", 1, 2)]


def test_without_them_there_must_be_one_place() -> None:
    with pytest.raises(Mistake, match="one place"):
        where_from(None, *ELSE)
