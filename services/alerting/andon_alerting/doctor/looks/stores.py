"""Looking at stores. One small object is written, read and removed, unless that is not wanted; nothing else."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from andon.errors import AndonError
from andon.folder import Folder, redacted
from andon_alerting.doctor.facts.world import Store, Stores
from andon_alerting.doctor.looks.side import side_by_side
from andon_alerting.doctor.settings import DoctorSettings

PROBE = "andon-doctor-"
TEXT = b"andon doctor looked whether it can write here, and was stopped before it removed this; it may go\n"


def stores(settings: DoctorSettings, probe: bool, fresh: Callable[[], str] = lambda: uuid4().hex) -> Stores:
    """All three, side by side."""
    wanted = (
        ("bundles", "ANDON_STORE__BUNDLES", settings.store.bundles),
        ("frames", "ANDON_STORE__FRAMES", settings.store.frames),
        ("evidence", "ANDON_EVIDENCE__URL", settings.evidence.url),
    )
    name = f"{PROBE}{fresh()}" if probe else None
    return Stores(tuple(side_by_side(lambda each: store(each[0], each[1], each[2], name), wanted)))


def store(name: str, variable: str, url: str, probe: str | None) -> Store:
    """One store. `probe` is what the object is called that is written there; None: none is."""
    try:
        place = Folder(url)
        local = _local(place, url)
        if local is not None and not local.exists():
            return Store(name, variable, redacted(url), missing=True, unwritable=_could_be_made(local) or None)
        place.listed()
        unwritable = None if probe is None else _written(place, probe)
    except AndonError as error:
        return Store(name, variable, redacted(url), unreadable=str(error))
    room, inodes = _room(local) if local is not None else (None, None)
    return Store(name, variable, redacted(url), unwritable=unwritable, room=room, inodes=inodes)


def _local(place: Folder, url: str) -> Path | None:
    return Path(url.removeprefix("file://")) if place.is_local else None


def _could_be_made(path: Path) -> str:
    above = next((each for each in path.absolute().parents if each.exists()), Path("/"))
    if not above.is_dir():
        return f"{above} is no folder"
    return "" if os.access(above, os.W_OK | os.X_OK) else f"it would have to be made in {above}, where we may not write"


def _written(place: Folder, name: str) -> str:
    """Why nothing can be written there; '' where it can."""
    try:
        place.write(name, TEXT)
        return "" if place.read(name, len(TEXT) + 1) == TEXT else "what was written there is not what is read"
    except (AndonError, FileNotFoundError) as error:
        return str(error)
    finally:
        with suppress(AndonError):
            place.remove(name)


def _room(path: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Bytes free to us and all; inodes free and all (0 of 0 where the file system counts none)."""
    found = os.statvfs(path)
    return (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize), (found.f_favail, found.f_files)
