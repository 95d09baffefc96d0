"""A real line, a real browser, and people who are signed in.

    def test_a_call_can_be_answered_by_keyboard(line: ConsoleLine, visit: Visit):
        line.frame("weld-answered", ratio=2)
        page = visit(Role.REVIEWER, size=PHONE)
        page.goto("/stations/weld-answered")

Every page is watched: what its scripts could not do, or the policy forbade them, fails the test.
"""

import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.append(str(Path(__file__).parent))  # lines.py, visits.py

from visits import DESK, PHONE, Visit

if TYPE_CHECKING:
    from lines import ConsoleLine
    from playwright.sync_api import Browser, Page, ViewportSize

    from andon_console.safe.people import Role
    from andon_demo.servers.supervise import Servers

PICTURES = Path(__file__).parents[2] / ".cache" / "browser"
"""Where a page is kept as it looked when its test failed."""
SERIOUS = ("serious", "critical")
SLOW_MS = 15_000  # other tests use the same two cores


@pytest.fixture(scope="session")
def line(servers: "Servers", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ConsoleLine]":
    """One for all tests of a worker."""
    from lines import open_line

    opened = open_line(servers, tmp_path_factory.mktemp("line"))
    with opened.trial:
        yield opened


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """The machine's own Chromium, without a window. `andon servers fetch chromium` installs it."""
    from playwright.sync_api import expect, sync_playwright

    from andon_demo.servers import tools

    expect.set_options(timeout=SLOW_MS)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tools.program("chromium"), args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: "Browser", line: "ConsoleLine", request: pytest.FixtureRequest) -> Iterator[Visit]:
    """See `Visit`."""
    pages: list[Page] = []
    troubles: list[str] = []

    def opened(role: "Role | None", *, size: "ViewportSize" = DESK, scheme: str = "light") -> "Page":
        context = chromium.new_context(
            base_url=line.url,
            viewport=size,
            color_scheme=scheme,  # type: ignore[arg-type]
            has_touch=size == PHONE,
            reduced_motion="reduce",
        )
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if _is_trouble(said) else None)
        pages.append(page)
        if role is not None:
            sign_in(page, role)
        page.goto("/")
        return page

    yield opened
    if getattr(request.node, "failed", False):
        _keep(pages, request.node.name)
    for page in pages:
        page.context.close()
    assert troubles == []


@pytest.fixture
def page(visit: Visit) -> "Page":
    """An engineer's, at the board."""
    from andon_console.safe.people import Role

    return visit(Role.ENGINEER)


@pytest.fixture
def axe() -> "Callable[[Page], None]":
    """Fails where the page shuts somebody out: what axe calls serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    def check(page: "Page") -> None:
        found = Axe().run(page).response["violations"]
        wrong = [each for each in found if each["impact"] in SERIOUS]
        assert wrong == [], "\n".join(_sentence(each) for each in wrong)

    return check


def sign_in(page: "Page", role: "Role") -> None:
    """As the form does, without looking at it."""
    from lines import TOKENS

    answer = page.request.post("/sign-in", form={"token": TOKENS[role]}, max_redirects=0)
    assert answer.status == 303, answer.text()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Tells fixtures that the test failed."""
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True  # type: ignore[attr-defined]


def _keep(pages: "list[Page]", name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(pages):
        page.screenshot(path=PICTURES / f"{name.replace('/', '-')}-{number}.png", full_page=True)


def _is_trouble(said: Any) -> bool:
    """An error that is not simply an answer other than 200: those are what some tests are about."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def _sentence(violation: dict[str, Any]) -> str:
    where = "; ".join(" ".join(map(str, node["target"])) for node in violation["nodes"][:5])
    why = violation["nodes"][0]["failureSummary"].replace("\n", " ")
    return f"{violation['impact']} {violation['id']}: {violation['help']}. {where}. {why}"
