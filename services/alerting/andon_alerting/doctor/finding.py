"""What a check says: its state, in one line, and each finding with what is wrong and what to do about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from andon.errors import AndonError

F = TypeVar("F")


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"  # nothing is wrong
    OFF = "off"  # it is not set up here, so there is nothing to check
    WARN = "warn"  # it works, and will not always
    BAD = "bad"  # something does not work, or loses what it should keep
    UNKNOWN = "not checked"  # what it would have looked at could not be seen


ORDER = (Level.OFF, Level.OK, Level.WARN, Level.UNKNOWN, Level.BAD)


class NotKnown(AndonError):
    """What a check needs could not be seen; the text says why, as the end of 'not checked: ...'."""


class NotSetUp(AndonError):
    """What a check needs is not set up here; the text says so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `what`, with `where` (a topic, a station, a server), and what to `do`: a command to
    paste, or a sentence where there is none."""

    level: Level
    what: str
    where: str
    do: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a check makes of its facts: one line, and what it found. `off` says that there was nothing to judge."""

    says: str
    findings: tuple[Finding, ...] = ()
    off: bool = False

    @property
    def level(self) -> Level:
        """The worst of what was found."""
        levels = [each.level for each in self.findings]
        return max(levels, key=ORDER.index, default=Level.OFF if self.off else Level.OK)


@dataclass(frozen=True)
class Check(Generic[F]):
    """One check: its `id`, `<area>.<name>`, which never changes; what it `asks`, for the documentation; the kind of
    facts it is `of`; and how it judges them."""

    id: str
    asks: str
    of: type[F]
    judge: Callable[[F], Judged]

    @property
    def area(self) -> str:
        """What --only calls it by."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check came out."""

    id: str
    level: Level
    says: str
    findings: tuple[Finding, ...] = ()


def bad(what: str, where: str, do: str) -> Finding:
    """A finding of something that does not work."""
    return Finding(Level.BAD, what, where, do)


def warn(what: str, where: str, do: str) -> Finding:
    """A finding of something that works, and will not always."""
    return Finding(Level.WARN, what, where, do)


def judged(good: str, findings: Iterable[Finding]) -> Judged:
    """`good` is what is said where nothing was found; else what was, in short."""
    found = tuple(findings)
    return Judged(short(found) if found else good, found)


def short(findings: tuple[Finding, ...]) -> str:
    """All findings in one line: the worst of them, and how many more there are."""
    worst = max(findings, key=lambda each: ORDER.index(each.level))
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{worst.where}: {worst.what}{more}" if worst.where else f"{worst.what}{more}"


def come_out(check: Check[Any], facts: Callable[[type[Any]], Any]) -> Outcome:
    """How `check` came out; `facts` gives those of a kind, or raises NotKnown or NotSetUp."""
    try:
        found = check.judge(facts(check.of))
    except NotKnown as why:
        return Outcome(check.id, Level.UNKNOWN, f"not checked: {why}")
    except NotSetUp as why:
        return Outcome(check.id, Level.OFF, str(why))
    return Outcome(check.id, found.level, found.says, found.findings)


def names(found: Iterable[str], most: int = 5) -> str:
    """Some names in a sentence: the first few, and how many more."""
    every = list(found)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def several(count: int, one: str, many: str | None = None) -> str:
    """'1 topic', '3 topics'."""
    return f"{count} {one if count == 1 else many or one + 's'}"
