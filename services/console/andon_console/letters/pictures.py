"""What a dead letter holds, as a picture where that is safe to make; else a picture that says what it is."""

from collections.abc import Callable

from andon.errors import Invalid, Mistake
from andon.images.limits import ImageLimits
from andon.letters import advice
from andon.letters.bytes import bytes_of
from andon.stage import Record
from andon.topics import DEAD_LETTERS
from andon_console.frames.cache import Shelf, Turns
from andon_console.frames.frames import Gone
from andon_console.frames.gallery import Size

EXPIRED = Gone("expired: Kafka holds this dead letter no more")
At = Callable[[str, int, int], Record | None]


class LetterPictures:
    """Any thread may ask. `get` fetches an image from the store, by the name in its record."""

    def __init__(self, at: At, get: Callable[[str], bytes], limits: ImageLimits) -> None:
        self._at = at
        self._get = get
        self._limits = limits
        self._shelf = Shelf(16 * 1024**2)
        self._turns = Turns()

    def picture(self, partition: int, offset: int, size: Size) -> bytes | Gone:
        """A JPEG of it; Gone where its bytes are none that a decoder should see. Raises Busy, Broken."""
        key = partition, offset, size
        return self._shelf.get(key) or self._made(partition, offset, size)

    def original(self, partition: int, offset: int) -> bytes | Gone:
        """Its bytes as they came. Raises Busy, Broken."""
        with self._turns.one():
            return self._bytes(partition, offset)

    def _made(self, partition: int, offset: int, size: Size) -> bytes | Gone:
        from andon_console.frames.pictures import picture

        data = self.original(partition, offset)
        if isinstance(data, Gone):
            return data
        try:
            with self._turns.work():
                made = picture(data, size.value, self._limits)
        except Invalid as error:
            return Gone(f"not shown: it {advice(error.reason.value).means} (it begins {data[:8].hex(' ')})")
        self._shelf.put((partition, offset, size), made)
        return made

    def _bytes(self, partition: int, offset: int) -> bytes | Gone:
        record = self._at(DEAD_LETTERS, partition, offset)
        if record is None:
            return EXPIRED
        try:
            return bytes_of(record, self._get)
        except Mistake as error:
            return Gone(str(error))
