"""Ways to tell people, one file each. A notifier only says whether trying again helps; the pager knows when and how."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

import httpx

from andon_alerting.page import Page


@dataclass(frozen=True, slots=True)
class Delivered:
    """The sink has it."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Trying again may help, after `seconds` where the sink said so. `reason` is one of few, for a metric."""

    seconds: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Trying the same again cannot help."""

    reason: str
    detail: str = ""


Answer = Delivered | RetryAfter | Refused

PASSING = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
)


class Notifier(Protocol):
    """One way to tell people.

    `batch` is how many pages fit one call. `resend_s`, where not None, says that the sink forgets what is not
    told again: an open incident is then sent again so often, and a resolved one for `linger_s` more.
    """

    name: str
    batch: int
    resend_s: float | None
    linger_s: float

    def send(self, pages: Sequence[Page], now: datetime) -> Answer:
        """Tells them all in one call; never raises for what the network or the sink does."""

    def close(self) -> None:
        """Gives back its connections."""


def post(client: httpx.Client, url: str, body: bytes, headers: dict[str, str], now: datetime) -> Answer:
    """One POST, judged. The answer never holds the address, which may hold a secret."""
    try:
        return judge(client.post(url, content=body, headers=headers), now)
    except httpx.TimeoutException:
        return RetryAfter(None, "timeout")
    except httpx.TransportError:
        return RetryAfter(None, "unreachable")


def judge(response: httpx.Response, now: datetime) -> Answer:
    """Whether trying again helps: after 408, 429 and 5xx it may, and where somebody first has to mend a key or an
    address (401, 403, 404); after any other 3xx and 4xx it cannot."""
    status = response.status_code
    if response.is_success:
        return Delivered()
    reason = f"http_{status}"
    if status in PASSING or status >= 500:
        return RetryAfter(_seconds(response.headers.get("Retry-After"), now), reason)
    return Refused(reason, response.text[:200])


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Retry-After in seconds, from either of its forms (RFC 9110, 10.2.3); at most an hour."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), 3600.0)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), 3600.0)
