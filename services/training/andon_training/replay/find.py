"""Finding what was said of one frame: scores and dead letters, searched from the newest backwards."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

from andon.errors import Invalid, Mistake
from andon.kafka.table import TopicReader
from andon.records import Score, read_event
from andon.settings import KafkaSettings
from andon.stage import Record
from andon_training.replay.held import Stretch
from andon_training.replay.line import dead_frame

LEAST_DIGITS = 8
FIRST_RECORDS = 1_000
MOST_RECORDS = 64_000
GROWTH = 4
_DASHES = (8, 12, 16, 20)

Read = Callable[[Stretch, int, int], Iterator[Record]]
"""The records of a partition from one offset up to another."""


@dataclass(frozen=True)
class Word:
    """What was said of a frame, and the record that says it."""

    score: Score
    record: Record


@dataclass(frozen=True)
class Searched:
    """What was found, the newest first; how many records were looked at."""

    words: tuple[Word, ...]
    looked: int


def frame_text(text: str) -> str:
    """A frame id, or the beginning of one, as records spell it. Raises Mistake for what begins no id."""
    digits = text.strip().lower().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]+", digits) or not LEAST_DIGITS <= len(digits) <= 32:
        raise Mistake(f"{text[:60]!r}: a frame id is a UUID; give it, or at least its first {LEAST_DIGITS} digits")
    marks = [0, *(at for at in _DASHES if at < len(digits)), len(digits)]
    return "-".join(digits[begin:end] for begin, end in pairwise(marks))


def whole(text: str) -> bool:
    """Whether it is all of an id."""
    return len(text) == 36


def window_reader(kafka: KafkaSettings) -> Read:
    """Reads windows from Kafka."""

    def read(part: Stretch, start: int, stop: int) -> Iterator[Record]:
        topic, partition = part.place
        with closing(TopicReader(kafka, topic, starts={partition: start}, stops={partition: stop})) as reader:
            yield from reader.read_to_end()

    return read


def backwards(read: Read, held: Sequence[Stretch]) -> Iterator[list[Record]]:
    """The records of each partition in windows, the newest window first, partition by partition in turn."""
    left = {part: part.stop for part in held if part.records}
    size = FIRST_RECORDS
    while left:
        for part, stop in list(left.items()):
            start = max(part.start, stop - size)
            yield list(read(part, start, stop))
            left[part] = start
            if start <= part.start:
                del left[part]
        size = min(MOST_RECORDS, size * GROWTH)


def find_scores(read: Read, held: Sequence[Stretch], text: str) -> Searched:
    """The last word of each bundle on the frame whose id begins with `text`.

    A whole id ends the search where it is met first; the beginning of one is looked for everywhere, and must be of
    one frame only. Raises Mistake for more.
    """
    words: dict[tuple[str, str | None], Word] = {}
    looked, needle = 0, text.encode()
    for window in backwards(read, held):
        looked += len(window)
        for record in reversed(window):
            word = _word(record, needle, text)
            if word is not None:
                words.setdefault((str(word.score.frame_id), word.score.bundle), word)
        if words and whole(text):
            break
    _refuse_many(text, {frame for frame, _ in words})
    return Searched(tuple(words.values()), looked)


def find_letter(read: Read, held: Sequence[Stretch], text: str) -> Record | None:
    """The newest dead letter that was the frame whose id begins with `text`."""
    for window in backwards(read, held):
        for record in reversed(window):
            found = dead_frame(record)
            if found is not None and str(found[0]).startswith(text):
                return record
    return None


def _word(record: Record, needle: bytes, text: str) -> Word | None:
    if needle not in record.value:  # reading JSON costs a hundred times more than this
        return None
    try:
        score = read_event(Score, record.value)
    except Invalid:
        return None
    return Word(score, record) if str(score.frame_id).startswith(text) else None


def _refuse_many(text: str, frames: set[str]) -> None:
    if len(frames) > 1:
        some = ", ".join(sorted(frames)[:4])
        raise Mistake(f"{text}: {len(frames)} frames begin so ({some}); give more digits")
