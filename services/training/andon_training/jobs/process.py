"""Work done by a process of this machine, which is ended when it takes too much, and with the trainer."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from andon.records import JobPhase
from andon_training.jobs.worker import Ended, Kind, Report, Task

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


class Processes:
    """Begins processes. `commands` are other programs than the tasks' own, for tests."""

    def __init__(
        self,
        limits: Mapping[Kind, Limits],
        clock: Callable[[], float],
        commands: Mapping[Kind, Sequence[str]] | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._commands = commands or {}

    def begin(self, task: Task) -> "Process":
        """A process that does it. It is lost with the trainer, and then begun anew."""
        command = self._commands.get(task.kind, (sys.executable, "-m", task.kind.value))
        return Process(command, task.asked, self._limits[task.kind], self._clock)


class Process:
    """Begun at once. `clock` gives seconds. What it says on stderr goes to ours, too."""

    def __init__(self, command: Sequence[str], asked: str, limits: Limits, clock: Callable[[], float]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self._limits = limits
        self._clock = clock
        self._began = clock()
        self._excess = ""
        with suppress(OSError):  # it has ended already, or may not be made polite
            os.setpriority(os.PRIO_PROCESS, self._process.pid, POLITE)
        assert self._process.stdin and self._process.stdout and self._process.stderr  # noqa: S101, PT018  asked for
        self._said, self._logged = Reader(self._process.stdout), Reader(self._process.stderr)
        with suppress(BrokenPipeError):
            self._process.stdin.write(asked.encode() + b"\n")
            self._process.stdin.flush()

    @property
    def report(self) -> Report:
        """Running, until it has ended."""
        status = self._process.poll()
        if status is None:
            return Report(JobPhase.RUNNING)
        return Report(JobPhase.FAILED if status else JobPhase.DONE)

    @property
    def ended(self) -> Ended | None:
        """How it ended. What took too much would do so again."""
        status = self._process.poll()
        if status is None:
            return None
        problem = self._excess or f"its process ended with status {status}; its words are in the trainer's log"
        return Ended(problem, ours=not self._excess)

    def lines(self) -> list[str]:
        """The lines it has said, on either pipe. Ends it when it takes too much."""
        if not self._excess and self._process.poll() is None:
            self._excess = self._too_much()
            if self._excess:
                self._process.kill()
                self._process.wait(END_S)
        ended = self._process.poll() is not None  # asked before reading: whatever it said before it ended is read
        logged = self._logged.lines(last=ended)
        for line in logged:
            sys.stderr.write(f"{line}\n")
        return logged + self._said.lines(last=ended)

    def leave(self) -> None:
        """Ends it, whatever it is at."""
        self._process.kill()
        self._process.wait(END_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()

    def _too_much(self) -> str:
        """What it takes too much of, in words; '' where it does not."""
        limits = self._limits
        if self._clock() - self._began > limits.limit_s:
            return f"{limits.doing} took longer than {limits.limit_s:.0f} s; raise {limits.settings[0]}"
        if resident_mb(self._process.pid) > limits.memory_mb:
            return f"{limits.doing} took more memory than {limits.memory_mb} MB; raise {limits.settings[1]}"
        return ""


class Reader:
    """Lines of a pipe, without waiting."""

    def __init__(self, pipe: IO[bytes]) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._partial = b""

    def lines(self, *, last: bool) -> list[str]:
        """Whole lines, and with `last` what stands behind them. None once the pipe is closed."""
        while data := self._read():
            self._partial += data
        *whole, self._partial = self._partial.split(b"\n")
        if last and self._partial:
            whole, self._partial = [*whole, self._partial], b""
        return [line.decode(errors="replace") for line in whole if line]

    def _read(self) -> bytes:
        if self._pipe.closed:
            return b""
        try:
            return os.read(self._pipe.fileno(), CHUNK)
        except BlockingIOError:
            return b""


def resident_mb(pid: int) -> float:
    """How much memory a process has, in MB; 0 where nobody tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
