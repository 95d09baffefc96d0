"""The door: who comes in, by the headers of a proxy that is believed or by a signed session, and that they meant it.

A session is a signed cookie with the person's name and a number of its own. It is `HttpOnly` and `SameSite=Strict`, and
holds only as long as the roster still knows the person with the same token, and nobody signed out. Whatever changes
something carries a proof too: a keyed hash of the session, in a form field or a header, that other sites cannot know
and other people's sessions do not share; and it comes from our own pages, as browsers say with Origin and
Sec-Fetch-Site. The proof is another one on every page, so that compressed pages tell nothing of it (BREACH).
"""

import hmac
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from andon_console.safe.ended import Ended
from andon_console.safe.people import Person, Role
from andon_console.safe.roster import Entry, Roster
from andon_console.settings import ConsoleGroup, ProxySettings, listed

COOKIE = "andon_session"
PROOF_HEADER = "X-Andon-Proof"
PROOF_FIELD = "proof"
_DIGITS = 16


class Door:
    """Knows people by what their requests carry."""

    def __init__(self, settings: ConsoleGroup, roster: Roster) -> None:
        given = settings.session_key.get_secret_value() if settings.session_key else secrets.token_hex(32)
        self._key = given.encode()
        self._sealed = URLSafeTimedSerializer(given, salt="andon-session", signer_kwargs={"digest_method": sha256})
        self._settings = settings
        self._roster = roster
        self._lasts_s = round(settings.session_h * 3600)
        self._ended = Ended(self._lasts_s)
        # by https no other site of the same domain, and nothing by plain http, can put a cookie of this name here
        self.cookie = f"__Host-{COOKIE}" if settings.is_https else COOKIE

    def who(self, request: Request) -> Person | None:
        """Who sent it; None for nobody known."""
        address = self.address(request)
        return self._by_proxy(request, address) or self._by_session(request, address)

    def let_in(self, answer: Response, entry: Entry) -> None:
        """Gives a session to somebody who has just shown their token."""
        answer.set_cookie(
            self.cookie,
            self.session_of(entry),
            max_age=self._lasts_s,
            httponly=True,
            samesite="strict",
            secure=self._settings.is_https,
        )

    def let_out(self, answer: Response, person: Person) -> None:
        """Ends their session, here and in their browser."""
        self._ended.end(person.session)
        answer.delete_cookie(self.cookie, httponly=True, samesite="strict", secure=self._settings.is_https)

    def session_of(self, entry: Entry) -> str:
        """The cookie's value."""
        said = {"n": entry.name, "t": entry.token_sha256[:_DIGITS], "s": secrets.token_hex(16)}
        return str(self._sealed.dumps(said))

    def proof(self, person: Person) -> str:
        """What their forms carry."""
        return self._proof(secrets.token_hex(8), person)

    def is_proof(self, person: Person, given: str) -> bool:
        """Whether it is theirs."""
        return hmac.compare_digest(self._proof(given.partition("-")[0], person).encode(), given.encode())

    def is_ours(self, request: Request) -> bool:
        """Whether the browser says that one of our own pages sent it. What is no browser says nothing."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("Origin")
        return origin is None or self._is_here(origin, request)

    def address(self, request: Request) -> str:
        """Where it comes from; the proxy's word counts where its headers do."""
        peer = request.client.host if request.client else ""
        if self._settings.proxy.trusts(peer):
            forwarded = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
            return (forwarded or peer)[:64]
        return peer

    def _proof(self, salt: str, person: Person) -> str:
        made = hmac.new(self._key, f"proof:{salt}:{person.session}".encode(), sha256).hexdigest()
        return f"{salt}-{made}"

    def _is_here(self, origin: str, request: Request) -> bool:
        if self._settings.public_url is not None and origin == _origin(self._settings.public_url):
            return True
        here = origin.partition("://")[2]
        return bool(here) and here == request.headers.get("Host")

    def _by_proxy(self, request: Request, address: str) -> Person | None:
        proxy, peer = self._settings.proxy, request.client.host if request.client else ""
        name = _text(request.headers.get(proxy.user_header, ""))[:64].strip()
        if not name or not proxy.trusts(peer):
            return None
        role = role_of(proxy, _text(request.headers.get(proxy.groups_header, "")))
        return Person(name, role, f"proxy:{name}", address, by_proxy=True) if role else None

    def _by_session(self, request: Request, address: str) -> Person | None:
        try:
            said = self._sealed.loads(request.cookies.get(self.cookie, ""), max_age=self._lasts_s)
        except BadData:
            return None
        entry = self._roster.by_name(said["n"])
        if entry is None or entry.token_sha256[:_DIGITS] != said["t"] or said["s"] in self._ended:
            return None
        return Person(entry.name, entry.role, said["s"], address)


def role_of(proxy: ProxySettings, groups: str) -> Role | None:
    """The most that these groups, comma separated, may; None: nothing."""
    theirs = set(listed(groups))
    wanted = ((Role.ENGINEER, proxy.engineers), (Role.REVIEWER, proxy.reviewers), (Role.VIEWER, proxy.viewers))
    for role, named in wanted:
        those = set(listed(named))
        if "*" in those or those & theirs:
            return role
    return None


def _text(header: str) -> str:
    """A header's value as its sender meant it: proxies send names in UTF-8, which HTTP reads as Latin-1."""
    try:
        read = header.encode("latin-1").decode()
    except UnicodeError:
        read = header
    return "".join(each for each in read if each.isprintable())


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
