"""Who does the work: fits of first bundles and people's requests, one at a time, each in a process of its own. The
stage's loop goes on meanwhile, and what takes too much memory or time is ended without harm to it."""

import sys
from collections.abc import Callable, Sequence

from pydantic import ValidationError

from andon.records import Request
from andon_training.trainer.board import Board
from andon_training.trainer.child import Child, Limits
from andon_training.trainer.lesson import Job, Outcome
from andon_training.trainer.settings import OnboardingSettings, RequestSettings
from andon_training.trainer.word import Result, Word

COMMAND = (sys.executable, "-m", "andon_training.trainer.attempt")
ERRAND = (sys.executable, "-m", "andon_training.trainer.errand")
FIT_SETTINGS = "ANDON_ONBOARDING__LIMIT_S", "ANDON_ONBOARDING__MEMORY_MB"
ERRAND_SETTINGS = "ANDON_REQUESTS__LIMIT_S", "ANDON_REQUESTS__MEMORY_MB"


class Apprentice:
    """Does what the board asks for, people's requests first, and puts there what comes of it.

    `tend` is to be called every turn.
    """

    def __init__(
        self,
        board: Board,
        settings: OnboardingSettings,
        clock: Callable[[], float],
        command: Sequence[str] = COMMAND,
        *,
        requests: RequestSettings | None = None,
        errand: Sequence[str] = ERRAND,
    ) -> None:
        asked = requests or RequestSettings()
        self._board = board
        self._clock = clock
        self._commands = (command, errand)
        self._fit = Limits(settings.limit_s, settings.memory_mb, FIT_SETTINGS, "fitting")
        self._request = Limits(asked.limit_s, asked.memory_mb, ERRAND_SETTINGS, "the request")
        self._child: Child | None = None
        self._task: Job | Request | None = None
        self._heard: list[str] = []

    def tend(self) -> None:
        """Begins what is asked for; ends what takes too much, or what nobody waits for; hands over what is done."""
        if self._child is None or self._task is None:
            self._begin()
        elif isinstance(self._task, Request):
            self._tend_request(self._child, self._task)
        else:
            self._tend_fit(self._child, self._task)

    def close(self) -> None:
        """Ends what is running; it is begun again after a restart."""
        if self._child is not None:
            self._child.end()
        self._child, self._task, self._heard = None, None, []

    def _begin(self) -> None:
        board = self._board
        fit, errand = self._commands
        if board.desk.current is not None and not board.desk.words:
            self._task = board.desk.current
            self._child = Child(errand, self._task.model_dump_json(), self._request, self._clock)
        elif board.job is not None and not board.finished:
            self._task = board.job
            self._child = Child(fit, self._task.model_dump_json(), self._fit, self._clock)

    def _tend_fit(self, child: Child, job: Job) -> None:
        ended = child.status is not None  # asked before it is heard: then it has said all
        self._heard += child.tend()
        if ended or child.excess:
            self._board.finished.append(_outcome("".join(self._heard[-1:]), job, child))
            self.close()

    def _tend_request(self, child: Child, request: Request) -> None:
        desk = self._board.desk
        if desk.current is not request:  # answered elsewhere, or another replica's now
            self.close()
            return
        ended = child.status is not None
        words = [word for line in child.tend() if (word := _word(line)) is not None]
        desk.words += words
        if any(word.result for word in words):
            self.close()
        elif ended or child.excess:
            desk.words.append(Word(result=_unsaid(request, child)))
            self.close()


def _outcome(said: str, job: Job, child: Child) -> Outcome:
    try:
        return Outcome.model_validate_json(said)
    except ValidationError:
        problem = child.excess or f"fitting ended with status {child.status}; its words are in the trainer's log"
        return Outcome(job=job, problem=problem, ours=True)


def _word(line: str) -> Word | None:
    try:
        return Word.model_validate_json(line)
    except ValidationError:
        return None  # something that a library printed


def _unsaid(request: Request, child: Child) -> Result:
    """How a request ended whose process said nothing of it. What took too much would do so again."""
    problem = child.excess or f"its process ended with status {child.status}; its words are in the trainer's log"
    return Result(request_id=request.request_id, problem=problem, ours=not child.excess)
