"""What every page has: a theme, a header that a keyboard gets through, room on a phone, and nobody shut out."""

import time
from collections.abc import Callable

import pytest
from drift_seen import drifts
from lines import ConsoleLine
from playwright.sync_api import Page, expect
from visits import DESK, PHONE, Visit

from andon.dead_letters import dead_letter
from andon.reasons import Reason
from andon.stage import Record, Rejected
from andon.testing import hostile
from andon.topics import DEAD_LETTERS, FRAMES
from andon_console.safe.people import Role

pytestmark = pytest.mark.servers
PAGES = ("/", "/letters", "/letters?reason=truncated", "/audit", "/audit?person=nobody", "/nowhere")
NAME = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
WIDER = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


@pytest.fixture(scope="module", autouse=True)
def _something_to_look_at(line: ConsoleLine) -> None:
    line.frame("weld-looked-at")
    line.frame("weld-called", ratio=3)


@pytest.fixture(scope="module")
def drifting(line: ConsoleLine) -> tuple[str, ...]:
    """The pages of a station that drifts."""
    incident, _ = drifts(line, "weld-looked-at")
    return f"/incidents/{incident}", "/stations/weld-looked-at"


@pytest.fixture(scope="module")
def letter(line: ConsoleLine) -> str:
    """The page of a dead letter."""
    picture = hostile.cut(hostile.jpeg(hostile.photo()))
    record = Record(FRAMES, 0, 0, b"weld-looked-at", picture, (), round(time.time() * 1000))
    before = line.trial.ends(DEAD_LETTERS)
    line.trial.write(dead_letter(Rejected(record, Reason.TRUNCATED, "cut short"), DEAD_LETTERS, "preprocess", "0.8.0"))
    (part,) = (part for part, end in line.trial.ends(DEAD_LETTERS).items() if end > before[part])
    return f"/letters/{part}/{before[part]}"


def test_the_board_shows_a_station_soon_after_its_first_frame(line: ConsoleLine, page: Page):
    line.frame("weld-new")
    page.goto("/")
    expect(page.get_by_role("link", name="weld-new").first).to_be_visible()


def test_the_theme_follows_the_system_until_somebody_switches_and_then_them(visit: Visit):
    page = visit(Role.VIEWER, scheme="dark")
    ground = "getComputedStyle(document.body.parentElement).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    light = page.evaluate(ground)
    assert light != dark
    page.goto("/audit")
    assert page.evaluate(ground) == light


def test_a_keyboard_alone_gets_through_the_header_in_order(page: Page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    found = []
    for _ in range(9):
        page.keyboard.press("Tab")
        found.append(page.evaluate(NAME))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", found[-1]
    wanted = ["Andon: the board", "Board", "Incidents", "Review", "Models", "Dead letters", "Audit"]
    assert found == [*wanted, "Switch between light and dark", "edda, engineer"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()


def test_the_first_key_skips_to_the_content(page: Page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nobody_is_shut_out_and_nothing_is_wider_than_the_screen(
    size: dict[str, int],
    scheme: str,
    visit: Visit,
    axe: Callable[[Page], None],
    drifting: tuple[str, ...],
    letter: str,
):
    page = visit(Role.ENGINEER, size=size, scheme=scheme)  # type: ignore[arg-type]
    for path in (*PAGES, letter, *drifting):
        page.goto(path)
        if path.startswith("/stations/"):
            expect(page.locator("#watched .bars")).to_be_visible()
        axe(page)
        assert page.evaluate(WIDER) <= 0, path
    page = visit(None, size=size, scheme=scheme)  # type: ignore[arg-type]
    axe(page)
    assert page.evaluate(WIDER) <= 0


def test_the_audit_log_is_sifted_as_one_chooses_and_shows_what_happens_meanwhile(line: ConsoleLine, visit: Visit):
    page = visit(Role.ENGINEER)
    page.goto("/audit")
    page.get_by_label("Did what").select_option("rolled_back")
    expect(page.get_by_text("Nobody did such a thing")).to_be_visible()
    page.get_by_label("Did what").select_option("refused")
    page.wait_for_url("**what=refused**")
    refused = page.get_by_role("row", name="rosa reviewer refused /audit")
    before = refused.count()
    visit(Role.REVIEWER).goto("/audit")
    expect(refused).to_have_count(before + 1)


def test_a_dead_letter_is_found_and_discarded_by_keyboard(page: Page, letter: str):
    page.goto("/letters?reason=truncated")
    page.locator(f'a[href="{letter}"]').focus()
    page.keyboard.press("Enter")
    page.get_by_label("Why?").focus()
    page.keyboard.type("the cable was loose")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("discarded by edda").first).to_be_visible()
    page.goto("/letters?reason=truncated")
    expect(page.locator(f'a[href="{letter}"]')).to_have_count(0)


def test_the_audit_log_can_be_taken_away(page: Page):
    page.goto("/audit")
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV").click()
    assert taken.value.suggested_filename == "andon-audit.csv"
    assert taken.value.path().read_text().startswith("at,by,role,did,station,")


def test_targets_in_the_header_are_large_enough_for_a_thumb(visit: Visit):
    page = visit(Role.ENGINEER, size=PHONE)
    for each in page.locator("header a, header button, header summary").all():
        if each.is_visible():
            box = each.bounding_box()
            assert box is not None
            assert box["height"] >= 24, each.text_content()  # WCAG 2.2, 2.5.8
