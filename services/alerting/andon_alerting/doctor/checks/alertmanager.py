"""Alertmanager and the webhook: the ways to people."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from andon.alertmanager import WATCHDOG
from andon_alerting.doctor.checks.kafka import mend
from andon_alerting.doctor.facts.door import Trouble
from andon_alerting.doctor.facts.world import Alertmanager, AlertmanagerDoor, Webhook
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, names, several, warn

MEND: Mapping[Trouble, str] = {
    Trouble.NAME: "getent hosts {host}   # then mend DNS, or export ANDON_ALERTMANAGER__URL=http://HOST:9093",
    Trouble.REFUSED: "is Alertmanager running, and on that port? curl -sS http://{address}/-/ready",
    Trouble.SILENT: "curl -sS -m 5 http://{address}/-/ready   # then look at firewalls between here and there",
    Trouble.UNREACHABLE: "curl -sS -m 5 http://{address}/-/ready",
    Trouble.TLS: "curl -sSv https://{address}/-/ready   # is its certificate one that this machine trusts?",
    Trouble.SPEAKS_TLS: "export ANDON_ALERTMANAGER__URL=https://{address}",
    Trouble.LOGIN: "set ANDON_ALERTMANAGER__TOKEN to one that it takes",
    Trouble.MUTE: "curl -sS http://{address}/api/v2/status   # is ANDON_ALERTMANAGER__URL the root of Alertmanager?",
}
MEND_WEBHOOK = "getent hosts {host}   # then mend DNS, or ANDON_WEBHOOK__URL"
PAGES = tuple(
    {"alertname": name, "severity": severity, "service": "alerting"}
    for name in ("AndonIncident", "AndonBundleRefused")
    for severity in ("critical", "warning")
)
"""What every page has in common. A silence that needs no more than this to match hides all of its kind."""

NO_PEOPLE = ("watchdog", "drill")
"""How receivers begin that call nobody, as deploy/alertmanager has them."""


def answers(facts: AlertmanagerDoor) -> Judged:
    """Whether it answers."""
    door = facts.door
    found = [bad(door.words, door.address, mend(door, MEND))] if door.trouble else []
    return judged(f"{door.address} answers, version {facts.version}", found)


def receivers(facts: Alertmanager) -> Judged:
    """Whether what reaches Alertmanager reaches anybody."""
    return judged(f"configuration loaded, receivers: {names(facts.receivers)}", _receivers(facts))


def _receivers(facts: Alertmanager) -> Iterator[Finding]:
    look = "edit alertmanager.yml, then: amtool check-config alertmanager.yml"
    route, tells = facts.config.get("route"), _telling(facts.config)
    if not isinstance(route, Mapping):
        yield bad("it has loaded no configuration with a route", facts.address, look)
        return
    routed = set(_routed(route))
    to = {name for name in routed if not name.startswith(NO_PEOPLE)}
    missing = sorted(routed - set(facts.receivers))
    if missing:
        yield bad("a route leads to a receiver that it does not have", names(missing), look)
    if not to & tells:
        what = "no receiver of pages has an integration: they stay in Alertmanager's own view, and nobody is called"
        yield warn(what, names(sorted(to)), "give it one (deploy/alertmanager/alertmanager.yml has examples); " + look)


def _telling(config: Mapping[str, Any]) -> set[str]:
    """The receivers that have an integration: a webhook, mail, a pager."""
    listed = config.get("receivers") or ()
    return {str(each["name"]) for each in listed if any(name.endswith("_configs") and each[name] for name in each)}


def _routed(route: Mapping[str, Any]) -> Iterator[str]:
    if route.get("receiver"):
        yield str(route["receiver"])
    for each in route.get("routes") or ():
        yield from _routed(each)


def watchdog(facts: Alertmanager) -> Judged:
    """The alert that always fires: alerting reaches Alertmanager."""
    if not facts.watchdog_wanted:
        return Judged("ANDON_ALERTMANAGER__WATCHDOG is off", off=True)
    what = f"{WATCHDOG} is not there: alerting does not run, does not reach Alertmanager, or Redis does not answer it"
    found = (
        []
        if facts.watchdog
        else [bad(what, facts.address, "andon alerting   # or look why it stopped: its last log line")]
    )
    return judged(f"{WATCHDOG} is there: alerting reaches it", found)


def silences(facts: Alertmanager) -> Judged:
    """A silence that names no station hides everything."""
    return judged(f"{several(len(facts.silences), 'silence')}, none hides everything", _silences(facts))


def _silences(facts: Alertmanager) -> Iterator[Finding]:
    for each in facts.silences:
        matchers = each.get("matchers") or ()
        if any(_matches(matchers, page) for page in PAGES):
            by, until, comment = (str(each.get(name, "?")) for name in ("createdBy", "endsAt", "comment"))
            what = f"this silence hides every page until {until}, set by {by}: {comment[:80]}"
            yield warn(what, str(each.get("id", "")), _end(facts, each))
        if _matches(matchers, {"alertname": WATCHDOG, "severity": "none", "service": "alerting"}):
            yield warn(
                "this silence hides the watchdog: the dead man's switch will call",
                str(each.get("id", "")),
                _end(facts, each),
            )


def _end(facts: Alertmanager, silence: Mapping[str, Any]) -> str:
    return f"amtool --alertmanager.url=http://{facts.address} silence expire {silence.get('id')}   # if it is not meant"


def _matches(matchers: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> bool:
    """As Alertmanager matches: an absent label is an empty one, a regular expression must fit the whole."""
    return bool(matchers) and all(_fits(each, labels.get(each["name"], "")) for each in matchers)


def _fits(matcher: Mapping[str, Any], value: str) -> bool:
    wanted = str(matcher["value"])
    try:
        same = re.fullmatch(wanted, value) is not None if matcher.get("isRegex") else value == wanted
    except re.error:  # Go's expressions know some that Python's do not
        return False
    return same is bool(matcher.get("isEqual", True))


def cluster(facts: Alertmanager) -> Judged:
    """Whether replicas of Alertmanager know each other, so that people are called once."""
    what = f"its replicas have not settled ({facts.cluster}): people may be called twice"
    do = f"curl -sS http://{facts.address}/api/v2/status   # are --cluster.peer and port 9094 right?"
    found = [] if facts.cluster in ("ready", "disabled") else [warn(what, facts.address, do)]
    return judged("one alone" if facts.cluster == "disabled" else "its replicas know each other", found)


def webhook(facts: Webhook) -> Judged:
    """Whether its name resolves. It is not called: a call would be a page."""
    door = facts.door
    host = door.address.rpartition(":")[0]
    found = [bad(door.words, door.address, MEND_WEBHOOK.format(host=host))] if door.trouble else []
    return judged(f"{host} resolves (it is not called)", found)


CHECKS = (
    Check("alertmanager.answers", "Does Alertmanager answer? Told apart as for Kafka.", AlertmanagerDoor, answers),
    Check(
        "alertmanager.receivers", "Is a configuration loaded, whose routes lead to receivers that tell somebody?",
        Alertmanager, receivers,
    ),
    Check("alertmanager.watchdog", "Is the watchdog there, so that alerting reaches it?", Alertmanager, watchdog),
    Check("alertmanager.silences", "Does a silence hide every page, or the watchdog?", Alertmanager, silences),
    Check("alertmanager.cluster", "Do its replicas know each other?", Alertmanager, cluster),
    Check("alertmanager.webhook", "Does the name of the webhook's host resolve?", Webhook, webhook),
)  # fmt: skip
