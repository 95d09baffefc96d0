"""Attempts, one at a time, each in a process of its own: the stage's loop goes on meanwhile, and a fit that takes too
much memory or time is ended without harm to it."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from andon_training.trainer.board import Board
from andon_training.trainer.lesson import Job, Outcome
from andon_training.trainer.settings import OnboardingSettings

COMMAND = (sys.executable, "-m", "andon_training.trainer.attempt")
POLITE = 10  # niceness: scoring on the same machine goes first
END_S = 5.0


class Apprentice:
    """Fits what the board asks for and puts the outcome there. `tend` is to be called every turn."""

    def __init__(
        self, board: Board, settings: OnboardingSettings, clock: Callable[[], float], command: Sequence[str] = COMMAND
    ) -> None:
        self._board = board
        self._settings = settings
        self._clock = clock
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._job: Job | None = None
        self._began = 0.0

    def tend(self) -> None:
        """Begins what is asked for; ends what takes too much; hands over what is done."""
        if self._process is None or self._job is None:
            if self._board.job is not None and not self._board.finished:
                self._begin(self._board.job)
            return
        excess = self._excess(self._process)
        if excess:
            self._process.kill()
        if excess or self._process.poll() is not None:
            self._board.finished.append(self._ended(self._process, self._job, excess))
            self._process = None

    def close(self) -> None:
        """Ends what is running; it is begun again after a restart."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=END_S)
            self._process = None

    def _begin(self, job: Job) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        self._job, self._began = job, self._clock()
        with suppress(OSError):  # it has ended already, or may not be made polite
            os.setpriority(os.PRIO_PROCESS, self._process.pid, POLITE)
        with suppress(BrokenPipeError):
            assert self._process.stdin is not None  # noqa: S101  we asked for it
            self._process.stdin.write(job.model_dump_json() + "\n")
            self._process.stdin.flush()

    def _excess(self, process: "subprocess.Popen[str]") -> str:
        """What it takes too much of, in words; '' where it does not."""
        took_s, limit = self._clock() - self._began, self._settings
        if took_s > limit.limit_s:
            return f"fitting took longer than {limit.limit_s:.0f} s; raise ANDON_ONBOARDING__LIMIT_S"
        if resident_mb(process.pid) > limit.memory_mb:
            return f"fitting took more memory than {limit.memory_mb} MB; raise ANDON_ONBOARDING__MEMORY_MB"
        return ""

    def _ended(self, process: "subprocess.Popen[str]", job: Job, excess: str) -> Outcome:
        said, _ = process.communicate(timeout=END_S)
        try:
            return Outcome.model_validate_json(said)
        except ValidationError:
            problem = excess or f"fitting ended with status {process.returncode}; its words are in the trainer's log"
            return Outcome(job=job, problem=problem, ours=True)


def resident_mb(pid: int) -> float:
    """How much memory a process has, in MB; 0 where nobody tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
