"""Which dead letters somebody has handled: the topic `dead-letters.turns` as a table."""

from datetime import UTC, datetime, timedelta

from andon.letters.letter import Letter
from andon.records.event import read_event
from andon.records.letter import LetterTurn
from andon.stage import Record
from andon.topics import DEAD_LETTERS

SLACK = timedelta(hours=1)  # between the clocks of those who write letters and those who handle them


class Handled:
    """The last turn of each letter."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], LetterTurn] = {}

    def apply(self, record: Record) -> None:
        """Takes in a record of `dead-letters.turns`. Raises Invalid for one that is none."""
        turn = read_event(LetterTurn, record.value)
        if turn.letter.topic == DEAD_LETTERS:
            self._last[turn.letter.partition, turn.letter.offset] = turn

    def of(self, letter: Letter) -> LetterTurn | None:
        """What became of it. A turn from before it was written is of another letter that lay in its place: the topic
        was made anew."""
        turn = self._last.get((letter.partition, letter.offset))
        return turn if turn is not None and _utc(turn.at) >= letter.at - SLACK else None


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
