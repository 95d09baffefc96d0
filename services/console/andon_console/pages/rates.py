"""Both rates in numbers and in words: per station, product and shift."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from andon.rates import Estimate, Span, Standing, against, at_least, escape_rate, false_call_rate, last_day, this_shift
from andon.rates.counted import Counted
from andon_console.pages.paper import Seen, page
from andon_console.rates.tally import last_shift
from andon_console.safe.asked import Viewer
from andon_console.world import World

router = APIRouter()
MOST = 200  # stations on the page; a filter finds the others

IN_WORDS = {
    Standing.WITHIN: "within its budget",
    Standing.OVER: "over its budget",
    Standing.UNCLEAR: "unclear: more answers would tell",
}
LAMPS = {Standing.WITHIN: "ok", Standing.OVER: "critical", Standing.UNCLEAR: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one station and product in one span. `budget` is a share; None where nobody set one."""

    station: str
    product: str | None
    span: Span
    counted: Counted
    budget: float | None

    @property
    def false_calls(self) -> Estimate | None:
        """The false-call rate; None where nothing was counted yet, whatever was answered."""
        return false_call_rate(self.counted) if self.counted.scored else None

    @property
    def escapes(self) -> Estimate | None:
        """The escape estimate."""
        return escape_rate(self.counted)

    @property
    def standing(self) -> Standing | None:
        """The false-call rate against its budget."""
        return against(self.false_calls, self.budget) if self.budget is not None and self.counted.scored else None

    @property
    def known(self) -> str:
        """What missed defects prove, in words."""
        return at_least(self.counted) or ""

    @property
    def answered(self) -> int:
        """Calls that people have said are real or false."""
        return self.counted.real + self.counted.false_call

    @property
    def audits(self) -> int:
        """Frames of the audit sample that the estimate rests on."""
        return self.counted.audited_good + self.counted.audited_missed

    def record(self) -> dict[str, Any]:
        """For machines; rates are shares."""
        return {
            "station": self.station,
            "product": self.product,
            "shift": self.span.name,
            "since": self.span.since.isoformat(),
            "until": self.span.until.isoformat(),
            "scored": self.counted.scored,
            "called": self.counted.called,
            "real": self.counted.real,
            "false_calls": self.counted.false_call,
            "false_call_rate": estimate(self.false_calls),
            "false_call_budget": self.budget,
            "standing": self.standing,
            "audits": self.audits,
            "audits_unsure": self.counted.audited_unsure,
            "missed_in_audits": self.counted.audited_missed,
            "missed_elsewhere": self.counted.missed,
            "escape_rate": estimate(self.escapes),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one station and product: this shift, last shift, 24 h."""

    station: str
    product: str | None
    rows: tuple[Row, ...]


Text = Annotated[str, Query(max_length=128)]


@router.get("/rates")
def rates(request: Request, world: Seen, _person: Viewer, q: Text = "") -> Response:
    """The table; `q` is a part of a station's or a product's name."""
    found = list(groups(world, q, world.now()))
    return page(
        request,
        "rates.html.j2",
        groups=found[:MOST],
        more=max(0, len(found) - MOST),
        q=q,
        in_words=IN_WORDS,
        lamps=LAMPS,
        thousandths=thousandths,
        share=world.settings.console.audit_per_1000,
    )


@router.get("/rates.json")
def rates_json(world: Seen, _person: Viewer, q: Text = "") -> Response:
    """The same for programs; `tallied_at` is when Redis last told what was counted."""
    found = [row.record() for group in groups(world, q, world.now()) for row in group.rows]
    tallied = world.rates.tallied_at
    return JSONResponse({"tallied_at": tallied and tallied.isoformat(), "rates": found})


def groups(world: World, q: str, now: datetime) -> Iterator[Group]:
    """Those whose station or product holds `q`, by name."""
    wanted = q.strip().casefold()
    for station in world.rates.stations():
        plan = world.line.of(station)
        spans = this_shift(plan, now), last_shift(plan, now), last_day(now)
        for product in world.rates.products(station):
            if wanted in f"{station} {product or ''}".casefold():
                rows = _rows(world, station, product, spans, plan.budget_of(product))
                if any(row.counted != Counted() for row in rows):
                    yield Group(station, product, rows)


def _rows(
    world: World, station: str, product: str | None, spans: Iterable[Span], budget: float | None
) -> tuple[Row, ...]:
    return tuple(
        Row(station, product, span, world.rates.counted(station, product, span), budget) for span in spans
    )  # fmt: skip


def thousandths(share: float) -> str:
    """A share in parts of a thousand."""
    parts = share * 1000
    return f"{parts:,.0f}" if parts >= 100 else f"{parts:.1f}"


def estimate(found: Estimate | None) -> dict[str, Any] | None:
    """For machines."""
    if found is None:
        return None
    return {"value": found.value, "low": found.low, "high": found.high, "count": found.count, "of": found.of}
