"""The same silence in Alertmanager, so that what it was told before is quiet there, too.

API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. Ours are known by their matchers, which
nobody writes by hand; silences that people made in Alertmanager itself are left alone.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator

from andon.errors import Broken
from andon.records import Silence
from andon.records.assignment import EVERY
from andon.records.frame import rfc3339
from andon.settings import Group, Positive

if TYPE_CHECKING:
    import httpx

ALERTS = "Andon.+"
WATCHDOG = "AndonWatchdog"
LIVE = ("active", "pending")


class AlertmanagerSettings(Group):
    """Where Prometheus Alertmanager (API v2) answers. Alerting knows more of it, and may share an environment with
    whoever knows only this."""

    model_config = ConfigDict(extra="ignore")

    url: str | None = Field(None, description="where Alertmanager answers, such as http://alertmanager:9093; none: off")
    token: SecretStr | None = Field(None, description="bearer token, where it asks for one")
    timeout_s: Positive = Field(5.0, description="how long one call may take")

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return value and http_url(value)


def http_url(text: str) -> str:
    """`text` without slashes at its end. Raises ValueError where it is no http:// or https:// address."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http:// or https:// address")
    return text.rstrip("/")


class Silences:
    """Alertmanager's silences. Every call raises Broken, in a sentence that never holds its address."""

    def __init__(self, settings: AlertmanagerSettings, client: "httpx.Client | None" = None) -> None:
        import httpx

        self._url = f"{settings.url}/api/v2"
        token = settings.token.get_secret_value() if settings.token else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = client or httpx.Client(timeout=settings.timeout_s, headers=headers)

    def keep(self, silence: Silence) -> str:
        """Writes it, over the one that is there for the same target; answers its id."""
        there = self._of(silence.target)
        body = silence_body(silence) | ({"id": there[0]} if there else {})
        answer = self._call("POST", "/silences", json=body)
        return str(answer.json().get("silenceID", ""))

    def end(self, target: str) -> int:
        """Ends ours of this target; answers how many there were."""
        there = self._of(target)
        for each in there:
            self._call("DELETE", f"/silence/{each}")
        return len(there)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _of(self, target: str) -> list[str]:
        wanted = _comparable(matchers(target))
        found = self._call("GET", "/silences").json()
        return [
            str(each["id"])
            for each in found
            if each.get("status", {}).get("state") in LIVE and _comparable(each.get("matchers", ())) == wanted
        ]

    def _call(self, method: str, path: str, **sent: Any) -> "httpx.Response":
        import httpx

        try:
            answer = self._client.request(method, f"{self._url}{path}", **sent)
        except httpx.TimeoutException:
            raise Broken("Alertmanager did not answer in time") from None
        except httpx.TransportError as error:
            raise Broken(f"Alertmanager cannot be reached ({type(error).__name__})") from None
        if not answer.is_success:
            raise Broken(f"Alertmanager refused it: {answer.status_code} {answer.text.strip()[:200]}")
        return answer


def silence_body(silence: Silence) -> dict[str, Any]:
    """The silence as the API wants it."""
    return {
        "matchers": matchers(silence.target),
        "startsAt": rfc3339(silence.since),
        "endsAt": rfc3339(silence.until),
        "createdBy": silence.by or "andon",
        "comment": silence.why or "no reason was given",
    }


def matchers(target: str) -> list[dict[str, Any]]:
    """What of Alertmanager's alerts it keeps quiet: Andon's of one station, or all of Andon's but the watchdog."""
    ours = _matcher("alertname", ALERTS, is_regex=True)
    if target == EVERY:
        return [ours, _matcher("alertname", WATCHDOG, is_equal=False)]
    return [ours, _matcher("station", target)]


def _matcher(name: str, value: str, *, is_regex: bool = False, is_equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal}


def _comparable(found: Any) -> set[tuple[str, str, bool, bool]]:
    return {(each["name"], each["value"], bool(each["isRegex"]), bool(each.get("isEqual", True))) for each in found}
