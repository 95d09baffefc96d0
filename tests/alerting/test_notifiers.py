"""What goes over the wire to people, and which answers are worth another try."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from andon.line import Plan, Policy
from andon.records import IncidentEvent, Score
from andon_alerting.notifiers import Answer, Delivered, Refused, RetryAfter
from andon_alerting.notifiers.alertmanager import Alertmanager, alert
from andon_alerting.notifiers.watchdog import Watchdog
from andon_alerting.notifiers.webhook import Webhook
from andon_alerting.page import Page, page
from andon_alerting.policy import State, decide
from andon_alerting.settings import AlertmanagerSettings, WebhookSettings
from andon_alerting.story import turned

NOW = datetime(2026, 3, 2, 14, 0, 10, tzinfo=UTC)
HOOK = WebhookSettings(url="https://hooks.factory/andon", key=SecretStr("s3cret"))
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def pages(score: Callable[..., Score]) -> list[Page]:
    state, found = State("weld-07"), list[IncidentEvent]()
    for seq, letter in enumerate("aaa" + "o" * 10):
        state, decisions = decide(state, score(letter, seq), Policy())
        found += [event for each in decisions if (event := turned(Plan("weld-07"), each))]
    return [page(each) for each in found]


class Wire:
    """Keeps what was sent; answers as told."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.sent: list[httpx.Request] = []
        self._answers = list(answers) or [httpx.Response(200)]

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_an_open_incident_is_an_alert_that_lapses_unless_sent_again(pages: list[Page]) -> None:
    wire = Wire()
    alertmanager = Alertmanager(AlertmanagerSettings(url="http://am:9093/", resend_s=60), wire.client)
    assert alertmanager.send(pages[:1], NOW) == Delivered()
    assert str(wire.sent[0].url) == "http://am:9093/api/v2/alerts"
    (alert,) = json.loads(wire.sent[0].content)
    assert alert["labels"] == {
        "alertname": "AndonIncident",
        "station": "weld-07",
        "place": "weld-07",
        "cause": "defect_surge",
        "severity": "critical",
        "incident": pages[0].incident.hex[:12],
    }
    assert alert["startsAt"] == "2026-03-02T14:00:02.000000Z"
    assert alert["endsAt"] == "2026-03-02T14:03:10.000000Z"
    assert alert["annotations"]["summary"] == "weld-07: 3 of the last 3 frames look defective."
    assert {"first_action", "since", "number", "where", "evidence", "bundle", "count"} <= set(alert["annotations"])


def test_what_tells_whom_to_call_is_a_label_and_what_changes_is_not(pages: list[Page]) -> None:
    whose = {"site": "north", "area": "body", "line": "press-shop", "route": "night", "drill": True}
    links = {"incident": "https://c/i", "runbook": "https://r"}
    said = {"changed": "12 min before: bundle b replaced a.", "links": links, "stations": ("weld-07", "weld-08")}
    told = alert(pages[0].model_copy(update=whose | said), NOW, 180)
    assert {name: told["labels"][name] for name in whose} == whose | {"drill": "true"}
    assert told["labels"]["place"] == "press-shop"
    annotations = told["annotations"]
    assert (annotations["changed"], annotations["stations"]) == (said["changed"], "weld-07, weld-08")
    assert (annotations["incident_url"], annotations["runbook_url"]) == ("https://c/i", "https://r")
    assert "drill" not in alert(pages[0], NOW, 180)["labels"]


def test_the_watchdog_is_the_same_alert_from_every_replica_and_lapses_after_a_resend() -> None:
    wire = Wire()
    alertmanager = Alertmanager(AlertmanagerSettings(url="http://am:9093", resend_s=60), wire.client)
    assert (alertmanager.show_life(NOW), alertmanager.beat_s) == (Delivered(), 20)
    (watchdog,) = json.loads(wire.sent[0].content)
    assert watchdog["labels"] == {"alertname": "AndonWatchdog", "severity": "none", "service": "alerting"}
    assert watchdog["endsAt"] == "2026-03-02T14:01:10.000000Z"
    assert "startsAt" not in watchdog


class Turns:
    """An outbox that says whether the beat is ours."""

    def __init__(self, ours: bool) -> None:
        self.ours = ours

    def beat(self, now_s: float, every_s: float) -> bool:
        return self.ours


@pytest.mark.parametrize(("alive", "ours", "sent"), [(True, True, 1), (False, True, 0), (True, False, 0)])
def test_the_watchdog_is_silent_when_alerting_is_stuck_or_another_replica_has_sent_it(
    alive: bool, ours: bool, sent: int
) -> None:
    wire = Wire()
    alertmanager = Alertmanager(AlertmanagerSettings(url="http://am:9093"), wire.client)
    Watchdog(alertmanager, Turns(ours), lambda: alive)(NOW)  # type: ignore[arg-type]
    assert len(wire.sent) == sent


def test_a_watchdog_that_does_not_arrive_stops_nothing() -> None:
    alertmanager = Alertmanager(AlertmanagerSettings(url="http://am"), Wire(httpx.ConnectError("away")).client)
    Watchdog(alertmanager, Turns(True), lambda: True)(NOW)  # type: ignore[arg-type]


def test_a_resolved_incident_is_the_same_alert_with_its_end(pages: list[Page]) -> None:
    wire = Wire()
    Alertmanager(AlertmanagerSettings(url="http://am:9093"), wire.client).send(pages, NOW)
    opened, resolved = json.loads(wire.sent[0].content)
    assert opened["labels"] == resolved["labels"]
    assert resolved["endsAt"] == "2026-03-02T14:00:12.000000Z"


def test_a_webhook_can_be_verified_and_recognised_again(pages: list[Page]) -> None:
    wire = Wire()
    Webhook(HOOK, wire.client).send(pages[:1], NOW)
    (request,) = wire.sent
    stamp = int(NOW.timestamp())
    wanted = hmac.new(b"s3cret", f"{stamp}.".encode() + request.content, hashlib.sha256).hexdigest()
    assert request.headers["Andon-Signature"] == f"t={stamp},v1={wanted}"
    assert request.headers["Idempotency-Key"] == f"{pages[0].incident}/opened"
    body = json.loads(request.content)
    assert (body["type"], body["count"]) == ("andon.pages.v1", 1)
    (told,) = body["pages"]
    assert (told["station"], told["kind"], told["ratio"]) == ("weld-07", "opened", 2.0)
    assert told["evidence"][0]["frame"] == {"topic": "camera.frames", "partition": 2, "offset": 1002}


def test_pages_that_travel_together_keep_their_ids_and_share_a_key_that_their_order_does_not_change(
    pages: list[Page],
) -> None:
    wire = Wire(*[httpx.Response(200)] * 3)
    webhook = Webhook(HOOK, wire.client)
    for batch in (pages, pages[::-1], pages[:1]):
        webhook.send(batch, NOW)
    one, again, lone = wire.sent
    assert [each["id"] for each in json.loads(one.content)["pages"]] == [each.id for each in pages]
    assert json.loads(one.content)["count"] == 2
    assert one.headers["Idempotency-Key"] == again.headers["Idempotency-Key"] != lone.headers["Idempotency-Key"]
    assert len(one.headers["Idempotency-Key"]) < 64


@pytest.mark.parametrize(
    ("answer", "judged"),
    [
        (httpx.Response(200), Delivered()),
        (httpx.Response(202), Delivered()),
        (httpx.Response(429, headers={"Retry-After": "17"}), RetryAfter(17.0, "http_429")),
        (httpx.Response(429, headers={"Retry-After": "Mon, 02 Mar 2026 14:00:40 GMT"}), RetryAfter(30.0, "http_429")),
        (httpx.Response(503, headers={"Retry-After": "soon"}), RetryAfter(None, "http_503")),
        (httpx.Response(429, headers={"Retry-After": "999999999999"}), RetryAfter(3600.0, "http_429")),
        (httpx.Response(500), RetryAfter(None, "http_500")),
        (httpx.Response(408), RetryAfter(None, "http_408")),
        (httpx.ReadTimeout("slow"), RetryAfter(None, "timeout")),
        (httpx.ConnectError("no route"), RetryAfter(None, "unreachable")),
        (httpx.Response(400, text="bad label"), Refused("http_400", "bad label")),
        (httpx.Response(401), RetryAfter(None, "http_401")),
        (httpx.Response(403), RetryAfter(None, "http_403")),
        (httpx.Response(404), RetryAfter(None, "http_404")),
        (httpx.Response(413), Refused("http_413", "")),
    ],
)
def test_an_answer_says_whether_a_retry_helps(
    answer: httpx.Response | Exception, judged: Answer, pages: list[Page]
) -> None:
    assert Webhook(HOOK, Wire(answer).client).send(pages[:1], NOW) == judged


def test_the_check_that_the_docs_give_a_receiver_takes_our_calls_and_no_others(pages: list[Page]) -> None:
    page = Path(__file__).parents[2] / "docs" / "pages.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    receiver: dict[str, Any] = {}
    exec(example, receiver)  # noqa: S102  our own page
    wire = Wire()
    Webhook(HOOK, wire.client).send(pages[:1], NOW)
    (request,) = wire.sent
    told, body, sent = request.headers["Andon-Signature"], request.content, NOW.timestamp()
    is_from_andon = receiver["is_from_andon"]
    assert is_from_andon(b"s3cret", told, body, sent + 10)
    assert not is_from_andon(b"another", told, body, sent + 10)
    assert not is_from_andon(b"s3cret", told, body + b" ", sent + 10)
    assert not is_from_andon(b"s3cret", told, body, sent + 900)
    assert not is_from_andon(b"s3cret", "nonsense", body, sent)


def test_a_redirect_is_not_followed(pages: list[Page]) -> None:
    wire = Wire(httpx.Response(307, headers={"Location": "http://169.254.169.254/"}))
    assert Webhook(HOOK, wire.client).send(pages[:1], NOW) == Refused("http_307", "")
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "https://hooks.factory/a"}, "set its key too"),
        ({"url": "http://hooks.factory/a", "key": "k"}, "must be https"),
        ({"url": "http://127.0.0.1:9/a", "key": "k", "plain_http": "never"}, "must be https"),
        ({"url": "ftp://hooks.factory/a", "key": "k"}, "not an http"),
    ],
)
def test_an_unsafe_webhook_is_refused_without_showing_its_key(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as error:
        WebhookSettings.model_validate(given)
    assert "hooks.factory" not in str(error.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/a", "http://localhost:8000/a", "http://[::1]:8000/a"])
def test_plain_http_is_accepted_on_this_machine(url: str) -> None:
    assert WebhookSettings(url=url, key=SecretStr("k")).url == url


def test_an_open_alert_never_ends_in_the_past(pages: list[Page]) -> None:
    wire = Wire()
    late = NOW + timedelta(days=2)
    Alertmanager(AlertmanagerSettings(url="http://am"), wire.client).send(pages[:1], late)
    assert json.loads(wire.sent[0].content)[0]["endsAt"] > late.isoformat()
