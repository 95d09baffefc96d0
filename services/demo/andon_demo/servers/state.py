"""The folder the servers keep their data and logs in: locked while they run, removed after, swept after a crash."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from andon.errors import Mistake

PREFIX = "andon-servers-"
LOCK = "lock"
SETTLED_S = 60.0
FREED_WITHIN_S = 5.0


@dataclass(frozen=True)
class State:
    """A locked folder. `lock` is the descriptor of the lock; who inherits it keeps the folder locked."""

    folder: Path
    lock: int


@contextmanager
def state_folder(given: Path | None = None, *, keep: bool = False) -> Iterator[State]:
    """A locked folder: the given one, which stays, or a temporary one, removed at the end unless `keep`.

    A given folder left by a crash is used again, data and all. Mistake when it is in use.
    """
    if given is None:
        sweep(Path(tempfile.gettempdir()))
    folder = given.absolute() if given else Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / LOCK).open("a+") as lock:
            _take(lock, folder)
            yield State(folder, lock.fileno())
    finally:
        if given is None and not keep:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> list[Path]:
    """Remove temporary state folders whose program and servers are gone; returns what was removed."""
    return [folder for folder in parent.glob(f"{PREFIX}*") if _is_left_over(folder) and _removed(folder)]


def _is_left_over(folder: Path) -> bool:
    with suppress(OSError), (folder / LOCK).open("r+") as lock:
        settled = time.time() - os.fstat(lock.fileno()).st_mtime > SETTLED_S
        return settled and _try(lock)
    return False


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _take(lock: IO[str], folder: Path) -> None:
    """Lock it; the servers of a program that was just killed get a moment to end."""
    deadline = time.monotonic() + FREED_WITHIN_S
    while not _try(lock):
        if time.monotonic() > deadline:
            lock.seek(0)
            raise Mistake(f"{folder} is in use by process {lock.read().strip()}: stop it, or choose another folder")
        time.sleep(0.1)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _try(lock: IO[str]) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
