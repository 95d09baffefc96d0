"""When people are told that frames are missing, and when that is over. Pure.

One finding of a station is open at a time; what vanishes while it is open joins it. It ends when all came after all,
or `forget_s` after the last loss: what is still missing then counts as lost.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from andon.ids import finding_id
from andon.records import Cause, Finding, FindingKind, Measure
from andon_alerting.ledger.account import Account, Gone
from andon_alerting.ledger.spans import Run
from andon_alerting.ledger.station import Station, Told
from andon_alerting.ledger.words import found_sentence, given_up_sentence, lost_sentence, moment

BY = "ledger-watch"
CAUSE = Cause.LEDGER_OUT_OF_BALANCE
Loss = tuple[Account, Run[Gone]]


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known to be read, Unix time in milliseconds; 0: nothing is. Every final that was written before
    `through` was read here; every frame captured before `swept` went all the way, and its final was read here."""

    through: int = 0
    swept: int = 0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a frame may take, and how long people are told of it."""

    settle_s: float
    forget_s: float

    @property
    def settle_ms(self) -> int:
        """The former in milliseconds."""
        return int(self.settle_s * 1000)


def look(station: Station, proof: Proof, patience: Patience, now: datetime) -> tuple[list[Loss], list[Finding]]:
    """What is found missing at `station` now, and what is to be said of it."""
    losses = _losses(station, proof, patience, now)
    ms = int(now.timestamp() * 1000)
    if losses:
        station.dirty = True
        station.told = replace(station.told, last=ms) if station.told else None
    if station.told is None:
        return losses, [_began(station, losses, now)] if losses else []
    return losses, _over(station, station.told, patience, now)


def _losses(station: Station, proof: Proof, patience: Patience, now: datetime) -> list[Loss]:
    ms, found = int(now.timestamp() * 1000), list[Loss]()
    for account in station.accounts.values():
        if account.waiting:
            overtaken = account.overtake(ms)
            losses = account.judged(ms, proof.through, proof.swept, patience.settle_ms)
            found += [(account, run) for run in losses]
            if losses or overtaken:
                station.changed.add(account.which)
        account.tidy(ms)
    return found


def _began(station: Station, losses: list[Loss], now: datetime) -> Finding:
    account, (first, _, gone) = losses[0]
    which = account.which
    since = moment(gone.at or int(now.timestamp() * 1000))
    own = finding_id(BY, CAUSE, station.name, f"{which.epoch}/{which.origin or ''}/{first}")
    count = sum(last - start + 1 for _, (start, last, _) in losses)
    finding = Finding(
        finding_id=own,
        kind=FindingKind.BEGAN,
        cause=CAUSE,
        station=station.name,
        sentence=lost_sentence(station.name, losses, now),
        since=min(since, now),
        at=now,
        measure=Measure(name="missing frames", value=count, limit=0, unit="frames"),
        by=BY,
    )
    station.told = Told(own, finding.since, finding.sentence, int(now.timestamp() * 1000))
    return finding


def _over(station: Station, told: Told, patience: Patience, now: datetime) -> list[Finding]:
    quiet = int(now.timestamp() * 1000) - told.last >= patience.forget_s * 1000
    came = not told.adopted and not station.missing
    if not (quiet or came):
        return []
    if came:
        sentence = found_sentence(station.name, now - told.since)
    else:
        lost = sum(_forget(station, each) for each in station.accounts.values())
        sentence = given_up_sentence(station.name, lost, patience.forget_s)
    station.told, station.dirty = None, True
    return [ended(told, station.name, sentence, now)]


def _forget(station: Station, account: Account) -> int:
    if account.missing:
        station.changed.add(account.which)
    return account.forget(station.totals)


def ended(told: Told, station: str, sentence: str, now: datetime) -> Finding:
    """The end of what people were told."""
    return Finding(
        finding_id=told.finding,
        kind=FindingKind.ENDED,
        cause=CAUSE,
        station=station,
        sentence=sentence,
        since=told.since,
        at=max(now, told.since + timedelta(microseconds=1)),
        by=BY,
    )
