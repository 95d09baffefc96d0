"""What every answer says to the browser, whatever it is an answer to; and what no answer ever says."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient as _Plain
from worlds import HERE, PAGE, House, TestClient, house

from andon.errors import Broken
from andon_console.pages.paper import STATIC
from andon_console.safe.asked import Viewer
from andon_console.safe.headers import ALWAYS, POLICY
from andon_console.safe.people import Role

HTMX_2_0_11 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


def crash(_person: Viewer) -> None:
    raise RuntimeError("the secret of the house")


def away(_person: Viewer) -> None:
    raise Broken("Kafka at kafka:9092 does not answer")


@pytest.fixture
def home() -> House:
    made = house()
    made.app.get("/crash")(crash)
    made.app.get("/away")(away)
    return made


def assert_walled(answer: object) -> None:
    headers = answer.headers  # type: ignore[attr-defined]
    assert headers["content-security-policy"] == POLICY
    assert {name.decode(): value.decode() for name, value in ALWAYS}.items() <= dict(headers).items()
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("headers", [PAGE, {}, {"HX-Request": "true"}], ids=["page", "program", "part"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/sign-in", 200),
        ("/audit", 200),
        ("/audit?since=yesterday", 422),
        ("/nowhere", 404),
        ("/static/base.css", 200),
        ("/static/nothing.js", 404),
        ("/static/../main.py", 404),
        ("/static/%2e%2e/main.py", 404),
        ("/away", 503),
        ("/crash", 500),
        ("/sign-out", 405),
    ],
)
def test_every_answer_has_the_walls(path: str, status: int, headers: dict[str, str], home: House):
    browser = home.signed_in(Role.ENGINEER, raise_server_exceptions=False)
    answer = browser.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    assert_walled(answer)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere"])
def test_so_have_answers_to_who_is_not_signed_in(path: str, home: House):
    assert_walled(home.browser().get(path, headers=PAGE))


@pytest.mark.parametrize("path", ["/crash", "/away", "/nowhere", "/audit?since=x"])
def test_an_error_is_a_sentence_and_never_a_traceback(path: str, home: House):
    browser = home.signed_in(Role.ENGINEER, raise_server_exceptions=False)
    for headers in (PAGE, {}):
        text = browser.get(path, headers=headers).text
        assert [word for word in ("Traceback", "RuntimeError", "secret of the house", ".py") if word in text] == []
    assert "<h1>" in browser.get(path, headers=PAGE).text


def test_an_unknown_path_tells_its_name_to_nobody(home: House):
    text = home.browser().get("/<script>alert(1)</script>", headers=PAGE).text
    assert "<script>alert" not in text


def test_the_policy_lets_in_no_script_but_ours_and_no_frame():
    said = dict(each.split(" ", 1) for each in POLICY.split("; "))
    assert said["default-src"] == "'none'"
    assert {said["script-src"], said["style-src"], said["connect-src"], said["form-action"]} == {"'self'"}
    assert said["frame-ancestors"] == said["base-uri"] == "'none'"
    assert "unsafe" not in POLICY


def test_no_template_needs_what_the_policy_forbids():
    for path in (STATIC.parent / "templates").glob("*.j2"):
        text = path.read_text()
        assert re.search(r"<script(?![^>]*\bsrc=)", text) is None, f"{path.name}: a script of its own"
        assert re.search(r"\s(on\w+|style|hx-on[:\w-]*)=", text) is None, f"{path.name}: style or script in a tag"
        assert re.search(r"\|\s*safe\b|Markup", text) is None, f"{path.name}: text that is not escaped"
        assert re.search(r'(src|href|action)="(https?:)?//', text) is None, f"{path.name}: from somewhere else"


def test_no_script_of_ours_reads_text_as_code():
    for path in STATIC.glob("*.js"):
        if path.name != "htmx.min.js":
            assert (
                re.search(r"\beval\(|new Function|document\.write|https?://(?!www\.w3\.org)", path.read_text()) is None
            )


def test_pages_are_kept_by_no_cache_and_files_whose_address_changes_with_them_by_all(home: House):
    assert home.signed_in(Role.VIEWER).get("/").headers["cache-control"] == "no-store"
    assert "immutable" in home.browser().get("/static/base.css?v=1").headers["cache-control"]
    assert home.browser().get("/static/times.js").headers["cache-control"] == "no-cache"


def test_htmx_is_the_release_that_the_notice_names_and_its_licence_lies_beside_it():
    assert sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX_2_0_11
    assert (STATIC / "htmx.LICENSE.txt").read_text().startswith("Zero-Clause BSD")
    notice = Path(__file__).parents[2] / "NOTICE"
    assert "htmx 2.0.11" in notice.read_text()


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "HEAD", "BREW"])
def test_other_methods_do_nothing_and_let_no_other_site_in(method: str, home: House):
    browser = home.signed_in(Role.ENGINEER)
    for path in ("/", "/audit", "/sign-out"):
        answer = browser.request(method, path, headers={"Origin": "https://elsewhere.example"})
        assert answer.status_code == 405
        assert_walled(answer)
    assert home.sent.messages == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8600", "localhost:8600", "LOCALHOST", "[::1]:8600", "10.1.2.3:8600", "andon.factory", "console:80"],
)
def test_the_console_is_called_by_numbers_and_by_its_own_names(host: str):
    home = house(console={"public_url": "https://andon.factory", "hosts": "console, spare"})
    assert home.browser().get("/sign-in", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "elsewhere.example",
        "127.0.0.1.elsewhere.example",
        "andon.factory.elsewhere.example",
        "localhost@elsewhere.example",
        "localhost/x",
        "localhost:port",
        "[::1",
        "",
    ],
)
def test_by_a_name_of_somebody_else_it_answers_nothing(host: str):
    home = house(console={"public_url": "https://andon.factory"})
    for path in ("/sign-in", "/static/base.css", "/"):
        answer = home.browser().get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert "ANDON_CONSOLE__HOSTS" in answer.text
        assert_walled_by_https(answer)


def assert_walled_by_https(answer: object) -> None:
    assert_walled(answer)
    assert "strict-transport-security" in answer.headers  # type: ignore[attr-defined]


def test_behind_a_believed_proxy_names_must_be_known_too():
    proxy = {"trusted": "127.0.0.1/32"}
    home = house(console={"host": "0.0.0.0", "proxy": proxy})
    rebound = {"Host": "elsewhere.example", "X-Auth-Request-Preferred-Username": "mira"}
    assert home.browser(client=("127.0.0.1", 1)).get("/", headers=rebound).status_code == 421


def test_on_a_network_with_people_of_its_own_any_name_leads_to_it(tmp_path: Path):
    home = house(console={"host": "0.0.0.0", "people": tmp_path / "people.yaml"})
    assert home.browser().get("/sign-in", headers={"Host": "line-3.factory"}).status_code == 200


def test_the_client_of_these_tests_is_the_one_that_worlds_gives():
    assert _Plain is TestClient
    assert isinstance(house().app, FastAPI)
    assert HERE.startswith("http://127.0.0.1")
