"""Pages through Prometheus Alertmanager, API v2: it groups, silences, routes and repeats.

Alertmanager forgets an alert at its `endsAt`, so an open incident is sent again and again with an end a little ahead;
should alerting die, the alert lapses by itself. Labels are the alert's identity and never change during an incident;
what changes stands in annotations. API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from andon.records import Cause
from andon.records.frame import rfc3339
from andon_alerting.notifiers import Answer, post
from andon_alerting.page import Page, evidence_line
from andon_alerting.settings import AlertmanagerSettings

WATCHDOG = {"alertname": "AndonWatchdog", "severity": "none", "service": "alerting"}
SAYS = {
    "summary": "Always firing: alerting and Alertmanager are at work.",
    "description": "Send it to a dead man's switch, which tells you when it stops coming.",
}
NAMES: dict[str, str] = {Cause.BUNDLE_REFUSED: "AndonBundleRefused"}
LINGER_S = 300.0  # a resolved alert is told for as long as Alertmanager's own resolve_timeout


class Alertmanager:
    """The notifier. Many alerts travel in one call. `beat_s` is how often it wants a sign of life."""

    name = "alertmanager"
    batch = 64
    linger_s = LINGER_S

    def __init__(self, settings: AlertmanagerSettings, client: httpx.Client | None = None) -> None:
        self.resend_s: float | None = settings.resend_s
        self.beat_s = settings.resend_s / 3
        self._lasts_s = 3 * settings.resend_s
        self._url = f"{settings.url}/api/v2/alerts"
        self._headers = {"Content-Type": "application/json"}
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
        self._client = client or httpx.Client(timeout=settings.timeout_s)

    def send(self, pages: Sequence[Page], now: datetime) -> Answer:
        """All of them in one POST."""
        return self._post([alert(page, now, self._lasts_s) for page in pages], now)

    def show_life(self, now: datetime) -> Answer:
        """The watchdog, for three times `beat_s`. All replicas send the same one."""
        ends = now + timedelta(seconds=3 * self.beat_s)
        return self._post([{"labels": WATCHDOG, "annotations": SAYS, "endsAt": rfc3339(ends)}], now)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _post(self, alerts: Sequence[dict[str, Any]], now: datetime) -> Answer:
        return post(self._client, self._url, json.dumps(alerts).encode(), self._headers, now)


def alert(page: Page, now: datetime, lasts_s: float) -> dict[str, Any]:
    """One alert as the API wants it. While open it ends `lasts_s` from now; once over, when it was over.

    News, too, end by themselves: after the last telling.
    """
    ends = max(page.at, page.since) if page.kind == "resolved" else now + timedelta(seconds=lasts_s)
    return {
        "labels": _labels(page),
        "annotations": _annotations(page),
        "startsAt": rfc3339(page.since),
        "endsAt": rfc3339(ends),
    }


def _labels(page: Page) -> dict[str, str]:
    """The alert's identity, from what never changes during an incident. An absent label is an empty one; `place` is
    what alerts are grouped by."""
    name = "AndonNotice" if page.kind == "notice" else NAMES.get(page.cause, "AndonIncident")
    labels = {
        "alertname": name,
        "site": page.site,
        "area": page.area,
        "line": page.line,
        "station": page.station,
        "place": page.line or page.station,
        "cause": page.cause.value,
        "severity": page.severity.value,
        "route": page.route,
        "product": page.product if name != "AndonIncident" else None,
        "drill": "true" if page.drill else None,
        "incident": page.incident.hex[:12],
    }
    return {label: value for label, value in labels.items() if value}


def _annotations(page: Page) -> dict[str, str]:
    said: dict[str, str | None] = {
        "summary": page.what,
        "description": page.description,
        "first_action": page.first_action,
        "consequence": page.consequence,
        "since": rfc3339(page.since),
        "number": page.number_line,
        "where": page.where,
        "count": str(page.count) if page.count else None,
        "stations": ", ".join(page.stations),
        "changed": page.changed,
        "drift": page.drift,
        "odds": page.odds,
        "product": page.product,
        "evidence": "\n".join(evidence_line(each) for each in page.evidence),
        "bundle": page.bundle and page.bundle[:12],
        "incident_id": str(page.incident),
        "trace_id": page.trace_id,
        "acknowledged_by": page.acknowledged_by,
        "resolved_by": page.resolved_by,
        **{f"{name}_url": url for name, url in page.links.items()},
    }
    return {name: text for name, text in said.items() if text}
