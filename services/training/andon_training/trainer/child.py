"""A process of its own that is asked one thing in a line, answers in lines, and is ended when it takes too much."""

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLITE = 10  # niceness: scoring on the same machine goes first
END_S = 5.0
CHUNK = 65_536


@dataclass(frozen=True)
class Limits:
    """What a process may take, and the settings that say so: of time, of memory. `doing` is what it does, in a word."""

    limit_s: float
    memory_mb: int
    settings: tuple[str, str]
    doing: str


class Child:
    """Begun at once. `clock` gives seconds."""

    def __init__(self, command: Sequence[str], asked: str, limits: Limits, clock: Callable[[], float]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        self._limits = limits
        self._clock = clock
        self._began = clock()
        self._partial = b""
        self.excess = ""
        with suppress(OSError):  # it has ended already, or may not be made polite
            os.setpriority(os.PRIO_PROCESS, self._process.pid, POLITE)
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018  asked for
        os.set_blocking(self._process.stdout.fileno(), False)
        with suppress(BrokenPipeError):
            self._process.stdin.write(asked.encode() + b"\n")
            self._process.stdin.flush()

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def tend(self) -> list[str]:
        """The lines it has said since it was last asked. Ends it when it takes too much; `excess` then says of what."""
        if not self.excess and self.status is None:
            self.excess = self._excess()
            if self.excess:
                self._process.kill()
                self._process.wait(END_S)
        return self._lines()

    def end(self) -> None:
        """Ends it, whatever it is at."""
        self._process.kill()
        self._process.wait(END_S)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()

    def _lines(self) -> list[str]:
        ended = self.status is not None  # asked before reading: whatever it said before it ended is read
        while data := self._read():
            self._partial += data
        *whole, self._partial = self._partial.split(b"\n")
        if ended and self._partial:
            whole, self._partial = [*whole, self._partial], b""
        return [line.decode(errors="replace") for line in whole if line]

    def _read(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101  we asked for it
        try:
            return os.read(self._process.stdout.fileno(), CHUNK)
        except BlockingIOError:
            return b""

    def _excess(self) -> str:
        """What it takes too much of, in words; '' where it does not."""
        limits = self._limits
        if self._clock() - self._began > limits.limit_s:
            return f"{limits.doing} took longer than {limits.limit_s:.0f} s; raise {limits.settings[0]}"
        if resident_mb(self._process.pid) > limits.memory_mb:
            return f"{limits.doing} took more memory than {limits.memory_mb} MB; raise {limits.settings[1]}"
        return ""


def resident_mb(pid: int) -> float:
    """How much memory a process has, in MB; 0 where nobody tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
