"""Looking at Alertmanager (API v2) and at the webhook's name. Nothing is written, nobody is called."""

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import yaml

from andon.alertmanager import WATCHDOG
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.facts.door import Door, Trouble
from andon_alerting.doctor.facts.records import AlertmanagerClock
from andon_alerting.doctor.facts.world import Alertmanager, AlertmanagerDoor, Webhook
from andon_alerting.doctor.finding import NotKnown, NotSetUp
from andon_alerting.doctor.looks.door import address_of, knock, resolve
from andon_alerting.settings import AlertmanagerSettings, WebhookSettings

PORTS = {"http": 80, "https": 443}


def client(settings: AlertmanagerSettings) -> httpx.Client:
    """A client as alerting's own."""
    headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
    return httpx.Client(base_url=f"{settings.url}/api/v2", headers=headers, timeout=settings.timeout_s)


def door(settings: AlertmanagerSettings) -> AlertmanagerDoor:
    """Whether it answers, and if not, why. Raises NotSetUp."""
    if not settings.url:
        raise NotSetUp("ANDON_ALERTMANAGER__URL is not set")
    knocked = knock(address_of(settings.url, PORTS))
    if knocked.trouble:
        return AlertmanagerDoor(knocked)
    try:
        with client(settings) as asked:
            return _answered(knocked, asked.get("/status"))
    except httpx.HTTPError as error:
        tls = "SSL" in str(error) or "CERTIFICATE" in str(error).upper()
        return AlertmanagerDoor(Door(knocked.address, Trouble.TLS if tls else Trouble.MUTE, str(error)[:200]))


def _answered(knocked: Door, answer: httpx.Response) -> AlertmanagerDoor:
    if answer.status_code in (401, 403):
        return AlertmanagerDoor(Door(knocked.address, Trouble.LOGIN, f"HTTP {answer.status_code}"))
    if not answer.is_success:
        return AlertmanagerDoor(Door(knocked.address, Trouble.MUTE, f"HTTP {answer.status_code}"))
    try:
        return AlertmanagerDoor(knocked, str(answer.json()["versionInfo"]["version"]))
    except (ValueError, LookupError, TypeError):
        return AlertmanagerDoor(Door(knocked.address, Trouble.MUTE, "what it says is not Alertmanager's API v2"))


def alertmanager(settings: AlertmanagerSettings, ask: Ask) -> Alertmanager:
    """What it says of itself."""
    if ask(AlertmanagerDoor).door.trouble:
        raise NotKnown("Alertmanager does not answer")
    with client(settings) as asked:
        status = _json(asked, "/status")
        alerts = _json(asked, "/alerts", filter=f'alertname="{WATCHDOG}"', inhibited="true", silenced="true")
        silences = _json(asked, "/silences")
        receivers = _json(asked, "/receivers")
    return Alertmanager(
        address=address_of(settings.url or "", PORTS),
        config=_tree(str(status.get("config", {}).get("original", ""))),
        cluster=str(status.get("cluster", {}).get("status", "")),
        receivers=tuple(str(each["name"]) for each in receivers),
        watchdog=any(each.get("labels", {}).get("alertname") == WATCHDOG for each in alerts),
        watchdog_wanted=settings.watchdog,
        silences=tuple(each for each in silences if each.get("status", {}).get("state") == "active"),
    )


def _json(asked: httpx.Client, path: str, **query: str) -> Any:
    try:
        answer = asked.get(path, params=query)
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        raise NotKnown(f"Alertmanager does not tell {path}: {type(error).__name__}") from None


def _tree(text: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def webhook(settings: WebhookSettings) -> Webhook:
    """Whether the name of its host resolves. Raises NotSetUp."""
    if not settings.url:
        raise NotSetUp("ANDON_WEBHOOK__URL is not set")
    return Webhook(resolve(address_of(settings.url, PORTS)))


def clock(settings: AlertmanagerSettings, ask: Ask) -> AlertmanagerClock:
    """How far its clock is ahead of ours, by the Date of an answer, which tells whole seconds."""
    if ask(AlertmanagerDoor).door.trouble:
        raise NotKnown("Alertmanager does not answer")
    with client(settings) as asked:
        before = time.time()
        date = asked.get("/status").headers.get("Date")
        after = time.time()
    if not date:
        raise NotKnown("its answers carry no Date")
    its = parsedate_to_datetime(date).timestamp() + 0.5  # it was between that second and the next
    return AlertmanagerClock("Alertmanager", its - (before + after) / 2, 0.5 + (after - before) / 2)
