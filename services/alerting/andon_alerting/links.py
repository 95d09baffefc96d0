"""Where to look: the links on a page, made from templates that are checked before anything starts."""

from datetime import timedelta
from string import Formatter
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator

from andon.records import Cause, IncidentEvent
from andon.settings import Group

FIELDS = ("incident", "station", "cause", "line", "from_ms", "to_ms")
AROUND = timedelta(minutes=15)  # what a dashboard shows before an incident began, and after the page
HINT = "; it may hold {incident} {station} {cause} {line} {from_ms} {to_ms}"


class LinkSettings(Group):
    """Where a page sends people. Templates of URLs: {incident} {station} {cause} {line} {from_ms} {to_ms}."""

    console: str | None = Field(
        None,
        description="page of an incident, such as https://andon.factory/incidents/{incident}; none: no link" + HINT,
    )
    dashboard: str | None = Field(
        None,
        description="dashboard of a station at that time, such as "
        "https://grafana.factory/d/andon-station?var-station={station}&from={from_ms}&to={to_ms}; none: no link",
    )
    runbooks: str | None = Field(
        None,
        description="what to do about a cause: wherever you publish docs/runbooks, such as "
        "https://wiki.factory/andon/{cause}; of a drift, #focus and the like go behind it; none: no link",
    )

    @field_validator("console", "dashboard", "runbooks")
    @classmethod
    def _can_be_filled(cls, value: str | None) -> str | None:
        if value is not None:
            check(value)
        return value

    def of(self, event: IncidentEvent) -> dict[str, str]:
        """The links of a page about `event`, by name."""
        templates = {"incident": self.console, "dashboard": self.dashboard, "runbook": self.runbooks}
        fields = _fields(event)
        links = {name: template.format(**fields) for name, template in templates.items() if template}
        if event.drift and event.cause is Cause.DRIFT and "#" not in links.get("runbook", "#"):
            links["runbook"] += f"#{event.drift.named}"  # its section says what to do about what drifted
        return links


NO_LINKS = LinkSettings()


def check(template: str) -> None:
    """Raises ValueError where `template` is no URL that can be filled in, or would show a password to everybody."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{error}; write {{{{ and }}}} for braces of its own{HINT}") from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in FIELDS or form or conversion):
            raise ValueError(f"{{{name}}} is nothing that an incident has{HINT}")
    url = urlsplit(template.format(**dict.fromkeys(FIELDS, "x")))
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("not an http:// or https:// address")
    if url.username or url.password:
        raise ValueError("everybody sees the links of a page; take the user and the password out of it")


def _fields(event: IncidentEvent) -> dict[str, str]:
    begin, end = event.opened_at - AROUND, max(event.at, event.opened_at) + AROUND
    said = {
        "incident": str(event.incident_id),
        "station": event.station,
        "cause": event.cause.value,
        "line": event.line,
        "from_ms": str(round(begin.timestamp() * 1000)),
        "to_ms": str(round(end.timestamp() * 1000)),
    }
    return {name: quote(text, safe="") for name, text in said.items()}
