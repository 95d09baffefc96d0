"""How much somebody may send, for how long, and how many streams they may hold."""

import asyncio
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import httpx
import pytest
from starlette.requests import ClientDisconnect
from worlds import PAGE, TOKENS, House, house

from andon.asgi import serving
from andon_console.safe.ended import MOST as MOST_ENDED
from andon_console.safe.ended import Ended
from andon_console.safe.limits import MOST_BYTES, Limits
from andon_console.safe.people import Role
from andon_console.safe.streams import MOST, Streams
from andon_console.safe.tries import Tries
from andon_console.settings import ConsoleSettings

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def home() -> House:
    return house()


def test_a_body_of_more_than_a_mebibyte_is_refused_by_what_it_says_of_itself(home: House):
    answer = home.browser().post("/sign-in", content=b"token=" + b"x" * MOST_BYTES, headers=FORM | PAGE)
    assert answer.status_code == 413
    assert "At most 1024 KiB" in answer.text


def test_and_by_what_it_is_where_it_says_nothing(home: House):
    def pieces() -> Iterator[bytes]:
        yield from (b"x" * 65536 for _ in range(20))

    assert home.browser().post("/sign-in", content=pieces(), headers=FORM).status_code == 413


def test_a_body_that_just_fits_is_read(home: House):
    body = b"token=" + TOKENS[Role.VIEWER].encode() + b"&next=/&more="
    body += b"x" * (MOST_BYTES - len(body))
    assert home.browser().post("/sign-in", content=body, headers=FORM).status_code == 303


def test_many_fields_are_not_counted_for_ever(home: House):
    body = "&".join(f"f{number}=" for number in range(5000)).encode()
    assert home.browser().post("/sign-in", content=body, headers=FORM).status_code in (400, 413, 422)


def replay(messages: Iterable[dict[str, object]], within_s: float) -> list[dict[str, object]]:
    """What a small app that reads its body answers, where nothing comes after `messages`."""
    answers: list[dict[str, object]] = []
    left = iter(messages)

    async def receive() -> dict[str, object]:
        for each in left:
            return each
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")

    async def send(message: object) -> None:
        answers.append(dict(message))  # type: ignore[call-overload]

    home = house()

    async def run() -> None:
        inside = Limits(home.app.build_middleware_stack(), within_s=within_s)
        await inside(scope(), receive, send)  # type: ignore[arg-type]

    asyncio.run(run())
    return answers


def scope() -> dict[str, object]:
    headers = [(b"host", b"127.0.0.1"), *((name.lower().encode(), value.encode()) for name, value in FORM.items())]
    said = {"type": "http", "method": "POST", "path": "/sign-in", "raw_path": b"/sign-in", "query_string": b""}
    return {**said, "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "http_version": "1.1"}


def test_a_body_that_trickles_in_is_given_up():
    answers = replay([{"type": "http.request", "body": b"tok", "more_body": True}], within_s=0.05)
    assert answers[0]["status"] == 408


def test_who_hangs_up_in_the_middle_breaks_nothing():
    answers = replay([{"type": "http.disconnect"}], within_s=5)
    assert all(each.get("status", 408) in (400, 408) for each in answers)
    assert issubclass(ClientDisconnect, Exception)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_who_never_ends_the_head_of_a_request_is_hung_up_on(home: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("andon.asgi.HEAD_S", 0.2)
    with (
        serving("console", home.app, "127.0.0.1", 0) as port,
        socket.create_connection(("127.0.0.1", port), 10) as line,
    ):
        line.sendall(b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 200")
        left = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - left < 5 and line.recv(65536):
                line.sendall(b"G")
        assert time.monotonic() - left < 5


def test_who_asked_for_something_that_takes_long_is_waited_for(home: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("andon.asgi.HEAD_S", 0.05)
    home.app.get("/long")(lambda: time.sleep(0.4))
    with serving("console", home.app, "127.0.0.1", 0) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/long").status_code == 200


def test_a_person_holds_so_many_streams_and_no_more():
    streams = Streams()
    assert [streams.begin("mira") for _ in range(MOST + 2)] == [True] * MOST + [False] * 2
    assert streams.begin("jonas")
    streams.end("mira")
    assert streams.begin("mira")


def test_who_holds_too_many_is_told_to_close_some(home: House):
    browser = home.signed_in(Role.VIEWER)
    for _ in range(MOST):
        home.app.state.streams.begin("vera")
    answer = browser.get("/live", headers=PAGE)
    assert answer.status_code == 429
    assert "close some" in answer.text
    assert home.app.state.streams.of("vera") == MOST


def test_a_stream_that_ends_is_counted_no_more(home: House):
    browser = home.signed_in(Role.VIEWER)
    home.world.end()
    assert browser.get("/live").status_code == 200
    assert home.app.state.streams.of("vera") == 0


def test_a_stream_ends_soon_after_its_person_signed_out(home: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("andon_console.pages.live.LOOK_EVERY_S", 0.001)
    browser = home.signed_in(Role.VIEWER)
    calls = iter([*[None] * 3])
    who = home.door.who
    monkeypatch.setattr(home.door, "who", lambda request: who(request) if next(calls, "over") is None else None)
    assert "event: standing" in browser.get("/live").text


def test_wrong_tokens_are_forgotten_after_a_minute():
    now = [0.0]
    tries = Tries(lambda: now[0])
    for _ in range(10):
        tries.wrong("10.0.0.1")
    assert not tries.may("10.0.0.1")
    assert tries.may("10.0.0.2")
    now[0] = 60.5
    assert tries.may("10.0.0.1")


def test_sessions_that_ended_are_forgotten_when_they_would_have_ended_anyway():
    now = [0.0]
    ended = Ended(10.0, lambda: now[0])
    ended.end("first")
    now[0] = 11.0
    ended.end("second")
    assert "second" in ended
    assert len(ended) == 1


def test_so_many_sessions_that_ended_are_remembered_and_no_more():
    ended = Ended(10.0, lambda: 0.0)
    for number in range(MOST_ENDED + 5):
        ended.end(str(number))
    assert len(ended) == MOST_ENDED
    assert str(MOST_ENDED + 4) in ended


def settings(**console: object) -> ConsoleSettings:
    return ConsoleSettings(console=console)


def test_without_people_a_link_is_made_only_where_nobody_else_can_reach_it():
    assert settings().console.has_link
    with pytest.raises(ValueError, match="lets other machines in"):
        settings(host="0.0.0.0")
    with pytest.raises(ValueError, match="nobody could come in"):
        settings(link="never")


def test_in_a_container_it_is_made_where_that_is_said():
    assert settings(host="0.0.0.0", link="always").console.has_link


@pytest.mark.parametrize("link", ["local", "always", "never"])
def test_where_people_are_named_no_link_is_made(link: str):
    assert not settings(link=link, people="people.yaml").console.has_link
    assert not settings(link=link, proxy={"trusted": "127.0.0.1/32"}).console.has_link
