"""Which dead letters there are, without their bytes, and what became of each. For the pages, and one metric."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from threading import Lock

from andon.errors import Invalid
from andon.letters import Handled, Letter, Piles, Wanted, read_letter
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import LetterTurn
from andon.run import utc_now
from andon.stage import Record
from andon.topics import BY_NAME, DEAD_LETTERS, LETTERS
from andon_console.live.follow import Reader

MOST = 20_000
KEPT = timedelta(milliseconds=BY_NAME[DEAD_LETTERS].retention_ms or 0)
COUNTED_FOR_S = 5.0
OTHER = "other"


class Letters:
    """Any thread may ask. The newest MOST, as they came; those that are older than Kafka keeps them are gone."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self.version = 0
        self.read = False
        self._clock = clock
        self._lock = Lock()
        self._letters: OrderedDict[tuple[int, int], Letter] = OrderedDict()
        self._handled = Handled()
        self._counted: tuple[float, Counter[str]] = (float("-inf"), Counter())

    def take(self, records: Sequence[Record]) -> None:
        """Takes in what became of letters; the letters themselves come by `LetterReader`."""
        with self._lock:
            for record in records:
                if record.topic == LETTERS:
                    with suppress(Invalid):
                        self._handled.apply(record)
            self._changed()

    def add(self, record: Record) -> None:
        """One more letter; its bytes are let go of."""
        letter = read_letter(record)
        with self._lock:
            self._letters[letter.partition, letter.offset] = letter
            if len(self._letters) > MOST:
                self._letters.popitem(last=False)
            self._changed()

    def of(self, partition: int, offset: int) -> Letter | None:
        """The letter that lies there, as far as it is known."""
        with self._lock:
            return self._letters.get((partition, offset))

    def turn(self, letter: Letter) -> LetterTurn | None:
        """What became of it."""
        with self._lock:
            return self._handled.of(letter)

    def piles(self, wanted: Wanted, most: int) -> Piles:
        """Those that somebody means, by reason, and the newest `most` of them."""
        found = Piles(most)
        for letter, turn in self._all():
            if wanted.has(letter, turn):
                found.add(letter)
        return found

    def stations(self) -> list[str]:
        """The stations that have any."""
        return sorted({letter.station for letter, _ in self._all() if letter.station})

    def waiting(self) -> Counter[str]:
        """How many wait, by reason; counted anew every few seconds at most."""
        at, counted = self._counted
        if time.monotonic() - at > COUNTED_FOR_S:
            known = set(Reason)
            counted = Counter(
                letter.reason if letter.reason in known else OTHER for letter, turn in self._all() if turn is None
            )
            self._counted = time.monotonic(), counted
        return counted

    def exported(self, metrics: Metrics) -> None:
        """Shows in `metrics`, for as long as this process lives, how many wait."""
        for reason in (*(each.value for each in Reason), OTHER):
            metrics.dead_letters_waiting.labels(reason).set_function(partial(self._count, reason))

    def _count(self, reason: str) -> float:
        return self.waiting()[reason]

    def _all(self) -> Iterator[tuple[Letter, LetterTurn | None]]:
        oldest = self._clock() - KEPT
        with self._lock:
            found = [(letter, self._handled.of(letter)) for letter in self._letters.values() if letter.at >= oldest]
        return iter(found)

    def _changed(self) -> None:
        self.version += 1
        self._counted = (float("-inf"), Counter())


class LetterReader:
    """A reader of `dead-letters` that hands over each letter and lets go of its bytes: a thousand may be 4 GB."""

    def __init__(self, reader: Reader, letters: Letters) -> None:
        self._reader = reader
        self._letters = letters

    def read_to_end(self) -> Iterator[Record]:
        """Where they lay, and nothing else."""
        yield from self._handed(self._reader.read_to_end())
        self._letters.read = True

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        """The same of what is new."""
        return list(self._handed(self._reader.changes(wait_s)))

    def close(self) -> None:
        """Stops reading."""
        self._reader.close()

    def _handed(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self._letters.add(record)
            yield Record(record.topic, record.partition, record.offset, None, b"")
