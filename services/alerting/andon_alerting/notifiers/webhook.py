"""Pages as signed JSON to any address.

`Andon-Signature: t=<unix seconds>,v1=<hex>`, where hex is HMAC-SHA256 under the shared key of `<t>.<body>`: a receiver
computes the same, compares in constant time, and refuses a `t` that is minutes old. What comes within the group
interval travels in one call; each page keeps its id, and `Idempotency-Key` is the same whenever the same pages are sent
again. Redirects are not followed: a page goes where it was told to, or nowhere.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

import httpx

from andon.run import andon_version
from andon_alerting.notifiers import Answer, post
from andon_alerting.page import Page
from andon_alerting.pages import call_key, together
from andon_alerting.settings import WebhookSettings


class Webhook:
    """The notifier. Pages of one group a call; a hundred with all their evidence stay below a MiB."""

    name = "webhook"
    batch = 100
    resend_s: float | None = None
    linger_s = 0.0

    def __init__(self, settings: WebhookSettings, client: httpx.Client | None = None) -> None:
        self._url = settings.url or ""
        self._key = (settings.key.get_secret_value() if settings.key else "").encode()
        self._client = client or httpx.Client(timeout=settings.timeout_s, follow_redirects=False)
        self._agent = f"andon/{andon_version()}"

    def send(self, pages: Sequence[Page], now: datetime) -> Answer:
        """All of them in one POST."""
        body = together(pages).model_dump_json(exclude_none=True).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            "Idempotency-Key": call_key(pages),
            "Andon-Signature": signature(self._key, int(now.timestamp()), body),
        }
        return post(self._client, self._url, body, headers, now)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


def signature(key: bytes, at: int, body: bytes) -> str:
    """The value of Andon-Signature for `body` sent at Unix second `at`."""
    digest = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
