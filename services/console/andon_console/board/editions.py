"""What changed, as events of a stream, kept for a while: written once, sent to everybody who watches."""

import json
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any

KEPT = 240  # two minutes of them


class Editions:
    """Numbered events called `board`. For one thread at a time."""

    def __init__(self) -> None:
        self._boot = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[bytes] = deque(maxlen=KEPT)

    @property
    def last(self) -> str:
        """The name of the last one; no other console uses it."""
        return f"{self._boot}-{self._number}"

    def publish(self, told: Mapping[str, Any]) -> None:
        """One more."""
        self._number += 1
        text = json.dumps({"edition": self.last, **told}, separators=(",", ":"))
        self._kept.append(f"id: {self.last}\nevent: board\ndata: {text}\n\n".encode())

    def since(self, edition: str) -> list[bytes] | None:
        """Those after `edition`. None where they are not kept any more, or were another console's."""
        boot, _, digits = edition.partition("-")
        if boot != self._boot or not digits.isdecimal():
            return None
        missed = self._number - int(digits)
        if not 0 <= missed <= len(self._kept):
            return None
        return [self._kept[at] for at in range(len(self._kept) - missed, len(self._kept))]
