"""A request that is worked on, and what people are told of it. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.records import JobPhase, Request, RequestNews, RequestState
from andon_training.jobs.worker import Report

MOST = 1000  # characters of a sentence
LOG_EVERY = timedelta(seconds=10)  # how often a log that grows is told


@dataclass(slots=True)
class Taken:
    """A request that is worked on. `report` and `log` are how the work stands, `told` what people were last told;
    `over`, that its worker has said what came of it."""

    request: Request
    began_at: datetime
    tries: int
    progress: float = 0.0
    report: Report | None = None
    log: tuple[str, ...] = ()
    told: tuple[float, Report | None] = (0.0, None)
    told_log: tuple[str, ...] = ()
    told_at: datetime | None = None
    over: bool = False

    def is_news(self, now: datetime) -> bool:
        """Whether there is something to tell: how far it is, how it stands, or, from time to time, its log."""
        if (self.progress, self.report) != self.told:
            return True
        return self.log != self.told_log and (self.told_at is None or now - self.told_at >= LOG_EVERY)


def going(taken: Taken) -> str:
    """How the work goes, in a sentence."""
    report = taken.report
    if report is not None and report.phase is JobPhase.PENDING:
        return f"Its Job has been made and waits to begin{f': {report.why}' if report.why else ''}."
    return f"Training works on it: {taken.progress:.0%}.{f' {report.why}' if report and report.why else ''}"


def about_work(taken: Taken) -> dict[str, object]:
    """What news say of the work itself."""
    phase = taken.report.phase if taken.report else None
    return {"progress": taken.progress, "phase": phase, "began_at": taken.began_at, "log": taken.log or None}


def news_of(request: Request, state: RequestState, sentence: str, now: datetime, **found: object) -> RequestNews:
    """One turn of `request`; `found` are further fields."""
    given = {"request_id": request.request_id, "state": state, "station": request.station, "at": now}
    return RequestNews.model_validate({**given, "sentence": sentence[:MOST], **found})
