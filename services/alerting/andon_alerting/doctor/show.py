"""Telling what was found: a line a check, then each finding with what to do; or JSON. Secrets are never shown."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr
from rich.console import Console

from andon.records.frame import rfc3339
from andon_alerting.doctor.finding import Finding, Level, Outcome, several

SCHEMA_VERSION = 1
HIDDEN = "***"
STYLE = {Level.OK: "green", Level.OFF: "dim", Level.WARN: "yellow", Level.BAD: "red", Level.UNKNOWN: "magenta"}
IN_URL = re.compile(r"(?<=://)[^/\s@]+@")


class Discretion:
    """Takes secrets out of texts: those that settings hold, and whatever stands before the @ of a URL."""

    def __init__(self, settings: BaseModel) -> None:
        self._secrets = sorted(set(_secrets(settings)), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without them."""
        for each in self._secrets:
            text = text.replace(each, HIDDEN)
        return IN_URL.sub(f"{HIDDEN}@", text)

    def outcome(self, found: Outcome) -> Outcome:
        """All of an outcome without them."""
        findings = tuple(
            Finding(each.level, self(each.what), self(each.where), self(each.do)) for each in found.findings
        )
        return Outcome(found.id, found.level, self(found.says), findings)


def _secrets(model: BaseModel) -> Iterator[str]:
    for value in (getattr(model, name) for name in type(model).model_fields):
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        elif isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()
        elif isinstance(value, str) and "@" in value and (password := urlsplit(value).password):
            yield password


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """For people."""
    widest = max((len(each.id) for each in outcomes), default=0)
    for each in outcomes:
        mark = "?" if each.level is Level.UNKNOWN else "-" if each.level is Level.OFF else each.level.value
        console.print(f"{mark:<5}", style=STYLE[each.level], end="")
        console.print(f"{each.id:<{widest}}  {each.says}", markup=False, soft_wrap=True)
    for level in (Level.BAD, Level.WARN):
        for (name, do), findings in groupby(_findings(outcomes, level), key=lambda each: (each[0], each[1].do)):
            console.print()
            for _, finding in findings:
                console.print(f"{level.value:<5}", style=STYLE[level], end="")
                console.print(f"{name}  {finding.where}: {finding.what}", markup=False, soft_wrap=True)
            console.print(f"     do: {do}", markup=False, soft_wrap=True)
    console.print()
    console.print(summary(outcomes), markup=False, soft_wrap=True)


def _findings(outcomes: Iterable[Outcome], level: Level) -> Iterator[tuple[str, Finding]]:
    return ((each.id, finding) for each in outcomes for finding in each.findings if finding.level is level)


def summary(outcomes: Sequence[Outcome]) -> str:
    """All in one sentence."""
    count = Counter(each.level for each in outcomes)
    said = [f"{count[level]} {level.value}" for level in (Level.BAD, Level.WARN, Level.UNKNOWN) if count[level]]
    return f"{several(len(outcomes), 'check')}: {', '.join(said) or 'nothing is wrong'}"


def record(outcomes: Sequence[Outcome], at: datetime) -> dict[str, Any]:
    """For machines. Fields are only ever added within a schema version; ids stay."""
    count = Counter(each.level for each in outcomes)
    return {
        "schema_version": SCHEMA_VERSION,
        "at": rfc3339(at),
        "counts": {level.value.replace(" ", "_"): count[level] for level in Level},
        "checks": [_check(each) for each in outcomes],
    }


def _check(outcome: Outcome) -> dict[str, Any]:
    found = [
        {"level": each.level.value, "what": each.what, "where": each.where, "do": each.do} for each in outcome.findings
    ]
    area, _, _ = outcome.id.partition(".")
    state = outcome.level.value.replace(" ", "_")
    return {"id": outcome.id, "area": area, "state": state, "says": outcome.says, "findings": found}
