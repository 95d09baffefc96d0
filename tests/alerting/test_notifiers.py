"""What goes over the wire to people, and which answers are worth another try."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from andon.line import Policy
from andon.records import IncidentEvent, Score
from andon_alerting.notifiers import Answer, Delivered, Refused, RetryAfter
from andon_alerting.notifiers.alertmanager import Alertmanager
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
        found += [event for each in decisions if (event := turned("weld-07", each))]
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
        "cause": "defect_surge",
        "severity": "critical",
        "incident": pages[0].incident.hex[:12],
    }
    assert alert["startsAt"] == "2026-03-02T14:00:02.000000Z"
    assert alert["endsAt"] == "2026-03-02T14:03:10.000000Z"
    assert alert["annotations"]["summary"] == "weld-07: 3 of the last 3 frames look defective."
    assert {"first_action", "since", "number", "where", "evidence", "bundle", "count"} <= set(alert["annotations"])


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
    assert (body["station"], body["kind"], body["ratio"]) == ("weld-07", "opened", 2.0)
    assert body["evidence"][0]["frame"] == {"topic": "camera.frames", "partition": 2, "offset": 1002}


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
        (httpx.Response(401), Refused("http_401", "")),
    ],
)
def test_an_answer_says_whether_a_retry_helps(
    answer: httpx.Response | Exception, judged: Answer, pages: list[Page]
) -> None:
    assert Webhook(HOOK, Wire(answer).client).send(pages[:1], NOW) == judged


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
