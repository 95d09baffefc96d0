"""Who has the work done: fits of first bundles and requests, several stations' at once, by processes or by Jobs. The
stage's loop goes on meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from andon.records import JobPhase, Request, Wish
from andon_training.jobs.tail import Hide, Tail
from andon_training.jobs.worker import Ended, Kind, Task, Worker, Workers
from andon_training.trainer.board import Board, Finish, WorkEnd
from andon_training.trainer.lesson import Job, Outcome
from andon_training.trainer.telling import Taken
from andon_training.trainer.word import Result, Word


@dataclass(slots=True)
class Work:
    """One piece of it. `result` and `outcome` are what came of it, once that was said."""

    worker: Worker
    tail: Tail
    began: float
    result: Result | None = None
    outcome: Outcome | None = None


class Apprentice:
    """Has done what the board asks for, and puts there what comes of it. `clock` gives seconds; `hide` takes secrets
    out of logs; `trains` says that what is made anew is trained.

    `tend` is to be called every turn.
    """

    def __init__(
        self, board: Board, workers: Workers, clock: Callable[[], float], hide: Hide, *, trains: bool = False
    ) -> None:
        self._board = board
        self._workers = workers
        self._clock = clock
        self._hide = hide
        self._trains = trains
        self._works: dict[Task, Work] = {}

    def tend(self) -> None:
        """Begins what is asked for, lets go what nobody waits for, hands over what was said and what is done."""
        board = self._board
        requests = {self._task(taken): taken for taken in board.desk.taken.values() if not taken.over}
        finished = [outcome.job for outcome in board.finished]
        fits = {_fit(job): job for job in board.jobs.values() if job not in finished}
        for task in self._works.keys() - requests.keys() - fits.keys():  # answered elsewhere, or another replica's now
            self._works.pop(task).worker.leave()
        for task, taken in requests.items():
            self._tend_request(task, self._at(task), taken)
        for task, job in fits.items():
            self._tend_fit(task, self._at(task), job)
        board.phases = [each.worker.report.phase for each in self._works.values()]

    def close(self) -> None:
        """Lets go of everything: processes end and are begun again after a restart, Jobs run on."""
        for work in self._works.values():
            work.worker.leave()
        self._works = {}

    def _at(self, task: Task) -> Work:
        """Its work, begun if it is not."""
        if task not in self._works:
            self._works[task] = Work(self._workers.begin(task), Tail(self._hide), self._clock())
        return self._works[task]

    def _tend_fit(self, task: Task, work: Work, job: Job) -> None:
        ended = work.worker.ended  # asked before it is heard: then it has said all
        for line in work.worker.lines():
            said = _outcome(line)
            work.outcome = said or work.outcome
            if said is None:
                work.tail.add(line)
        if work.outcome is not None or ended is not None:
            outcome = work.outcome or _failed(job, ended)
            self._board.finished.append(outcome)
            self._done(task, WorkEnd.of(made=outcome.lesson is not None, ours=outcome.ours))

    def _tend_request(self, task: Task, work: Work, taken: Taken) -> None:
        ended = work.worker.ended
        for line in work.worker.lines():
            if (word := _word(line)) is None:
                work.tail.add(line)
            else:
                work.result = word.result or work.result
                self._board.desk.words.append((taken.request.request_id, word))
        if work.result is None and ended is not None:
            work.result = Result(request_id=taken.request.request_id, problem=ended.problem, ours=ended.ours)
            self._board.desk.words.append((taken.request.request_id, Word(result=work.result)))
        report, taken.log = work.worker.report, work.tail.lines
        taken.report = taken.report if report.phase is JobPhase.WAITING else report
        if work.result is not None:
            taken.over, result = True, work.result
            self._done(task, WorkEnd.of(made=result.bundle is not None, ours=result.ours))

    def _done(self, task: Task, end: WorkEnd) -> None:
        work = self._works.pop(task)
        work.worker.leave()
        self._board.ended.append(Finish(end, self._clock() - work.began))

    def _task(self, taken: Taken) -> Task:
        request: Request = taken.request
        trains = self._trains and request.wish is Wish.RETRAIN
        key, asked = str(request.request_id), request.model_dump_json()
        return Task(Kind.REQUEST, key, request.station, asked, taken.tries, trains)


def _fit(job: Job) -> Task:
    return Task(Kind.FIT, job.station, job.station, job.model_dump_json(), job.attempts)


def _failed(job: Job, ended: Ended | None) -> Outcome:
    return Outcome(job=job, problem=ended.problem if ended else "", ours=True)


def _outcome(line: str) -> Outcome | None:
    try:
        return Outcome.model_validate_json(line)
    except ValidationError:
        return None


def _word(line: str) -> Word | None:
    try:
        word = Word.model_validate_json(line)
    except ValidationError:
        return None  # something that a library printed
    return None if word.progress is None and word.result is None else word
