"""What every answer says to the browser: no script but ours, no frame around it, no guessing, no referrer."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
IMAGE_POLICY = "sandbox; default-src 'none'"
"""For images that cameras and people sent: opened by themselves, they can do nothing."""

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeaders:
    """Adds them to every answer; one that has a policy of its own keeps it. Pages are not kept by caches."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self._app = app
        self._always = (*ALWAYS, HSTS) if https else ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._missing(message["headers"])]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)

    def _missing(self, there: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in there}
        wanted = (*self._always, (b"content-security-policy", POLICY.encode()), (b"cache-control", b"no-store"))
        return [each for each in wanted if each[0] not in names]
