"""One child process: started with a log, waited for, stopped; it never outlives this program."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from andon.errors import Broken
from andon_demo.servers import leash

PAUSE_S = 0.05


class DidNotStart(Broken):
    """A process ended, or did not answer in time, while it was being started. Carries the end of its log."""


@cache
def _forker() -> ThreadPoolExecutor:
    """The one thread that forks: the kernel ties a child's leash to it, so it must live as long as we do."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


class Process:
    """A command, its log file and, between `start` and `stop`, its process.

    `start` may be called again after the process has ended; the log is appended to. `env` is added to our own
    environment; `holds` are file descriptors (locks) the child keeps open for as long as it lives. The child has its
    own process group, so Ctrl-C in the terminal reaches only us and we choose the order of stopping. However this
    program ends, `kill -9` included, the kernel kills the child (see `leash`).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        holds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._env = dict(env or {})
        self._cwd = cwd
        self._holds = tuple(holds)
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_begins = 0
        self._buried = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the last start. ValueError before the first."""
        if self._popen is None:
            raise ValueError(f"{self.name} was never started")
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs or before the first start; -N when signal N ended it."""
        return None if self._popen is None else self._popen.poll()

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start it and return at once. ValueError when it already runs."""
        if self.running:
            raise ValueError(f"{self.name} already runs as process {self.pid}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._popen, self._buried = _forker().submit(self._spawn).result(), False

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._log_begins = log.tell()
            return subprocess.Popen(
                [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._env},
                cwd=self._cwd,
                pass_fds=self._holds,
                process_group=0,
            )

    def wait_ready(self, answers: Callable[[], bool], *, within_s: float) -> None:
        """Return when `answers()` says yes. DidNotStart when the process ends first or the time is over."""
        deadline = time.monotonic() + within_s
        while not answers():
            if not self.running:
                raise DidNotStart(f"{self.name} ended with status {self.returncode}.\n{self._end_of_log()}")
            if time.monotonic() > deadline:
                raise DidNotStart(f"{self.name} did not answer within {within_s:g} s.\n{self._end_of_log()}")
            time.sleep(PAUSE_S)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit status, or None when it still runs after `timeout_s` seconds."""
        if self._popen is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            return self._popen.wait(timeout_s)
        return None

    def signal(self, number: int) -> None:
        """Send a signal to the process; nothing happens when it has ended."""
        if self.running:
            os.kill(self.pid, number)

    def stop(self, *, grace_s: float = 10.0) -> int | None:
        """SIGTERM, up to `grace_s` seconds, then SIGKILL. The exit status; None when it was never started."""
        self.signal(signal.SIGTERM)
        self.wait(grace_s)
        return self.kill()

    def kill(self) -> int | None:
        """SIGKILL to it and its whole process group, and wait. The exit status; None when it was never started."""
        if self._popen is not None and not self._buried:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
            self._buried = True  # from here on the number may belong to somebody else
        return self.returncode

    def tail(self, lines: int = 20) -> str:
        """The last lines it has logged since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def _end_of_log(self) -> str:
        return f"The end of its log ({self.log}):\n{self.tail() or '(empty)'}"
