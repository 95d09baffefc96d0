"""The audit log: what people did here, to be looked through and taken away."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from andon.records import Deed, Did
from andon_console.pages.paper import Seen, page
from andon_console.safe.asked import Engineer

router = APIRouter()
SHOWN = 200
FIELDS = (*("at", "by", "role", "did", "station", "subject", "detail", "before", "after", "address", "deed_id"),)


class Since(StrEnum):
    """How far back."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    ALL = "all"

    @property
    def back(self) -> timedelta | None:
        """So long; None is everything that is known here."""
        return {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}.get(self.value)

    @property
    def words(self) -> str:
        """For the form."""
        return {"1h": "the last hour", "24h": "24 hours", "7d": "7 days", "all": "30 days"}[self.value]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deeds; an empty field is any."""

    person: str = ""
    what: str = ""
    station: str = ""
    since: Since = Since.WEEK

    def of(self, deeds: Iterable[Deed], now: datetime) -> list[Deed]:
        """Those, in the order they come."""
        begin = now - self.since.back if self.since.back else None
        return [each for each in deeds if self._is_it(each) and (begin is None or each.at >= begin)]

    def _is_it(self, deed: Deed) -> bool:
        pairs = ((self.person, deed.by), (self.what, deed.did.value), (self.station, deed.station or ""))
        return all(wanted in ("", found) for wanted, found in pairs)


def _wanted(
    person: Annotated[str, Query(max_length=128)] = "",
    what: Annotated[Did | str, Query(max_length=32)] = "",
    station: Annotated[str, Query(max_length=128)] = "",
    since: Since = Since.WEEK,
) -> Wanted:
    return Wanted(person, str(what), station, since)


Asked = Annotated[Wanted, Depends(_wanted)]


@router.get("/audit")
def audit(request: Request, world: Seen, _person: Engineer, wanted: Asked) -> Response:
    """The newest first; SHOWN of them."""
    known = world.deeds.newest()
    found = wanted.of(known, world.now())
    return page(
        request,
        "audit.html.j2",
        wanted=wanted,
        deeds=found[:SHOWN],
        count=len(found),
        people=sorted({each.by for each in known} | {wanted.person} - {""}),
        stations=sorted({each.station for each in known if each.station} | {wanted.station} - {""}),
        dids=list(Did),
        sinces=list(Since),
    )


@router.get("/audit.json")
def as_json(world: Seen, _person: Engineer, wanted: Asked) -> list[Deed]:
    """All of them, as records."""
    return wanted.of(world.deeds.newest(), world.now())


@router.get("/audit.csv")
def as_csv(world: Seen, _person: Engineer, wanted: Asked) -> Response:
    """All of them, for a spreadsheet."""
    text = csv_of(wanted.of(world.deeds.newest(), world.now()))
    headers = {"Content-Disposition": 'attachment; filename="andon-audit.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def csv_of(deeds: Sequence[Deed]) -> str:
    """RFC 4180, with a heading. What a spreadsheet would take for a formula begins with an apostrophe."""
    paper = io.StringIO()
    rows = csv.writer(paper)
    rows.writerow(FIELDS)
    said = (each.model_dump(mode="json") for each in deeds)
    rows.writerows([harmless(each[name]) for name in FIELDS] for each in said)
    return paper.getvalue()


def harmless(value: object) -> str:
    """A cell that no spreadsheet runs (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text
