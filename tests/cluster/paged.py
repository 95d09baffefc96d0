"""A webhook that counts which pages it was told."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from webhook import listening


class Paged:
    """How often each page was accepted, by its id."""

    def __init__(self) -> None:
        self.url = ""
        self.told: Counter[str] = Counter()

    def hear(self, body: bytes) -> tuple[int, None]:
        """Accepts whatever comes."""
        self.told.update(page["id"] for page in json.loads(body)["pages"])
        return 204, None


@contextmanager
def receiver() -> Iterator[Paged]:
    """One that listens."""
    paged = Paged()
    with listening(paged.hear) as paged.url:
        yield paged
