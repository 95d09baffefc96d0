"""An export into a folder: whole files only, nothing that is not its own is touched, and it can be gone on with."""

from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from andon.bundle import write_whole
from andon.errors import Invalid, Mistake
from andon.ids import sha256_hex
from andon_console.reviewed.files import File
from andon_console.reviewed.ledger import Ledger


@dataclass
class Saved:
    """What an export did: files written, kept since they were there, removed since they no longer belong; and those
    that no longer belong but were changed by somebody, and stay."""

    written: int = 0
    kept: int = 0
    removed: int = 0
    left_behind: list[str] = field(default_factory=list)
    bytes: int = 0


def save(files: Iterable[File], folder: Path, asked: dict[str, Any]) -> Saved:
    """Writes `files` below `folder`.

    A file that is there with the same bytes is kept. One with others is written anew only where an export wrote it and
    nobody changed it since; what an export wrote and does not belong any more is removed, unless changed. Raises
    Mistake where something else is in the way, the folder holds an export of something else, or cannot be written.
    """
    saved = Saved()
    with closing(Ledger(folder, asked)) as ledger:
        for file in files:
            _save(file, folder, ledger, saved)
        for name in ledger.stale:
            _remove(name, folder, ledger.before[name], saved)
        ledger.end()
    return saved


def _save(file: File, folder: Path, ledger: Ledger, saved: Saved) -> None:
    path = folder / file.name
    there = _sha256(path)
    if there is not None and there == file.sha256:
        ledger.note(file.name, there)
        saved.kept += 1
        return
    with suppress(Invalid):
        data = file.read()
        sha256 = sha256_hex(data)
        if there is not None and there not in {sha256, *ledger.before.get(file.name, ())}:
            raise Mistake(f"{path}: another file is there, which no export wrote; export elsewhere, or move it away")
        ledger.note(file.name, sha256)
        _write(path, data, saved, same=there == sha256)


def _write(path: Path, data: bytes, saved: Saved, *, same: bool) -> None:
    if same:
        saved.kept += 1
        return
    write_whole(path, data)
    saved.written += 1
    saved.bytes += len(data)


def _remove(name: str, folder: Path, own: set[str], saved: Saved) -> None:
    path = folder / name
    there = _sha256(path)
    if there in own:
        _unlink(path)
        _prune(path.parent, folder)
        saved.removed += 1
    elif there is not None:
        saved.left_behind.append(name)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Mistake(f"{path}: does not belong to the export any more, and stays: {error.strerror or error}") from None


def _prune(place: Path, folder: Path) -> None:
    """Removes folders that are empty now: a class without a frame is no class."""
    with suppress(OSError):
        while place != folder:
            place.rmdir()
            place = place.parent


def _sha256(path: Path) -> str | None:
    try:
        return sha256_hex(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror or error}; export to another folder") from None
