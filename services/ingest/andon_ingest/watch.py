"""Watching a folder for new images, and never reading one that is still being written.

Polling, since notifications do not cross NFS and SMB, where camera PCs write. A file is whole when two looks see
the same size and time and, if it is a JPEG, PNG or .npy, when it ends as one; one that stays unfinished is sent as it
is, and preprocess says that it was cut.
"""

from collections.abc import Callable, Iterator
from os import stat_result
from pathlib import Path

import structlog

from andon_ingest.clock import Clock
from andon_ingest.files import File, is_image, looks_finished, walk
from andon_ingest.settings import WatchSettings

LOOKING_SHARE = 10  # looking at a huge folder takes at most this fraction of the time
Version = tuple[int, int]


class Watch:
    """One station's folder. `knows` says which files were dealt with before this process began."""

    def __init__(
        self, station: str, folder: Path, settings: WatchSettings, knows: Callable[[File], bool], clock: Clock
    ) -> None:
        self.station = station
        self._folder = folder
        self._settings = settings
        self._knows = knows
        self._clock = clock
        self._next_look = clock.monotonic()
        self._settled: dict[str, Version] = {}  # those present that need no second thought
        self._growing: dict[str, tuple[Version, float]] = {}  # and since when they are as they are
        self._gone = False

    def wait_s(self) -> float:
        """Seconds until the next look."""
        return self._next_look - self._clock.monotonic()

    def look(self) -> list[File]:
        """Files that are new and whole, oldest first; nothing before it is time for a look."""
        started = self._clock.monotonic()
        if started < self._next_look:
            return []
        found = self._present()
        self._settled = {name: version for name, version in self._settled.items() if name in found}
        self._growing = {name: since for name, since in self._growing.items() if name in found}
        ready = [file for file in self._files(found) if self._is_whole(file, started)]
        took_s = self._clock.monotonic() - started
        self._next_look = started + took_s + max(self._settings.interval_s, LOOKING_SHARE * took_s)
        return [file for file in ready if not self._knows(file)]

    def again(self, file: File) -> None:
        """The file changed before it was read: look at it anew."""
        self._settled.pop(file.name, None)

    def _present(self) -> dict[str, stat_result]:
        try:
            found = {name: stat for name, stat in walk(self._folder) if is_image(name)}
        except OSError as error:
            if not self._gone:
                structlog.get_logger().warning("folder_gone", folder=str(self._folder), error=error.strerror)
            self._gone = True
            return {}
        self._gone = False
        return found

    def _files(self, found: dict[str, stat_result]) -> Iterator[File]:
        """Those that are not settled, in the order in which they were written."""
        for name, stat in sorted(found.items(), key=lambda item: (item[1].st_mtime_ns, item[0])):
            if self._settled.get(name) != (stat.st_size, stat.st_mtime_ns):
                yield File(self.station, self._folder, name, stat.st_size, stat.st_mtime_ns)

    def _is_whole(self, file: File, now: float) -> bool:
        version = file.size, file.mtime_ns
        before, since = self._growing.get(file.name, (None, now))
        if before != version:
            self._growing[file.name] = version, now
            return False
        if now - since < self._settings.unfinished_s and not _finished(file):
            return False
        del self._growing[file.name]
        self._settled[file.name] = version
        return True


def _finished(file: File) -> bool:
    """An empty file may be one just opened for writing; one that cannot be read will not tell us more later."""
    try:
        return file.size > 0 and looks_finished(file)
    except OSError:
        return True
