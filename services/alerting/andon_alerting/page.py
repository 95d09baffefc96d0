"""What a page says: all a tired person needs to decide, made from an incident's event and nothing else. Pure."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from andon.records import (
    Cause,
    DriftCause,
    Evidence,
    IncidentEvent,
    IncidentKind,
    Measure,
    Notice,
    NoticeKind,
    Severity,
)
from andon.tracing.context import trace_id
from andon_alerting.drift_words import MEANS, moved_words, odds_words
from andon_alerting.finding_story import does_harm
from andon_alerting.links import NO_LINKS, LinkSettings
from andon_alerting.showing import ratio_of
from andon_alerting.story import what_changed

CONSEQUENCE = {
    Cause.DEFECT_SURGE: "Bad parts may be moving on down the line.",
    Cause.SEVERE_DEFECT: "One part may be moving on down the line that must not.",
    Cause.UNSCORABLE: "Parts pass without being inspected.",
    Cause.STATION_SILENT: "Parts may pass without being inspected.",
    Cause.STATION_FROZEN: "Parts pass without being inspected: the camera shows one that is long gone.",
    Cause.STATION_DARK: "Verdicts cannot be trusted: defects hide in the dark.",
    Cause.STATION_BRIGHT: "Verdicts cannot be trusted: what is white shows no defect.",
    Cause.STATION_BLURRED: "Verdicts cannot be trusted: small defects are not seen.",
    Cause.CAMERA_MOVED: "Verdicts cannot be trusted: the part is not where the bundle learned it.",
    Cause.DRIFT: "Verdicts are still given; more of them may be wrong soon.",
    Cause.REJECT_RATE: "More parts are rejected than used to be; each verdict is as good as ever.",
    Cause.INSPECTOR_BROKEN: "Verdicts cannot be trusted. It says nothing of the parts.",
    Cause.BUNDLE_REFUSED: "Parts are inspected by the bundle before it, if there was one.",
    Cause.LEDGER_OUT_OF_BALANCE: "Some parts were seen, and never judged.",
    Cause.FALSE_CALLS: "Good parts are rejected, and people stop believing the verdicts.",
    Cause.EVIDENCE_AT_RISK: "Frames will be deleted before they are inspected, or kept as evidence.",
}
WITH_HARM = "More parts are called since; good ones among them may be rejected, and bad ones may pass."
# The other news are information.
WARNINGS = frozenset({NoticeKind.ROLLED_BACK, NoticeKind.NOT_ONBOARDED, NoticeKind.DRILL_FAILED})
TURNS = (IncidentKind.ACKNOWLEDGED, IncidentKind.RESOLVED)
PAGE_TYPE = "andon.page.v1"
MOST_NAMED = 3  # frames that the text names; the page carries them all


class Page(BaseModel):
    """One page. `what` is its sentence; `evidence` are the frames that show it, the one that opened it first.

    A `notice` tells what Andon did by itself: it is told once, and never over. `station` is '*' for a whole line, and
    `stations` then names those that have it. `drift` names what drifted, `drifted` the number that tells it best,
    `odds` how often such a ticket comes for nothing. `links` are where to look, by name: incident, dashboard, runbook.
    `trace_id` is the trace of the frame that opened it.
    `id` is the same for every attempt to tell the same thing, so that a receiver can tell repeats.
    """

    model_config = ConfigDict(frozen=True)

    type: str = PAGE_TYPE
    id: str
    incident: UUID
    kind: Literal["opened", "acknowledged", "resolved", "notice"]
    station: str
    cause: Cause | NoticeKind
    severity: Severity
    reason: str
    site: str = ""
    area: str = ""
    line: str = ""
    stations: tuple[str, ...] = ()
    route: str | None = None
    drill: bool = False
    what: str
    since: datetime
    at: datetime
    count: int
    score: float | None = None
    threshold: float | None = None
    ratio: float | None = None
    measure: Measure | None = None
    drift: DriftCause | None = None
    drifted: str | None = None
    odds: str | None = None
    where: str | None = None
    consequence: str = ""
    first_action: str = ""
    changed: str | None = None
    links: dict[str, str] = Field(default_factory=dict)
    product: str | None = None
    bundle: str | None = None
    evidence: tuple[Evidence, ...] = ()
    trace_id: str | None = None
    acknowledged_by: str | None = None
    resolved_by: str | None = None

    @property
    def number_line(self) -> str | None:
        """The number against its limit: `score 0.412 against 0.1, 4.1 times the limit`, `sharpness 2.1 against 3.4`; of
        what drifts, against what it usually is."""
        if self.drifted is not None:
            return self.drifted
        if self.measure is not None:
            of = self.measure
            unit = f" {of.unit}" if of.unit else ""
            return f"{of.name.replace('_', ' ')} {of.value:.4g}{unit} against {of.limit:.4g}{unit}"
        if self.score is None or self.threshold is None:
            return None
        times = f", {self.ratio:.1f} times the limit" if self.ratio is not None else ""
        return f"score {self.score:.4g} against {self.threshold:.4g}{times}"

    @property
    def description(self) -> str:
        """The whole page as lines of text."""
        lines = [
            self.drill and "This is a drill.",
            self.what,
            self._when,
            self.number_line and f"{'Measured' if self.measure or self.drifted else 'Worst'}: {self.number_line}.",
            self.where and f"Where: {self.where}.",
            self.consequence,
            self.first_action and f"First: {self.first_action}",
            self.acknowledged_by and f"Acknowledged by {self.acknowledged_by}.",
            self.changed and f"Changed {self.changed}.",
            self.odds,
            *(f"{name.capitalize()}: {url}" for name, url in self.links.items()),
            self._look_closer,
            *(f"Evidence: {evidence_line(each)}" for each in self.evidence[:MOST_NAMED]),
            len(self.evidence) > MOST_NAMED and f"And {len(self.evidence) - MOST_NAMED} more frames.",
            self.bundle and f"{'Judged by bundle' if self.evidence else 'Bundle'} {self.bundle[:12]}.",
        ]
        return "\n".join(line for line in lines if line)

    @property
    def _look_closer(self) -> str | None:
        """Where to look while no link says so."""
        if self.kind == "notice" or "incident" in self.links:
            return None
        return f"Look closer: andon incidents show {self.incident.hex[:8]}"

    @property
    def _when(self) -> str:
        if self.kind == "notice":
            return f"At {clock(self.at)}."
        return f"Since {clock(self.since)}" + (f", over at {clock(self.at)}." if self.kind == "resolved" else ".")


def page(about: IncidentEvent | Notice, taken: IncidentEvent | None = None, links: LinkSettings = NO_LINKS) -> Page:
    """The page that tells of a turn of an incident, or of a notice. `taken` is the event of who has taken it on."""
    told = _of_notice(about) if isinstance(about, Notice) else _of_incident(about, links)
    return told.model_copy(update={"acknowledged_by": taken_by(taken)}) if taken else told


def taken_by(taken: IncidentEvent) -> str:
    """Who has taken an incident on, and when: `Mira at 06:32 UTC: looking at the lamp`."""
    return f"{taken.by or 'somebody'} at {taken.at:%H:%M} UTC" + (f": {taken.note}" if taken.note else "")


def _of_notice(notice: Notice) -> Page:
    return Page(
        id=f"{notice.notice_id}/notice",
        incident=notice.notice_id,
        kind="notice",
        station=notice.station,
        cause=notice.kind,
        severity=Severity.WARNING if notice.kind in WARNINGS else Severity.INFO,
        reason=notice.kind,
        what=notice.sentence,
        since=notice.at,
        at=notice.at,
        count=0,
        product=notice.product,
        bundle=notice.bundle,
    )


def _of_incident(event: IncidentEvent, links: LinkSettings) -> Page:
    worst = max(event.evidence, key=ratio_of, default=None)
    over = event.kind is IncidentKind.RESOLVED
    return Page(
        id=f"{event.incident_id}/{event.kind}",
        incident=event.incident_id,
        kind=event.kind if event.kind in TURNS else "opened",
        station=event.station,
        cause=event.cause,
        severity=event.severity,
        reason=event.reason,
        site=event.site,
        area=event.area,
        line=event.line,
        stations=event.stations,
        route=event.route,
        drill=event.drill,
        what=event.summary,
        since=event.opened_at,
        at=event.at,
        count=event.count,
        score=worst and worst.score,
        threshold=worst and worst.threshold,
        ratio=round(ratio_of(worst), 2) if worst and worst.score is not None and worst.threshold else None,
        measure=event.measure,
        **_of_drift(event),
        where=worst and _where_in(event, worst),
        consequence="" if over else consequence(event),
        first_action=event.first_action,
        changed=what_changed(event.changed, event.opened_at) if event.changed else None,
        links=links.of(event),
        product=event.product,
        bundle=event.bundle,
        evidence=event.evidence,
        trace_id=trace_id(event.traceparent),
        resolved_by=event.by if over else None,
    )


def _of_drift(event: IncidentEvent) -> dict[str, Any]:
    """What a page says of a drift. A ticket that called nobody says how often one comes for nothing."""
    drift = event.drift
    if drift is None:
        return {}
    told = [*drift.sensors, *drift.moved] if drift.named is DriftCause.SENSOR else drift.moved
    drifted = moved_words(told[0]) if told and event.cause is Cause.DRIFT and not event.stations else None
    is_ticket = event.cause is Cause.DRIFT and event.kind is not IncidentKind.RESOLVED and not does_harm(event)
    return {"drift": drift.named, "drifted": drifted, "odds": odds_words(drift) if is_ticket else None}


def _where_in(event: IncidentEvent, worst: Evidence) -> str | None:
    """Where in the picture it is. Of a drift, the place that drifted, if it is one; single frames do not show it."""
    if event.cause is not Cause.DRIFT:
        return where(worst)
    spot = event.drift.where if event.drift and not event.stations else None
    return where(worst.model_copy(update={"regions": (spot,)})) if spot else None


def consequence(event: IncidentEvent) -> str:
    """What it means for the parts."""
    if does_harm(event):
        return WITH_HARM
    if event.cause is Cause.DRIFT and event.drift and event.drift.named in MEANS:
        return MEANS[event.drift.named]
    return CONSEQUENCE[event.cause]


def where(evidence: Evidence) -> str | None:
    """The strongest region in words and pixels: `upper left, x 120 to 180, y 40 to 90`."""
    region = max(evidence.regions, key=lambda region: region.peak, default=None)
    if region is None:
        return None
    box = f"x {region.x} to {region.x + region.width}, y {region.y} to {region.y + region.height}"
    if not (evidence.width and evidence.height):
        return box
    row = _third((region.y + region.height / 2) / evidence.height, ("upper", "middle", "lower"))
    column = _third((region.x + region.width / 2) / evidence.width, ("left", "centre", "right"))
    return f"{'centre' if (row, column) == ('middle', 'centre') else f'{row} {column}'}, {box}"


def evidence_line(evidence: Evidence) -> str:
    """Where a frame lies: anyone can fetch the original image by it, for as long as Kafka keeps it."""
    place = evidence.frame
    return (
        f"{place.topic}/{place.partition}/{place.offset} at {clock(evidence.captured_at)} (frame {evidence.frame_id})"
    )


def clock(at: datetime) -> str:
    """A moment as a page writes it, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _third(share: float, names: tuple[str, str, str]) -> str:
    return names[min(2, max(0, int(share * 3)))]
