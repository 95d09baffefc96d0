"""What a candidate said of frames, on disk while it goes on saying it: an interrupted replay begins where it was.

One JSON line a frame after a first line that says whose scores they are. What was cut short at the end is scored again.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from andon.errors import Mistake
from andon.ids import sha256_hex
from andon_training.replay.score import Rescored

FLUSH_EVERY = 32  # answers


class WorkFile:
    """`known` holds the answers of earlier runs of the same candidate on the same runtime, by frame id.

    Use it in a `with` block; `add` appends. Raises Mistake when the disk does not take it.
    """

    def __init__(self, path: Path, whose: Mapping[str, str]) -> None:
        self.path = path
        self.known: dict[UUID, Rescored] = {}
        self._first = json.dumps(dict(whose), sort_keys=True)
        self._unwritten: list[str] = []

    def __enter__(self) -> Self:
        try:
            whole = self._read()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("r+" if whole else "w", encoding="utf-8")
            self._file.truncate(whole)
            self._file.seek(whole)
            if not whole:
                self._file.write(self._first + "\n")
        except OSError as error:
            raise self._trouble(error) from error
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            with suppress(OSError):
                self._file.close()

    def add(self, answer: Rescored) -> None:
        """Keeps one answer."""
        self.known[answer.frame_id] = answer
        self._unwritten.append(_line(answer))
        if len(self._unwritten) >= FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Writes what is not yet written."""
        lines, self._unwritten = self._unwritten, []
        try:
            self._file.write("".join(lines))
            self._file.flush()
        except OSError as error:
            raise self._trouble(error) from error

    def _read(self) -> int:
        """Takes the answers in; answers how many bytes of the file are whole lines of ours, 0 for none."""
        if not self.path.is_file():
            return 0
        with self.path.open("rb") as file:
            first = file.readline()
            if first != self._first.encode() + b"\n":
                return 0  # of another candidate, runtime or Andon: begun anew
            whole = len(first)
            for line in file:
                answer = _answer(line)
                if answer is None:
                    break
                self.known[answer.frame_id] = answer
                whole += len(line)
        return whole

    def _trouble(self, error: OSError) -> Mistake:
        why = error.strerror or error
        return Mistake(f"{self.path}: cannot be written: {why}; name another file with --work, or make room")


def work_path(folder: Path, station: str, digest: str) -> Path:
    """The work file of a candidate at a station."""
    return folder / f"{station}-{digest[:16]}.jsonl"


def default_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where work files lie: `$XDG_CACHE_HOME/andon/rescore`, or the same under `~/.cache`."""
    env = os.environ if environment is None else environment
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "andon" / "rescore"


def whose(digest: str, runtime: str, version: str) -> dict[str, str]:
    """What must be the same for scores of an earlier run to be taken as this one's."""
    return {"bundle": digest, "runtime": runtime, "andon": version, "format": sha256_hex(repr(_KEYS).encode())[:8]}


_KEYS = tuple(Rescored.__dataclass_fields__)


def _line(answer: Rescored) -> str:
    fields: dict[str, Any] = asdict(answer) | {"frame_id": answer.frame_id.hex}
    return json.dumps({key: value for key, value in fields.items() if value is not None}, separators=(",", ":")) + "\n"


def _answer(line: bytes) -> Rescored | None:
    """The answer of a whole line; None for one that was cut short."""
    if not line.endswith(b"\n"):
        return None
    try:
        fields = json.loads(line)
        place: tuple[str, int, int] = tuple(fields.pop("place"))
        return Rescored(**(fields | {"frame_id": UUID(fields["frame_id"]), "place": place}))
    except (ValueError, KeyError, TypeError):
        return None
