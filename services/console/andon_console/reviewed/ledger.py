"""What exports wrote into a folder: `.andon-export.jsonl`, first what was asked for, then each file with its sha256.

A file is noted before it is written, so that one that was written and then cut off from its note does not exist; of a
file that was written anew, either sha256 is an export's.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from andon.bundle import write_whole
from andon.errors import Mistake

NAME = ".andon-export.jsonl"


class Ledger:
    """Of one folder, while it is written. `before` are the files of earlier exports, and the sha256 each may have."""

    def __init__(self, folder: Path, asked: dict[str, Any]) -> None:
        """Raises Mistake where the folder holds an export of something else, or cannot be written."""
        self._path = folder / NAME
        self._asked = asked
        self._now: dict[str, str] = {}
        self.before = _before(self._path, asked)
        self._file = _opened(self._path, asked)

    def note(self, name: str, sha256: str) -> None:
        """This export has it, or is about to write it."""
        self._now[name] = sha256
        try:
            self._file.write(_line(name, sha256))
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._path, error) from None

    @property
    def stale(self) -> list[str]:
        """Files of earlier exports that this one has not."""
        return sorted(self.before.keys() - self._now.keys())

    def end(self) -> None:
        """Only what this export has stays noted."""
        lines = [_first(self._asked), *(_line(name, sha256) for name, sha256 in self._now.items())]
        write_whole(self._path, "".join(lines).encode())

    def close(self) -> None:
        """Gives the file back."""
        with suppress(OSError):
            self._file.close()


def _before(path: Path, asked: dict[str, Any]) -> dict[str, set[str]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Mistake(f"{path}: cannot be read: {error.strerror or error}; export to another folder") from None
    records = [each for each in map(_record, lines) if each]
    if not records or records[0] != {"asked": asked}:
        told = json.dumps(records[0].get("asked")) if records else "nothing that can be read"
        raise Mistake(
            f"{path.parent} holds an export of something else: {told}; ask for the same, or name another folder"
        )
    found: dict[str, set[str]] = {}
    for each in filter(_is_note, records[1:]):
        found.setdefault(each["name"], set()).add(each["sha256"])
    return found


def _record(line: str) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {}


def _is_note(record: dict[str, Any]) -> bool:
    """A line may have been cut short or changed; what it names never lies outside the folder."""
    name, sha256 = record.get("name"), record.get("sha256")
    return isinstance(name, str) and isinstance(sha256, str) and name[:1] != "/" and ".." not in name.split("/")


def _opened(path: Path, asked: dict[str, Any]) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
        file.write(_first(asked) if file.tell() == 0 else "\n")  # the last line may have been cut short
        file.flush()
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    return file


def _first(asked: dict[str, Any]) -> str:
    return json.dumps({"asked": asked}) + "\n"


def _line(name: str, sha256: str) -> str:
    return json.dumps({"name": name, "sha256": sha256}) + "\n"


def _unwritable(place: Path, error: OSError) -> Mistake:
    return Mistake(f"{place}: {error.strerror or error}; name a folder that can be written")
