"""The trainer's decisions, as a stage's handler: scores in, assignments and notices out.

Pure: the board is all it knows.

A notice goes out before the assignment it tells of, under an id that derives from the occasion: killed in between, the
same decision is made again, and said again under the same id.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from andon.assigning import assigned, confirmed, promoted, rolled_back, shadowed, unshadowed
from andon.assignments import Serving
from andon.errors import Invalid, Mistake
from andon.ids import notice_id
from andon.records import Assignment, Notice, NoticeKind, Trial, Wish, write_event
from andon.stage import Message, Record, Rejected, Result
from andon.topics import MODELS, NOTICES, REQUESTS
from andon_training.trainer import sentences
from andon_training.trainer.board import Board, News, place_of
from andon_training.trainer.desk import DRIFT_BY
from andon_training.trainer.lesson import Job, Lesson, Outcome
from andon_training.trainer.newcomers import Newcomer, failed, hopeless, ready
from andon_training.trainer.trials import Kind, Tally, Why, judge

BY = "andon trainer"
NOTICE_OF = {
    (Kind.PROMOTION, True): NoticeKind.PROMOTED,
    (Kind.PROMOTION, False): NoticeKind.NOT_PROMOTED,
    (Kind.PROBATION, True): NoticeKind.CONFIRMED,
    (Kind.PROBATION, False): NoticeKind.ROLLED_BACK,
}


class Deciding:
    """The handler. With `trial`, what a drift had made anew takes over by it."""

    __slots__ = ("_board", "_retry_s", "_settle", "_trial")

    def __init__(self, board: Board, settle_s: float, retry_s: float = 60.0, trial: Trial | None = None) -> None:
        self._board = board
        self._trial = trial
        self._settle = timedelta(seconds=settle_s)
        self._retry_s = retry_s

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """Counts the records, then decides on trials, on attempts that ended, on the next attempt, and on requests."""
        self._board.news = []
        rejected = [bad for record in records if (bad := self._take(record)) is not None]
        trials, attempts = self._trials(now), self._attempts(now)
        requests = self._requests(now)
        self._next_fits(now)
        return [*rejected, *trials, *attempts, *requests, *self._beside(now)]

    def _requests(self, now: datetime) -> list[Message]:
        fitted = self._board.jobs
        return self._board.desk.turn(now, self._retry_s, self._board.at_once - len(fitted), fitted.keys())

    def _next_fits(self, now: datetime) -> None:
        """Requests come first; where there is room for several, one place is kept for them."""
        board = self._board
        most = max(1, board.at_once - 1)
        while (
            len(board.jobs) < most
            and len(board.jobs) + len(board.desk.taken) < board.at_once
            and board.fits.full_until(now) is None
            and (job := next_job(board, now)) is not None
        ):
            board.fits.note((job.station, now), now)
            board.jobs[job.station] = job

    def _beside(self, now: datetime) -> list[Message]:
        """What a drift had made anew runs beside the bundle that serves. It decides nothing, and to let it serve is for
        people, unless they have set a trial by which it may. Where another shadow runs, or a probation, theirs goes
        first."""
        messages = []
        for request, bundle in self._board.desk.made:
            found = self._board.table.of(request.station, request.product) if request.by == DRIFT_BY else None
            if request.wish is Wish.RETRAIN and found and not found.active.shadows and bundle != found.active.bundle:
                after = shadowed(found.active, bundle, promotion=self._trial, by=BY, why=request.why, at=now)
                messages.append(Message(MODELS, after.key, write_event(after)))
        return messages

    def _take(self, record: Record) -> Rejected | None:
        if record.topic != REQUESTS:
            self._board.take(record)
            return None
        try:
            self._board.desk.take(record)
        except Invalid as error:
            return Rejected(record, error.reason, error.detail)
        return None

    def _trials(self, now: datetime) -> list[Message]:
        board, messages = self._board, list[Message]()
        for serving, tally in list(board.trials()):
            refusal = refused(serving, tally)
            sees = board.sees.get(tally.case.newer, False)
            why = judge(tally, sees=sees, refused=refusal is not None)
            key = place_of(serving.active)
            if why is None:
                board.settling.pop(key, None)
            elif now - board.settling.setdefault(key, now) >= self._settle:
                messages += self._decided(serving.active, tally, why, refusal or "", now)
        return messages

    def _decided(self, active: Assignment, tally: Tally, why: Why, refusal: str, now: datetime) -> list[Message]:
        kind = NOTICE_OF[tally.case.kind, why.good]
        sentence = sentences.decided(active, tally, why, refusal)
        self._board.acted[place_of(active)] = active.at
        try:
            after = carried_out(active, tally, why, sentences.because(tally, why, refusal), now)
        except Mistake as error:  # an assignment that somebody wrote by hand
            self._board.news.append(News(kind, active.station, "impossible", str(error)))
            return []
        self._board.news.append(News(kind, active.station, why.value, sentence))
        said = notice(kind, active.station, active.product, tally.case.newer, active.at.isoformat(), sentence, now)
        return [said, Message(MODELS, after.key, write_event(after))]

    def _attempts(self, now: datetime) -> list[Message]:
        board, messages = self._board, list[Message]()
        for outcome in board.finished:
            board.jobs.pop(outcome.job.station, None)
            newcomer = board.newcomers.get(outcome.job.station)
            if newcomer is None or board.is_assigned(newcomer.station):
                continue  # somebody was quicker, or it is another replica's station now
            if outcome.lesson:
                messages += self._onboarded(newcomer, outcome.lesson, now)
            else:
                messages += self._failed(newcomer, outcome, now)
        board.finished = []
        for newcomer in [each for each in board.newcomers.values() if hopeless(each, board.onboarding)]:
            unfit = Outcome(job=Job(station=newcomer.station, frames=0), problem=sentences.looks_bad(newcomer))
            messages += self._failed(newcomer, unfit, now)
        return messages

    def _onboarded(self, newcomer: Newcomer, lesson: Lesson, now: datetime) -> list[Message]:
        station = newcomer.station
        given = assigned(
            None,
            station=station,
            product=None,
            bundle=lesson.bundle,
            by=BY,
            why=f"first {lesson.offered} frames",
            at=now,
            state="learning",
        )
        del self._board.newcomers[station]
        sentence = sentences.onboarded(station, lesson)
        self._board.news.append(News(NoticeKind.ONBOARDED, station, "fitted", sentence))
        said = notice(NoticeKind.ONBOARDED, station, None, lesson.bundle, newcomer.since.isoformat(), sentence, now)
        return [said, Message(MODELS, given.key, write_event(given))]

    def _failed(self, newcomer: Newcomer, outcome: Outcome, now: datetime) -> list[Message]:
        after = failed(newcomer, self._board.onboarding, now, start_anew=not outcome.ours)
        self._board.newcomers[newcomer.station] = after
        pause_s = (after.not_before - now).total_seconds() if after.not_before else 0.0
        sentence = sentences.not_onboarded(newcomer.station, outcome.problem, pause_s)
        why = "ours" if outcome.ours else "frames"
        self._board.news.append(News(NoticeKind.NOT_ONBOARDED, newcomer.station, why, sentence))
        occasion = f"{newcomer.origin}/{newcomer.epoch}/{newcomer.seq}"
        return [notice(NoticeKind.NOT_ONBOARDED, newcomer.station, None, None, occasion, sentence, now)]


def refused(serving: Serving, tally: Tally) -> str | None:
    """Why scoring does not serve a bundle on probation; None where it does. A refusal from before does not count."""
    refusal = serving.refused
    if tally.case.kind is not Kind.PROBATION or refusal is None or refusal.at < tally.case.since:
        return None
    return refusal.why


def carried_out(active: Assignment, tally: Tally, why: Why, because: str, now: datetime) -> Assignment:
    """The assignment that a decision asks for."""
    case = tally.case
    match case.kind, why.good:
        case Kind.PROMOTION, True:
            return promoted(active, case.newer, probation=case.trial, by=BY, why=because, at=now)
        case Kind.PROMOTION, False:
            return unshadowed(active, case.newer, by=BY, why=because, at=now)
        case Kind.PROBATION, True:
            return confirmed(active, by=BY, why=because, at=now)
    return rolled_back(active, by=BY, why=because, at=now)


def next_job(board: Board, now: datetime) -> Job | None:
    """The attempt to be made next: of the stations that are ready, and at which nobody works, the first that came."""
    busy = board.jobs.keys() | {request.station for request in board.desk.at_work}
    waiting = [
        each for each in board.newcomers.values() if each.station not in busy and ready(each, board.onboarding, now)
    ]
    if not waiting:
        return None
    first = min(waiting, key=lambda each: (each.attempts, each.since))
    frames = min(first.seen, 2 * board.onboarding.frames)
    return Job(station=first.station, frames=frames, attempts=first.attempts)


def notice(
    kind: NoticeKind, station: str, product: str | None, bundle: str | None, occasion: str, sentence: str, now: datetime
) -> Message:
    """A notice as a message. Its id is the same whenever the same `occasion` is told again."""
    given = Notice(
        notice_id=notice_id(kind, station, product, None, occasion),
        kind=kind,
        station=station,
        product=product,
        bundle=bundle,
        sentence=sentence,
        at=now,
    )
    return Message(NOTICES, station.encode(), write_event(given))
