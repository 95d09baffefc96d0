"""The door: who comes in, that they stay who they are, and that what they change was meant."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount
from structlog.testing import capture_logs
from worlds import HERE, NAMES, PAGE, TOKENS, House, TestClient, everybody, house

from andon.records import Did
from andon.topics import AUDIT
from andon_console.pages.sign_in import local
from andon_console.safe.asked import SAFE
from andon_console.safe.door import COOKIE, PROOF_FIELD, PROOF_HEADER
from andon_console.safe.people import Role
from andon_console.safe.roster import Roster, write_roster

OPEN = {"/sign-in"}
"""The only routes that ask nobody who they are."""
ROOM = "12345678-1234-5678-1234-567812345678"
PROXY = {"trusted": "127.0.0.0/8", "engineers": "line-engineers", "reviewers": "quality, shift", "viewers": "staff"}


@pytest.fixture
def home() -> House:
    return house()


def proxied(**other: str) -> House:
    return house(console={"proxy": {**PROXY, **other}}, roster=Roster(None))


def by_proxy(name: str, groups: str = "staff", **other: str) -> dict[str, str]:
    return {"X-Auth-Request-Preferred-Username": name, "X-Auth-Request-Groups": groups, **other}


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Every method and path of the app, as it stands in its router."""
    found = list(walk(app.routes))
    assert {path for _, path in found} >= set(app.openapi()["paths"])
    yield from found


def walk(given: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    for each in given:
        inner = getattr(each, "original_router", None)
        if isinstance(each, APIRoute):
            yield from ((method, each.path) for method in sorted(each.methods))
        elif inner is not None:
            yield from walk(inner.routes)
        else:
            assert isinstance(each, Mount), f"what is {each}?"
            assert each.path == "/static"


def filled(path: str) -> str:
    """An address of the route: every part of it is something."""
    return re.sub(r"\{[^}]*\}", ROOM, path)


def cookie_of(browser: TestClient) -> str:
    found = browser.cookies.get(COOKIE)
    assert found is not None
    return found


def test_every_route_but_signing_in_turns_away_who_is_not_signed_in(home: House):
    browser = home.browser()
    for method, path in routes(home.app):
        answer = browser.request(method, filled(path))
        if path not in OPEN:
            assert answer.status_code == 401, f"{method} {path}"
    assert home.sent.messages == []


def test_what_changes_something_is_refused_to_a_viewer_and_nothing_is_written(home: House):
    home.app.state.refusals.may = lambda _name: True  # every one of them is to be seen in the audit log
    browser = home.signed_in(Role.VIEWER)
    changing = [(method, path) for method, path in routes(home.app) if method not in SAFE and path not in OPEN]
    for method, path in changing:
        if path != "/sign-out":
            answer = browser.request(method, filled(path))
            assert answer.status_code == 403, f"{method} {path}: {answer.text}"
    assert {each.topic for each in home.sent.messages} <= {AUDIT}
    assert {deed.did for deed in home.sent.deeds()} <= {Did.REFUSED}
    assert len(home.sent.deeds()) == len(changing) - 1


def test_the_documents_for_programs_need_a_viewer(home: House):
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert home.browser().get(path).status_code == (401 if path == "/openapi.json" else 404)
    assert "/sign-out" in home.signed_in(Role.VIEWER).get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_the_audit_log_is_for_engineers(role: Role, home: House):
    for path in ("/audit", "/audit.csv", "/audit.json"):
        assert home.signed_in(role).get(path).status_code == 403
        assert home.signed_in(Role.ENGINEER).get(path).status_code == 200


def test_who_asks_for_a_page_unsigned_is_brought_to_signing_in_and_then_there(home: House):
    answer = home.browser().get("/audit?since=1h", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/audit%3Fsince%3D1h")
    after = home.browser().post("/sign-in", data={"token": TOKENS[Role.ENGINEER], "next": "/audit?since=1h"})
    assert (after.status_code, after.headers["location"]) == (303, "/audit?since=1h")


def test_signing_in_and_out_stand_in_the_audit_log(home: House):
    browser = home.browser()
    browser.post("/sign-in", data={"token": TOKENS[Role.REVIEWER]})
    browser.post("/sign-out", data={PROOF_FIELD: home.proof(browser)})
    assert [(deed.did, deed.by, deed.role) for deed in home.sent.deeds()] == [
        (Did.SIGNED_IN, "rosa", "reviewer"),
        (Did.SIGNED_OUT, "rosa", "reviewer"),
    ]


def test_while_kafka_is_away_people_come_in_all_the_same_and_look(home: House):
    home.sent.away = True
    browser = home.browser()
    with capture_logs() as logs:
        assert browser.post("/sign-in", data={"token": TOKENS[Role.VIEWER]}).status_code == 303
    assert browser.get("/", headers=PAGE).status_code == 200
    assert [each["event"] for each in logs] == ["not_in_the_audit_log"]


@pytest.mark.parametrize("token", ["", "wrong", "v" * 42, "V" * 43, "v" * 256, "ö" * 43, "\x00"])
def test_a_wrong_token_lets_nobody_in(token: str, home: House):
    browser = home.browser()
    answer = browser.post("/sign-in", data={"token": token})
    assert answer.status_code == 403
    assert COOKIE not in answer.cookies
    assert "No person here has that token" in answer.text


def test_after_ten_wrong_tokens_an_address_waits_and_even_the_right_one_is_not_looked_at(home: House):
    browser = home.browser()
    assert [browser.post("/sign-in", data={"token": "no"}).status_code for _ in range(11)] == [403] * 10 + [429]
    assert browser.post("/sign-in", data={"token": TOKENS[Role.VIEWER]}).status_code == 429
    assert home.browser(client=("10.0.0.9", 1)).post("/sign-in", data={"token": "no"}).status_code == 403


def test_the_session_s_cookie_is_for_our_own_pages_alone(home: House):
    browser = home.browser()
    given = browser.post("/sign-in", data={"token": TOKENS[Role.VIEWER]}).headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=43200"} <= set(given.split("; "))
    assert "Secure" not in given
    assert "omain" not in given


def test_by_https_the_cookie_never_travels_in_the_open_and_nobody_else_can_set_it():
    home = house(console={"public_url": "https://andon.factory"})
    browser = home.browser(base_url="https://andon.factory")
    given = browser.post("/sign-in", data={"token": TOKENS[Role.VIEWER]})
    assert given.headers["set-cookie"].startswith(f"__Host-{COOKIE}=")
    assert "Secure" in given.headers["set-cookie"].split("; ")
    assert browser.get("/").status_code == 200
    assert "max-age" in given.headers["strict-transport-security"]


def test_who_signs_out_is_out_even_with_a_copy_of_the_cookie(home: House):
    browser = home.signed_in(Role.REVIEWER)
    copied = cookie_of(browser)
    assert browser.post("/sign-out").status_code == 303
    assert COOKIE not in browser.cookies
    assert home.browser(cookies={COOKIE: copied}).get("/").status_code == 401


def test_signing_out_ends_this_session_and_not_the_one_on_the_other_screen(home: House):
    here, there = home.signed_in(Role.VIEWER), home.signed_in(Role.VIEWER)
    here.post("/sign-out")
    assert there.get("/").status_code == 200


@pytest.mark.parametrize("change", ["flipped", "cut", "nothing", "spaces", "another key", "long"])
def test_a_cookie_that_was_tampered_with_is_no_session(change: str, home: House):
    good = cookie_of(home.signed_in(Role.ENGINEER))
    wrong = {
        "flipped": ("A" if good[0] != "A" else "B") + good[1:],
        "cut": good[:-4],
        "nothing": "",
        "spaces": good + "  x",
        "another key": cookie_of(house().signed_in(Role.ENGINEER)),
        "long": good * 20,
    }[change]
    assert home.browser(headers={"Cookie": f"{COOKIE}={wrong}"}).get("/").status_code == 401


def test_a_session_ends_after_a_shift_though_the_browser_still_has_it(home: House, monkeypatch: pytest.MonkeyPatch):
    browser = home.signed_in(Role.ENGINEER)
    for after_s, status in ((12 * 3600 - 5, 200), (12 * 3600 + 5, 401)):
        later = int(time.time()) + after_s
        monkeypatch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _, at=later: at)
        assert browser.get("/").status_code == status


def test_with_the_same_key_another_console_knows_the_session():
    key = "k" * 32
    browser = house(console={"session_key": key}).signed_in(Role.REVIEWER)
    there = house(console={"session_key": key})
    cookies = {COOKIE: cookie_of(browser)}
    assert there.browser(cookies=cookies).get("/").status_code == 200
    assert (
        there.browser(cookies=cookies, headers={PROOF_HEADER: browser.headers[PROOF_HEADER]})
        .post("/sign-out")
        .status_code
        == 303
    )


def test_who_is_taken_out_of_the_file_is_out_at_once(tmp_path: Path):
    path = tmp_path / "people.yaml"
    write_roster(path, everybody())
    home = house(roster=Roster(path))
    browser = home.signed_in(Role.REVIEWER)
    assert browser.get("/").status_code == 200
    write_roster(path, {name: each for name, each in everybody().items() if name != "rosa"})
    assert browser.get("/").status_code == 401


def test_who_gets_another_role_has_it_at_once_and_another_token_ends_the_session(tmp_path: Path):
    path, people = tmp_path / "people.yaml", everybody()
    write_roster(path, people)
    home = house(roster=Roster(path))
    browser = home.signed_in(Role.ENGINEER)
    people["edda"] = type(people["edda"])("edda", Role.VIEWER, people["edda"].token_sha256)
    write_roster(path, people)
    assert browser.get("/audit").status_code == 403
    people["edda"] = type(people["edda"])("edda", Role.ENGINEER, "0" * 64)
    write_roster(path, people)
    assert browser.get("/audit").status_code == 401


def test_a_change_needs_the_proof_of_one_s_own_page(home: House):
    browser = home.signed_in(Role.ENGINEER)
    for wrong in ("", "0" * 64, home.signed_in(Role.REVIEWER).headers[PROOF_HEADER], "ö", "-"):
        assert browser.post("/sign-out", headers={PROOF_HEADER: wrong.encode()}).status_code == 403
    assert {deed.did for deed in home.sent.deeds()} == {Did.REFUSED}


def test_another_session_of_the_same_person_has_another_proof(home: House):
    here, there = home.signed_in(Role.ENGINEER), home.signed_in(Role.ENGINEER)
    here.headers[PROOF_HEADER] = there.headers[PROOF_HEADER]
    assert here.post("/sign-out").status_code == 403


def test_another_person_s_cookie_with_my_proof_is_neither_of_us(home: House):
    mine, theirs = home.signed_in(Role.REVIEWER), home.signed_in(Role.ENGINEER)
    stolen = home.browser(cookies={COOKIE: cookie_of(theirs)})
    assert stolen.post("/sign-out", headers={PROOF_HEADER: mine.headers[PROOF_HEADER]}).status_code == 403
    assert theirs.get("/").status_code == 200


def test_every_page_carries_another_proof_and_all_of_them_hold(home: House):
    browser = home.signed_in(Role.VIEWER)
    proofs = {home.proof(browser) for _ in range(3)}
    assert len(proofs) == 3
    del browser.headers[PROOF_HEADER]
    for proof in proofs:
        assert browser.post("/sign-out", data={PROOF_FIELD: proof}).status_code in (303, 401)
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8601"},
        {"Origin": "http://127.0.0.1:8600.elsewhere.example"},
        {"Origin": "http://["},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": HERE},
    ],
)
def test_what_another_site_sends_changes_nothing_and_signs_nobody_in(headers: dict[str, str], home: House):
    browser = home.signed_in(Role.ENGINEER)
    assert browser.post("/sign-out", headers=headers).status_code == 403
    assert home.browser().post("/sign-in", data={"token": TOKENS[Role.VIEWER]}, headers=headers).status_code == 429
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": HERE, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}])
def test_what_our_own_page_or_a_program_sends_is_meant(headers: dict[str, str], home: House):
    assert home.signed_in(Role.ENGINEER).post("/sign-out", headers=headers).status_code == 303


def test_behind_a_proxy_the_public_address_is_our_own_page_too():
    home = house(console={"public_url": "https://andon.factory", "hosts": "console"})
    browser = home.browser(base_url="https://console")
    ours = {"Origin": "https://andon.factory"}
    assert browser.post("/sign-in", data={"token": TOKENS[Role.VIEWER]}, headers=ours).status_code == 303


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ("line-engineers", "engineer"),
        ("staff, line-engineers", "engineer"),
        ("shift", "reviewer"),
        ("staff,quality", "reviewer"),
        ("staff", "viewer"),
        ("Staff", None),
        ("visitors", None),
        ("", None),
    ],
)
def test_a_believed_proxy_says_who_it_is_and_their_groups_say_what_they_may(groups: str, role: str | None):
    answer = proxied().browser(client=("127.0.0.1", 1)).get("/", headers=by_proxy("mira", groups) | PAGE)
    assert answer.status_code == (200 if role else 303)
    if role:
        assert f'aria-label="mira, {role}"' in answer.text


def test_the_most_that_their_groups_may_counts():
    home = proxied(viewers="*", engineers="*")
    assert home.browser(client=("127.0.0.1", 1)).get("/audit", headers=by_proxy("mira", "")).status_code == 200


@pytest.mark.parametrize("peer", ["10.0.0.4", "128.0.0.1", "testclient", "::1"])
def test_headers_of_a_proxy_count_nothing_from_anybody_else(peer: str):
    home = proxied()
    assert home.browser(client=(peer, 1)).get("/", headers=by_proxy("mira", "line-engineers")).status_code == 401
    assert house().browser(client=(peer, 1)).get("/", headers=by_proxy("mira")).status_code == 401


def test_the_address_in_the_audit_log_is_the_proxy_s_word_only_where_it_is_believed():
    forwarded = {"X-Forwarded-For": "6.6.6.6, 10.9.8.7"}
    home = proxied()
    browser = home.browser(client=("127.0.0.1", 1), headers=by_proxy("mira", **forwarded))
    browser.post("/sign-out")
    assert [deed.address for deed in home.sent.deeds()] == ["10.9.8.7"]
    other = house()
    other.browser(client=("10.0.0.4", 1)).post("/sign-in", data={"token": TOKENS[Role.VIEWER]}, headers=forwarded)
    assert [deed.address for deed in other.sent.deeds()] == ["10.0.0.4"]


def test_a_name_that_the_proxy_sends_in_utf_8_is_read_as_it_was_meant():
    headers = by_proxy("x") | {"X-Auth-Request-Preferred-Username": "Jürgen Øster".encode()}
    answer = proxied().browser(client=("127.0.0.1", 1)).get("/", headers=headers | PAGE)
    assert "Jürgen Øster" in answer.text


def test_a_name_from_a_proxy_is_text_and_nothing_else():
    headers = by_proxy('"><script>alert(1)</script>')
    answer = proxied().browser(client=("127.0.0.1", 1)).get("/", headers=headers | PAGE)
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text


def test_who_comes_by_a_proxy_needs_a_proof_too():
    home = proxied()
    browser = home.browser(client=("127.0.0.1", 1), headers=by_proxy("mira"))
    assert browser.post("/sign-out").status_code == 403


@pytest.mark.parametrize(
    "wanted",
    [
        "//elsewhere.example",
        "///elsewhere.example",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "https://elsewhere.example",
        "javascript:alert(1)",
        "/\t/elsewhere.example",
        "/\n/elsewhere.example",
        " //elsewhere.example",
        "elsewhere",
        "",
    ],
)
def test_signing_in_leads_to_no_other_site(wanted: str, home: House):
    assert local(wanted) == "/"
    answer = home.browser().post("/sign-in", data={"token": TOKENS[Role.VIEWER], "next": wanted})
    assert answer.headers["location"] == "/"
    assert 'name="next" value="/"' in home.browser().get("/sign-in", params={"next": wanted}).text


@pytest.mark.parametrize("wanted", ["/", "/audit", "/stations/weld-07?at=1#x", "/audit?station=a%2F%2Fb"])
def test_it_leads_to_the_page_that_was_asked_for(wanted: str):
    assert local(wanted) == wanted


def test_a_refusal_stands_in_the_audit_log_and_a_flood_of_them_does_not(home: House):
    browser = home.signed_in(Role.VIEWER)
    del browser.headers[PROOF_HEADER]
    assert {browser.post("/sign-out").status_code for _ in range(30)} == {403}
    assert [deed.did for deed in home.sent.deeds()] == [Did.REFUSED] * 10


def test_a_token_stands_in_no_line_of_the_log(home: House):
    browser = home.browser()
    with capture_logs() as logs:
        browser.post("/sign-in", data={"token": "a-token-of-somewhere-else"})
        browser.post("/sign-in", data={"token": TOKENS[Role.ENGINEER]})
        browser.get("/audit", headers={PROOF_HEADER: "x"})
        browser.post("/sign-out")
        browser.post("/sign-out", data={PROOF_FIELD: home.proof(browser)})
    said = repr(logs)
    assert len(logs) >= 4
    secrets = (TOKENS[Role.ENGINEER], "a-token-of-somewhere-else", everybody()["edda"].token_sha256)
    assert [each for each in secrets if each in said] == []


def test_a_console_for_one_person_prints_its_link_and_logs_only_its_address(capsys: pytest.CaptureFixture[str]):
    from andon_console.main import _roster, _tell
    from andon_console.settings import ConsoleSettings

    settings = ConsoleSettings()
    roster, token = _roster(settings)
    with capture_logs() as logs:
        _tell(settings.console, 8600, token)
    assert f"{HERE}/sign-in#{token}" in capsys.readouterr().out
    assert token not in repr(logs)
    found = roster.by_token(token)
    assert found is not None
    assert found.role is Role.ENGINEER


def test_nobody_is_named_in_a_refusal_to_sign_in(home: House):
    answer = home.browser().post("/sign-in", data={"token": "no"})
    assert [name for name in NAMES.values() if name in answer.text] == []


def test_signing_out_works_while_kafka_is_away(home: House):
    browser = home.signed_in(Role.ENGINEER)
    home.sent.away = True
    assert browser.post("/sign-out").status_code == 303
    assert browser.get("/").status_code == 401
