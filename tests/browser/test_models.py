"""The models page in a browser: promoting by clicks, what scoring says meanwhile, and moving a budget."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from lines import THRESHOLD, ConsoleLine
from playwright.sync_api import Page, expect
from visits import DESK, PHONE, Visit

from andon.bundle import Bundle
from andon.records import Assignment, Proof, Refusal, Request, RequestNews, read_event, write_event
from andon.stage import Message
from andon.testing.models import proven_bundle
from andon.topics import MODELS, REQUESTS
from andon_console.safe.people import Role

pytestmark = pytest.mark.servers
SLOW_MS = 20_000  # a job reads two topics
WIDER = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


@pytest.fixture(scope="module")
def bundles(line: ConsoleLine) -> tuple[Bundle, Bundle]:
    """Two that are in the store."""
    made = proven_bundle(), proven_bundle(threshold=100.0)
    for each in made:
        line.trial.bundles.put(each)
    return made


def say(line: ConsoleLine, *said: Assignment | Proof | Refusal) -> None:
    line.trial.write(*(Message(MODELS, each.key, write_event(each)) for each in said))


def beside(line: ConsoleLine, station: str, bundles: tuple[Bundle, Bundle]) -> None:
    """The second bundle shadows the first, which is proven."""
    active, shadow = (each.digest for each in bundles)
    now = datetime.now(UTC)
    given = Assignment(station=station, bundle=active, shadows=(shadow,), by="trial", at=now)
    say(line, given, Proof(station=station, bundle=active, at=now))


def tell(line: ConsoleLine, wish: Request, said: dict[str, Any]) -> None:
    """News of a request, as the trainer gives it."""
    known = {"request_id": wish.request_id, "station": wish.station, "at": datetime.now(UTC)}
    news = RequestNews.model_validate(known | said)
    line.trial.write(Message(REQUESTS, wish.station.encode(), write_event(news)))


def worked_on(line: ConsoleLine, wish: Request, *log: str) -> None:
    """A job runs, and these are its last words."""
    phase = {"phase": "running", "began_at": datetime.now(UTC), "log": log, "progress": 0.4}
    tell(line, wish, {"state": "taken", "sentence": "Training works on it: 40%."} | phase)


def test_a_shadow_is_promoted_by_clicks_and_what_scoring_says_shows_by_itself(
    line: ConsoleLine, page: Page, bundles: tuple[Bundle, Bundle], axe: Callable[[Page], None]
):
    old, new = bundles
    beside(line, "weld-promoted", bundles)
    page.get_by_role("link", name="Models").click()
    page.get_by_label("Station, product, digest").fill("weld-promoted")
    page.get_by_role("link", name="weld-promoted").click()
    expect(page.get_by_role("status").filter(has_text="proven")).to_be_visible()
    page.get_by_role("link", name="Promote", exact=True).click()
    sheet = page.get_by_role("region", name="Promote a shadow: weld-promoted")
    expect(sheet).to_contain_text(f"It takes over from {old.digest[:12]}")
    axe(page)
    sheet.get_by_label("Why?").fill("fewer false calls")
    sheet.get_by_role("button", name="Promote a shadow").click()
    expect(sheet).to_have_count(0)
    active = page.get_by_role("region", name="Active")
    expect(active).to_contain_text(new.digest[:12])
    expect(active).to_contain_text("waiting")
    expect(active).to_contain_text("by edda: fewer false calls")
    now = datetime.now(UTC)
    say(line, Proof(station="weld-promoted", bundle=new.digest, at=now))
    expect(active).to_contain_text("proven")
    page.get_by_role("link", name="Roll back").click()
    sheet = page.get_by_role("region", name="Roll back: weld-promoted")
    sheet.get_by_label("Why?").fill("calls everything")
    sheet.get_by_role("button", name="Roll back").click()
    expect(active).to_contain_text(old.digest[:12])
    say(line, Refusal(station="weld-promoted", bundle=old.digest, why="golden/10.png: another score", at=now))
    expect(active).to_contain_text("golden/10.png: another score")


def test_whoever_is_second_is_told_who_was_first(line: ConsoleLine, visit: Visit, bundles: tuple[Bundle, Bundle]):
    beside(line, "weld-raced", bundles)
    page = visit(Role.ENGINEER)
    page.goto("/models/at/weld-raced")
    expect(page.get_by_role("region", name="Active")).to_contain_text("proven")
    page.get_by_role("link", name="Promote", exact=True).click()
    page.get_by_label("Why?").fill("mine")
    now = datetime.now(UTC)
    say(line, Assignment(station="weld-raced", bundle=bundles[1].digest, by="omar", why="recipe 4", at=now))
    expect(page.get_by_role("region", name="Active")).to_contain_text("omar")
    page.get_by_role("button", name="Promote a shadow").click()
    sheet = page.get_by_role("region", name="Promote a shadow: weld-raced")
    expect(sheet.get_by_role("alert")).to_contain_text("omar has changed it")


def test_a_budget_is_moved_looked_at_and_asked_for(line: ConsoleLine, page: Page, bundles: tuple[Bundle, Bundle]):
    beside(line, "weld-budget", bundles)
    line.frame("weld-budget", ratio=2)  # by another bundle
    page.goto("/models/at/weld-budget/threshold")
    expect(page.get_by_role("heading", name="5 per 100 good frames")).to_be_visible()
    page.get_by_label("Good frames that may be called").fill("200")
    expect(page.get_by_role("heading", name="20 per 100 good frames")).to_be_visible()
    expect(page.locator("#previewed")).to_contain_text("scored no frame of weld-budget", timeout=SLOW_MS)
    page.get_by_label("Why?").fill("too many")
    page.get_by_role("button", name="Make it: 20 per 100").click()
    page.wait_for_url(re.compile("/models/at/weld-budget"))
    asked = page.get_by_role("listitem").filter(has_text="Another budget: 200 in 1,000")
    expect(asked).to_contain_text("Is andon trainer running?")
    (wish,) = (read_event(Request, each.value) for each in line.trial.read(REQUESTS) if b"weld-budget" in each.value)
    worked_on(line, wish, "looking at frame 1 <b>of 40</b>")
    expect(asked).to_contain_text("running")
    asked.get_by_text("Its last 1 line").click()
    worked_on(line, wish, "looking at frame 1 <b>of 40</b>", "looking at frame 2 <b>of 40</b>")
    expect(asked.get_by_text("looking at frame 2 <b>of 40</b>")).to_be_visible()  # still open, and only text
    done = {"state": "done", "sentence": "It is made.", "bundle": bundles[1].digest, "threshold": THRESHOLD}
    tell(line, wish, done)
    expect(asked).to_contain_text("It is made.")
    asked.get_by_role("link", name="Assign it").click()
    expect(page.get_by_role("region", name="Assign a bundle: weld-budget")).to_contain_text("will serve weld-budget")


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_nobody_is_shut_out_of_the_pages_about_models(
    size: dict[str, int],
    scheme: str,
    line: ConsoleLine,
    visit: Visit,
    bundles: tuple[Bundle, Bundle],
    axe: Callable[[Page], None],
):
    beside(line, "weld-seen", bundles)
    page = visit(Role.ENGINEER, size=size, scheme=scheme)  # type: ignore[arg-type]
    at = "/models/at/weld-seen"
    one, other = (each.digest for each in bundles)
    for path in (
        "/models",
        f"/models/{one}?other={other}",
        at,
        f"{at}/assign",
        f"{at}/threshold",
        "/models/compare?station=weld-seen",
    ):
        page.goto(path)
        axe(page)
        assert page.evaluate(WIDER) <= 0, path
