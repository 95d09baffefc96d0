"""By which names the console may be called.

A page elsewhere can point a name of its own at this machine (DNS rebinding): to the browser the console would then be
that site, free to read and to post. Such a request carries that name in its Host header, and is turned away.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from andon_console.settings import ConsoleGroup

MISDIRECTED = 421
TOLD = "This is no name of this console. Whoever runs it can say so: ANDON_CONSOLE__PUBLIC_URL, ANDON_CONSOLE__HOSTS\n"


class KnownHosts:
    """Answers 421 to a Host that is neither an address in numbers nor one of the console's names."""

    def __init__(self, app: ASGIApp, console: ConsoleGroup) -> None:
        self._app = app
        self._names = names_of(console)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of the app, or 421."""
        if scope["type"] != "http" or self._is_known(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(TOLD, MISDIRECTED)(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        name = hostname(host)
        return name is not None and (self._names is None or name in self._names or _is_address(name))


def names_of(console: ConsoleGroup) -> frozenset[str] | None:
    """The names it knows itself by, in lower case. None: any, where it is open to a network, nobody said by which name
    people come, and no proxy is believed: sessions are then bound to the name they began with."""
    said = {each.lower() for each in console.known_hosts}
    if not said and not console.is_local and not console.proxy.trusted:
        return None
    return frozenset({*said, "localhost", console.host.lower(), socket.gethostname().lower()})


def hostname(host: str) -> str | None:
    """What stands before the port, in lower case and without the brackets of IPv6; None where it is no Host at all."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    is_plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.hostname if is_plain else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
