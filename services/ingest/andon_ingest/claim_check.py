"""The claim check: an image too large for a record goes to the store, and its record says where it lies."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from andon.errors import Broken
from andon.stage import Idle, Message, Sink
from andon.topics import MAX_INLINE_BYTES

SHA256, DATAREF = "ce_sha256", "ce_dataref"


class Blobs(Protocol):
    """What keeps large images; `andon.store.BlobStore` is one."""

    def put(self, sha256: str, data: bytes) -> str:
        """Keeps `data`; answers its dataref. Raises Broken."""


class ClaimCheckSink:
    """A sink in front of a sink: the bytes are in the store before the record that names them is sent."""

    def __init__(self, sink: Sink, blobs: Blobs, max_inline_bytes: int = MAX_INLINE_BYTES) -> None:
        self._sink = sink
        self._blobs = blobs
        self._max_inline_bytes = max_inline_bytes

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """Returns when all are delivered."""
        self._sink.send([self._checked_in(message, idle) for message in messages], idle)

    def close(self) -> None:
        """Closes the sink behind."""
        self._sink.close()

    def _checked_in(self, message: Message, idle: Idle) -> Message:
        if len(message.value) <= self._max_inline_bytes:
            return message
        sha256 = next((value for name, value in message.headers if name == SHA256), None)
        if sha256 is None:
            raise Broken(f"a frame of {len(message.value)} bytes without {SHA256} cannot go to the store")
        dataref = self._blobs.put(sha256.decode(), message.value)
        idle()
        return replace(message, value=b"", headers=(*message.headers, (DATAREF, dataref.encode())))
