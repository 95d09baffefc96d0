"""Claim checks: records that name their image in the store get its bytes before they are handled."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from andon.errors import Invalid
from andon.stage import Record, Source
from andon.store import BlobStore


class Fetching:
    """A source whose records carry their images; what the store does not hold stays empty, and is rejected."""

    def __init__(self, source: Source, store: BlobStore) -> None:
        self._source = source
        self._store = store

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """As the source, with images fetched."""
        return [self._fetched(record) for record in self._source.poll()]

    def commit(self) -> None:
        """As the source."""
        self._source.commit()

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source."""
        self._source.close()

    def _fetched(self, record: Record) -> Record:
        dataref = record.header("ce_dataref")
        if dataref is None or record.value:
            return record
        try:
            return replace(record, value=self._store.get(dataref.decode(errors="replace")))
        except Invalid as error:
            structlog.get_logger().warning("frame_not_fetched", offset=record.offset, reason=str(error))
            return record
