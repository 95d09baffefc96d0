"""In which order the review queue is asked. Pure.

The worth of a frame is `(rank, ...)`, the lowest first. The rank is that of its kind: open incidents, near the
threshold, active and shadow disagree, audits, other calls. Among those of a kind:

    incident    calls before frames called ok, then the highest score against its threshold
    near        the least distance from the threshold
    disagree    the most that the two differ, as a ratio
    audit       those of the last 8 hours first, and among them by the hash that drew them: a random order, so that
                whoever stops half way has answered at random
    call        the newest

Every AUDIT_EVERY-th frame is an audit while there are any: what is near the threshold never ends, and without audits
nobody knows what passes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from math import inf, log

from andon.records import Verdict
from andon_console.review.queue import Candidate, Kind

AUDIT_EVERY = 5
FRESH_S = 8 * 3600
RANK = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which candidates; what is empty is any."""

    station: str = ""
    product: str = ""
    kind: Kind | None = None

    def has(self, candidate: Candidate) -> bool:
        """Whether it is one of them."""
        shot = candidate.shot
        return (
            self.station in ("", shot.station)
            and self.product in ("", shot.product or "")
            and self.kind in (None, candidate.kind)
        )


def worth(candidate: Candidate) -> tuple[float, ...]:
    """See above."""
    return RANK[candidate.kind], *_among(candidate)


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """By worth, with an audit at every AUDIT_EVERY-th place."""
    found = sorted(candidates, key=worth)
    audits = iter([each for each in found if each.kind is Kind.AUDIT])
    return list(_mixed((each for each in found if each.kind is not Kind.AUDIT), audits))


def _mixed(others: Iterator[Candidate], audits: Iterator[Candidate]) -> Iterator[Candidate]:
    """Audits at their places, and those that are left before the calls that are nothing special."""
    calls: list[Candidate] = []
    count = 0
    for each in others:
        if each.kind is Kind.CALL:
            calls.append(each)
            continue
        count += 1
        if count % AUDIT_EVERY == 0:
            yield from (audit for audit in [next(audits, None)] if audit is not None)
            count += 1
        yield each
    yield from chain(audits, calls)


def _among(candidate: Candidate) -> tuple[float, ...]:
    shot = candidate.shot
    ratio = shot.ratio if shot.ratio is not None else 0.0
    match candidate.kind:
        case Kind.INCIDENT:
            return float(shot.verdict is not Verdict.ANOMALOUS), -ratio
        case Kind.NEAR:
            return abs(ratio - 1), -candidate.captured_at.timestamp()
        case Kind.DISAGREE:
            return -_apart(ratio, candidate.shadow_ratio), -candidate.captured_at.timestamp()
        case Kind.AUDIT:
            return -(candidate.captured_at.timestamp() // FRESH_S), _drawn(candidate)
    return (-candidate.captured_at.timestamp(),)


def _apart(ratio: float, other: float | None) -> float:
    if other is None:
        return 0.0
    return abs(log(ratio) - log(other)) if ratio > 0 and other > 0 else inf


def _drawn(candidate: Candidate) -> float:
    """What `andon.rates.is_audited` compares with the share."""
    return float(int.from_bytes(sha256(candidate.frame_id.bytes).digest()[:8]))
