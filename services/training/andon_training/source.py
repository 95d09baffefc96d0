"""What good frames come as: encoded images with a name."""

from typing import Protocol


class Source(Protocol):
    """One encoded image. Reading it twice gives the same bytes."""

    @property
    def name(self) -> str:
        """What errors call it."""

    def read_bytes(self) -> bytes:
        """The encoded image."""
