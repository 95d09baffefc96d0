"""The journal: which files became which frames, so that a restart neither repeats nor loses one.

Identities are written down before the frames are sent, and ticked off once Kafka has them. After a crash the
files between the two are sent again as the same frames, with the same ids, and so count once.
"""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from andon.errors import Broken, Mistake
from andon_ingest.capture import Skip, Skipped
from andon_ingest.files import File

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    station TEXT, name BLOB, size INTEGER, mtime_ns INTEGER,
    epoch INTEGER, seq INTEGER, skipped TEXT, done INTEGER,
    PRIMARY KEY (station, name, size, mtime_ns)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON files (station, seq) WHERE done = 0;
"""
STATE = "SELECT 1 FROM files WHERE station = ? AND name = ? AND size = ? AND mtime_ns = ?"
WRITE = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
WAITING = "SELECT name, size, mtime_ns, epoch FROM files WHERE done = 0 AND station = ? ORDER BY seq"
FORGET = "DELETE FROM files WHERE done = 0 AND station = ? AND epoch != ?"
DELIVERED = "SELECT station, count(*) FROM files WHERE epoch = ? AND seq IS NOT NULL AND done = 1 GROUP BY station"
SKIPPED = (
    "SELECT station, skipped, count(*) FROM files WHERE epoch = ? AND skipped IS NOT NULL GROUP BY station, skipped"
)


class Memory(Protocol):
    """What a folder source remembers of its files."""

    def resume(self, folders: Mapping[str, Path], /) -> "Resumed | None":
        """The capture to go on with, of the stations in `folders`; None when a new epoch must begin."""

    def knows(self, file: File, /) -> bool:
        """Whether this state of the file has become a frame, or was skipped."""

    def taken(self, frames: Sequence[tuple[File, int, int]]) -> None:
        """These files are about to be sent, as (file, epoch, seq)."""

    def skipped(self, file: File, epoch: int, reason: Skip) -> None:
        """This file was left out."""

    def done(self) -> None:
        """All that was taken has been delivered."""

    def close(self) -> None:
        """Gives back what was held."""


class Forgetful:
    """Remembers nothing: a replay that begins anew each time."""

    def resume(self, _folders: Mapping[str, Path], /) -> "Resumed | None":
        """Begins anew."""
        return None

    def knows(self, _file: File, /) -> bool:
        """It does not."""
        return False

    def taken(self, frames: Sequence[tuple[File, int, int]]) -> None:
        """Forgets it."""

    def skipped(self, file: File, epoch: int, reason: Skip) -> None:
        """Forgets it."""

    def done(self) -> None:
        """Has nothing to tick off."""

    def close(self) -> None:
        """Holds nothing."""


@dataclass(frozen=True)
class Resumed:
    """A capture to go on with. `waiting` are the files that may have been sent, in the order of their seq."""

    epoch: int
    next_seq: Mapping[str, int]
    skipped: Skipped
    waiting: tuple[File, ...]


class Journal:
    """A memory in one SQLite file, for one process at a time. What it was told is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[tuple[str, bytes, int, int]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=1)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            hint = "if another ingest uses it, give this one its own with --state"
            raise Mistake(f"journal {path}: {error}; {hint}") from None

    def resume(self, folders: Mapping[str, Path]) -> Resumed | None:
        """The capture to go on with, of the stations in `folders`.

        None when a new epoch must begin: nothing was captured yet, or a file that may have been sent is no longer
        what it was, so that its seq cannot be filled again. What else was waiting is then taken as new.
        """
        (epoch,) = self._db.execute("SELECT max(epoch) FROM files").fetchone()
        rows = [(station, row) for station in folders for row in self._db.execute(WAITING, (station,))]
        waiting = tuple(
            File(station, folders[station], os.fsdecode(name), size, mtime_ns)
            for station, (name, size, mtime_ns, its_epoch) in rows
            if its_epoch == epoch
        )
        if epoch is None or not all(_is_intact(file) for file in waiting):
            self._write(FORGET, [(station, 0) for station in folders])
            return None
        self._write(FORGET, [(station, epoch) for station in folders])
        skipped = {(station, Skip(why)): count for station, why, count in self._db.execute(SKIPPED, (epoch,))}
        return Resumed(epoch, dict(self._db.execute(DELIVERED, (epoch,))), skipped, waiting)

    def knows(self, file: File) -> bool:
        """Whether this state of the file has become a frame, or was skipped."""
        return self._db.execute(STATE, _key(file)).fetchone() is not None

    def taken(self, frames: Sequence[tuple[File, int, int]]) -> None:
        """These files are about to be sent, as (file, epoch, seq)."""
        rows = [(*_key(file), epoch, seq, None, 0) for file, epoch, seq in frames]
        self._open += [row[:4] for row in rows]
        self._write(WRITE, rows)

    def skipped(self, file: File, epoch: int, reason: Skip) -> None:
        """This file was left out."""
        self._write(WRITE, [(*_key(file), epoch, None, reason.value, 1)])

    def done(self) -> None:
        """All that was taken has been delivered."""
        ended, self._open = self._open, []
        update = "UPDATE files SET done = 1 WHERE station = ? AND name = ? AND size = ? AND mtime_ns = ?"
        self._write(update, ended)

    def close(self) -> None:
        """Gives the file back."""
        self._db.close()

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            with self._db:
                self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise Broken(f"journal {self._path} cannot be written: {error}") from None


def _key(file: File) -> tuple[str, bytes, int, int]:
    return file.station, os.fsencode(file.name), file.size, file.mtime_ns


def _is_intact(file: File) -> bool:
    try:
        with open(file.path, "rb") as handle:
            stat = os.fstat(handle.fileno())
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (file.size, file.mtime_ns)
