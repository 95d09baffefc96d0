"""The review queue in a real browser: by keyboard alone, by thumb, and with somebody else at it."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from lines import ConsoleLine
from playwright.sync_api import Page, expect
from visits import DESK, PHONE, Visit

from andon.records import Answer, Score, Told, read_event
from andon.topics import VERDICTS
from andon_console.safe.people import Role

pytestmark = pytest.mark.servers
WIDER = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


def calls(line: ConsoleLine, count: int) -> tuple[str, list[Score]]:
    """So many calls of a station of their own."""
    station = f"weld-{uuid4().hex[:8]}"
    return station, [line.frame(station, ratio=1.5 + number / 10, picture=number) for number in range(count)]


def at(page: Page, station: str, left: int) -> None:
    """The queue of one station, once it has read all of it."""
    page.goto(f"/review?station={station}")
    expect(page.locator("#progress")).to_have_attribute("data-left", str(left), timeout=20_000)
    page.goto(f"/review?station={station}")


def shown(page: Page) -> str:
    found = page.locator("#shown").get_attribute("data-frame")
    assert found is not None
    return found


def said(line: ConsoleLine, station: str) -> list[Answer]:
    own = (each for each in line.trial.read(VERDICTS) if each.key == station.encode())
    return sorted((read_event(Answer, each.value) for each in own), key=lambda each: each.at)


def press(page: Page, key: str) -> None:
    """A key, and the next frame is there and takes answers."""
    before = shown(page)
    page.keyboard.press(key)
    expect(page.locator("#shown")).not_to_have_attribute("data-frame", before)
    if shown(page):
        page.locator("[data-verdict]:not([inert])").wait_for()


def test_a_keyboard_alone_gets_through_ten_frames(line: ConsoleLine, visit: Visit):
    station, _ = calls(line, 10)
    page = visit(Role.REVIEWER)
    at(page, station, 10)
    for _ in range(9):
        press(page, "f")
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="Nothing is left to look at of these.")).to_be_visible()
    answers = said(line, station)
    assert [each.answer for each in answers] == [Told.FALSE_CALL] * 10
    assert len({each.frame_id for each in answers}) == 10
    assert {each.by for each in answers} == {"rosa"}


def test_a_real_defect_stays_until_its_kind_was_named_or_one_goes_on(line: ConsoleLine, visit: Visit):
    station, _ = calls(line, 3)
    page = visit(Role.REVIEWER)
    at(page, station, 3)
    first = shown(page)
    page.keyboard.press("r")
    expect(page.get_by_text("Which kind?")).to_be_visible()
    assert shown(page) == first
    page.get_by_label("Kind of defect").fill("scratch")
    page.keyboard.press("Enter")
    expect(page.locator("#shown")).not_to_have_attribute("data-frame", first)
    page.locator("[data-verdict]:not([inert])").wait_for()
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="scratch")).to_be_visible()
    press(page, "n")
    assert [(each.answer, each.defect) for each in said(line, station)] == [
        (Told.REAL, None),
        (Told.REAL, "scratch"),
        (Told.REAL, None),
    ]


def test_one_may_skip_go_back_and_take_an_answer_back(line: ConsoleLine, visit: Visit):
    station, _ = calls(line, 3)
    page = visit(Role.REVIEWER)
    at(page, station, 3)
    first = shown(page)
    press(page, "n")
    second = shown(page)
    press(page, "p")
    assert shown(page) == first
    press(page, "f")
    page.keyboard.press("z")
    expect(page.locator(".said-line")).to_contain_text("you took it back")
    assert [each.answer for each in said(line, station)] == [Told.FALSE_CALL, Told.WITHDRAWN]
    assert shown(page) == second
    expect(page.locator("#progress")).to_have_attribute("data-left", "3")


def test_the_heat_map_comes_and_goes_by_a_key_and_the_keys_are_told(line: ConsoleLine, visit: Visit):
    station, _ = calls(line, 1)
    page = visit(Role.REVIEWER)
    at(page, station, 1)
    slider = page.locator("[data-heat-opacity]")
    before = slider.input_value()
    page.keyboard.press("o")
    expect(slider).to_have_value("0")
    page.keyboard.press("o")
    expect(slider).to_have_value(before)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Heat map on and off")


def test_what_somebody_else_answers_leaves_while_one_looks_at_it(line: ConsoleLine, visit: Visit):
    station, _ = calls(line, 2)
    rosa, edda = visit(Role.REVIEWER), visit(Role.ENGINEER)
    at(rosa, station, 2)
    frame = shown(rosa)
    edda.goto(f"/review?frame={frame}&station={station}")
    edda.keyboard.press("f")
    expect(edda.locator("#shown")).not_to_have_attribute("data-frame", frame)
    expect(rosa.locator("#shown")).not_to_have_attribute("data-frame", frame)
    expect(rosa.locator("#told")).to_contain_text("edda has answered this frame meanwhile.")


def test_a_thumb_gets_through_it_on_a_phone(line: ConsoleLine, visit: Visit):
    station, _ = calls(line, 2)
    page = visit(Role.REVIEWER, size=PHONE)
    at(page, station, 2)
    first = shown(page)
    button = page.get_by_role("button", name="False call")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] > PHONE["height"] / 2  # where a thumb is
    button.click()
    expect(page.locator("#shown")).not_to_have_attribute("data-frame", first)
    assert page.evaluate(WIDER) <= 0


def test_a_frame_that_comes_is_shown_by_a_page_that_had_none(line: ConsoleLine, visit: Visit):
    station = f"weld-{uuid4().hex[:8]}"
    page = visit(Role.REVIEWER)
    page.goto(f"/review?station={station}")
    expect(page.get_by_role("heading", name="Nothing is left to look at of these.")).to_be_visible()
    line.frame(station, ratio=2)
    expect(page.locator("#shown img").first).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nobody_is_shut_out(
    size: dict[str, int], scheme: str, line: ConsoleLine, visit: Visit, axe: Callable[[Page], None]
):
    station, _ = calls(line, 2)
    page = visit(Role.ENGINEER, size=size, scheme=scheme)  # type: ignore[arg-type]
    at(page, station, 2)
    for path in (f"/review?station={station}", "/review?station=nowhere", "/rates", "/reviewed", "/reviewed?station=x"):
        page.goto(path)
        axe(page)
        assert page.evaluate(WIDER) <= 0, path
