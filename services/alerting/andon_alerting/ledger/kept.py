"""How the ledger of a station lies in Redis: a hash, whose field `station` holds the totals and what people were told,
and each other field a capture. Pure.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from andon.passing import Which
from andon_alerting.ledger.account import Account, Gone, Totals, Waiting, of_loaded
from andon_alerting.ledger.spans import Spans
from andon_alerting.ledger.station import Station, Told

STATION = "station"
Fields = dict[str, str | None]
"""Of a hash; None: the field goes."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Told(_Kept):
    finding: UUID
    since: datetime
    sentence: str
    last: int
    adopted: bool = False


class _Station(_Kept):
    """`began` names the ledger it belongs to: what an earlier one knew is no longer true."""

    began: int
    partition: int
    since: int
    scored: int
    dead: dict[str, int]
    skipped: dict[str, int]
    lost: int
    rescued: int
    found: int
    closed: int
    told: _Told | None = None


class _Account(_Kept):
    top: int | None
    done: int
    heard: int
    waiting: list[tuple[int, int, int, int, int, int]] = []
    missing: list[tuple[int, int, int, int, int]] = []
    lost: list[tuple[int, int, int, int, int]] = []
    dead: list[tuple[int, int, str]] = []
    skipped: dict[str, int] = {}


def write_station(station: Station, began: int) -> Fields:
    """What changed of it: its own field, and those of the captures that were touched or put away."""
    totals, told = station.totals, station.told
    own = _Station(
        began=began,
        partition=station.partition,
        since=totals.since,
        scored=totals.scored,
        dead=dict(totals.dead),
        skipped=dict(totals.skipped),
        lost=totals.lost,
        rescued=totals.rescued,
        found=totals.found,
        closed=station.closed,
        told=told and _Told(**{name: getattr(told, name) for name in _Told.model_fields}),
    )
    fields: Fields = {STATION: own.model_dump_json(exclude_none=True)}
    for which in station.changed:
        account = station.accounts.get(which)
        fields[_name(which)] = None if account is None else _text(account)
    return fields


def read_station(name: str, fields: Mapping[str, str], began: int | None = None) -> Station | None:
    """The station; None where there is none, where it cannot be read, or where it belongs to another ledger than the
    one that `began` then (None: whichever)."""
    try:
        own = _Station.model_validate_json(fields.get(STATION, ""))
        if began is not None and own.began != began:
            return None
        accounts = [_account(_which(name, field), text) for field, text in fields.items() if field != STATION]
    except ValueError:
        return None
    totals = Totals(
        own.since, own.scored, Counter(own.dead), Counter(own.skipped), own.lost, own.rescued, own.found
    )  # fmt: skip
    told = Told(**dict(own.told)) if own.told else None
    return Station(name, own.partition, totals, {each.which: each for each in accounts}, own.closed, told)


def _name(which: Which) -> str:
    return str(which.epoch) if which.origin is None else f"0:{which.origin}"


def _which(station: str, field: str) -> Which:
    epoch, colon, origin = field.partition(":")
    return Which(station, int(epoch), origin if colon else None)


def _text(account: Account) -> str:
    return _Account(
        top=account.top,
        done=account.done,
        heard=account.heard,
        waiting=[(first, last, *known) for first, last, known in account.waiting],
        missing=[(first, last, *gone) for first, last, gone in account.missing],
        lost=[(first, last, *gone) for first, last, gone in account.lost],
        dead=list(account.dead),
        skipped=account.skipped,
    ).model_dump_json(exclude_defaults=True)


def _account(which: Which, text: str) -> Account:
    try:
        kept = _Account.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(str(error)) from None
    return of_loaded(
        Account(
            which,
            kept.top,
            kept.done,
            heard=kept.heard,
            waiting=Spans((first, last, Waiting(*known)) for first, last, *known in kept.waiting),
            missing=Spans((first, last, Gone(*gone)) for first, last, *gone in kept.missing),
            lost=Spans((first, last, Gone(*gone)) for first, last, *gone in kept.lost),
            dead=Spans(kept.dead),
            skipped=kept.skipped,
            turned=kept.heard,
        )
    )
