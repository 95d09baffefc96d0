"""Evidence at risk: one finding for all that Kafka is about to delete unread, begun anew when more joins. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import inf

from andon.ids import finding_id
from andon.records import Cause, Finding, FindingKind, Measure
from andon_alerting.evidence.retention import Headroom, Pair, at_risk, limit_s

BY = "evidence"
EVERYWHERE = "*"


class AtRisk:
    """Which finding is open, and of whom. One that was open when we began is taken over: nobody is told twice."""

    __slots__ = ("_named", "_opened", "_wanted_s")

    def __init__(self, wanted_s: float, opened: Finding | None = None) -> None:
        self._wanted_s = wanted_s
        self._opened = opened
        self._named: frozenset[Pair] | None = None

    @property
    def open(self) -> bool:
        """Whether anybody is at risk."""
        return self._opened is not None

    def seen(self, pairs: Sequence[Headroom], now: datetime) -> list[Finding]:
        """What is to be said after a look at all `pairs`."""
        before = self._named
        if before is None:
            before = frozenset(each.pair for each in pairs) if self._opened else frozenset()
        risky = at_risk(pairs, before, self._wanted_s)
        joined = bool(risky.keys() - before)
        self._named = frozenset(risky)
        if self._opened and risky and not joined:
            return []
        said = [self._over(now, joined)] if self._opened else []
        self._opened = self._began(risky, now) if risky else None
        return [*said, *([self._opened] if self._opened else [])]

    def _began(self, risky: Mapping[Pair, Headroom], now: datetime) -> Finding:
        worst = min(risky.values(), key=lambda each: (each.left_s, -each.deleted, each.pair))
        return Finding(
            finding_id=finding_id(BY, Cause.EVIDENCE_AT_RISK, EVERYWHERE, now.isoformat()),
            kind=FindingKind.BEGAN,
            cause=Cause.EVIDENCE_AT_RISK,
            station=EVERYWHERE,
            sentence=sentence(worst, [each for each in risky.values() if each is not worst]),
            since=now,
            at=now,
            measure=Measure(name="headroom", value=worst.left_s, limit=limit_s(worst, self._wanted_s), unit="s"),
            by=BY,
        )

    def _over(self, now: datetime, joined: bool) -> Finding:
        assert self._opened is not None  # noqa: S101  # as its caller saw
        why = "More is at risk now." if joined else "Nothing that Kafka is about to delete waits to be read any more."
        return self._opened.model_copy(update={"kind": FindingKind.ENDED, "at": now, "sentence": why})


def sentence(worst: Headroom, others: Iterable[Headroom]) -> str:
    """What is at risk, for whom, how long is left, and what to do."""
    more = "; ".join(f"{each.group} on {each.topic}: {_left(each)}" for each in others)
    return " ".join(filter(None, (_what(worst), more and f"Also {more}.", _do(worst))))[:1000]


def _what(pair: Headroom) -> str:
    if pair.deleted:
        lost = f"Kafka deleted {pair.deleted:,} records of {pair.topic} before {pair.group} had read them"
        return f"{lost}; {pair.waiting:,} more wait." if pair.waiting else f"{lost}."
    return (
        f"In {lasting(pair.left_s)} Kafka begins to delete records of {pair.topic} that {pair.group} has not read: "
        f"{pair.waiting:,} wait, the oldest for {lasting(pair.waited_s)}."
    )


def _left(pair: Headroom) -> str:
    return f"{pair.deleted:,} deleted unread" if pair.deleted else f"{lasting(pair.left_s)} left"


def _do(pair: Headroom) -> str:
    service = pair.group.rpartition(".")[2]
    if service == BY:
        look = "See why evidence does not keep up (its log says whether a store is away)"
    else:
        look = f"See why {service} has stopped or is too slow"
    if pair.retention_s is None:
        return f"{look}, or give {pair.topic} a larger retention.bytes."
    longer = int(2 * pair.retention_s * 1000)
    return (
        f"{look}; until then keep {pair.topic} for longer: kafka-configs.sh --alter --topic {pair.topic} "
        f"--add-config retention.ms={longer}"
    )


def lasting(seconds: float) -> str:
    """A length of time for people."""
    if seconds == inf:
        return "ever"
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"


def still_open(findings: Iterable[Finding]) -> Finding | None:
    """The finding of ours that is open after these, oldest first."""
    opened: dict[object, Finding] = {}
    for each in findings:
        if (each.by, each.cause) == (BY, Cause.EVIDENCE_AT_RISK):
            opened.pop(each.finding_id, None)
            if each.kind is FindingKind.BEGAN:
                opened[each.finding_id] = each
    return list(opened.values())[-1] if opened else None
