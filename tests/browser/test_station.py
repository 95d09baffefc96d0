"""The station page and the frame page, as somebody uses them: what only a real browser shows."""

import json
import re
from collections.abc import Callable

import pytest
from lines import ConsoleLine
from playwright.sync_api import Page, expect
from visits import DESK, PHONE, Visit

from andon_console.safe.people import Role

pytestmark = pytest.mark.servers


def drawn(page: Page) -> list[list[list[int]]]:
    found: list[list[list[int]]] = json.loads(page.input_value("[data-outlines]"))
    return found


def newest(page: Page, station: str) -> None:
    """The page of the station's newest frame."""
    page.goto(f"/stations/{station}")
    page.get_by_role("link", name="Open this frame").click()
    page.wait_for_url(re.compile(r"/frames/\d+/\d+$"))
    expect(page.locator(".viewer[data-ready]")).to_be_visible()


def drag(page: Page, begin: tuple[float, float], *to: tuple[float, float]) -> None:
    """By shares of the frame."""
    box = page.locator(".viewer-sheet").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + begin[0] * box["width"], box["y"] + begin[1] * box["height"])
    page.mouse.down()
    for x, y in to:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.up()


def test_the_newest_frame_follows_until_it_is_paused(line: ConsoleLine, visit: Visit) -> None:
    first = line.frame("weld-follows")
    page = visit(Role.VIEWER)
    page.goto("/stations/weld-follows")
    viewer = page.locator("[data-viewer]")
    expect(viewer).to_have_attribute("data-frame-id", str(first.frame_id))
    second = line.frame("weld-follows", ratio=2, picture=1)
    expect(viewer).to_have_attribute("data-frame-id", str(second.frame_id))
    expect(page.locator("[data-facts]")).to_contain_text("call")
    page.get_by_role("button", name="Pause").click()
    third = line.frame("weld-follows", picture=2)
    expect(page.locator("[data-words]")).to_contain_text("3 frames")
    expect(viewer).to_have_attribute("data-frame-id", str(second.frame_id))
    page.get_by_role("button", name="Follow").click()
    expect(viewer).to_have_attribute("data-frame-id", str(third.frame_id))


def test_a_call_on_the_curve_is_opened_by_keyboard(line: ConsoleLine, visit: Visit) -> None:
    for ratio in (0.4, 2, 0.4):
        line.frame("weld-curve", ratio=ratio)
    page = visit(Role.VIEWER)
    page.goto("/stations/weld-curve")
    expect(page.locator("[data-words]")).to_contain_text("3 frames, 1 call")
    plot = page.get_by_role("slider", name="Scores over time")
    plot.focus()
    page.keyboard.press("c")
    expect(plot).to_have_attribute("aria-valuetext", re.compile(r"2\.00 . threshold, call"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/stations/weld-curve/frames/\d+/\d+$"))
    expect(page.locator("main")).to_contain_text("called anomalous")


def test_longer_times_are_read_from_kafka(line: ConsoleLine, visit: Visit) -> None:
    for ratio in (0.4, 2, 0.4, 3):
        line.frame("weld-hours", ratio=ratio)
    page = visit(Role.VIEWER)
    page.goto("/stations/weld-hours")
    page.get_by_role("button", name="8 h").click()
    expect(page.locator("[data-words]")).to_contain_text("4 frames, 2 calls")


def test_regions_are_drawn_in_pixels_of_the_frame(line: ConsoleLine, visit: Visit) -> None:
    line.frame("weld-drawn", ratio=2)
    page = visit(Role.REVIEWER)
    newest(page, "weld-drawn")
    size = page.locator("[data-viewer]")
    width, height = (int(size.get_attribute(f"data-{each}") or 0) for each in ("width", "height"))
    page.get_by_role("button", name="Draw a region").click()
    drag(page, (0.25, 0.25), (0.4, 0.4), (0.5, 0.75))
    (box,) = drawn(page)
    wanted = [(0.25, 0.25), (0.5, 0.25), (0.5, 0.75), (0.25, 0.75)]
    for point, (x, y) in zip(box, wanted, strict=True):
        assert point == pytest.approx([x * width, y * height], abs=2)

    page.get_by_role("button", name="Freehand").click()
    drag(page, (0.6, 0.6), *((0.6 + (i % 40) / 200, 0.6 + i / 2000) for i in range(500)))
    assert 3 <= len(drawn(page)[1]) <= 200
    page.get_by_role("button", name="Undo").click()
    assert len(drawn(page)) == 1

    page.get_by_text("By numbers").click()
    for name, number in (("Left", 1), ("Top", 2), ("Width", 10_000), ("Height", 4)):
        page.get_by_label(name, exact=True).fill(str(number))
    page.get_by_role("button", name="Add").click()
    assert len(drawn(page)) == 1, "wider than the frame"
    page.get_by_label("Width", exact=True).fill("3")
    page.get_by_role("button", name="Add").click()
    assert drawn(page)[1] == [[1, 2], [4, 2], [4, 6], [1, 6]]


def test_the_heat_stays_as_strong_as_somebody_chose(line: ConsoleLine, visit: Visit) -> None:
    line.frame("weld-heat", ratio=2)
    page = visit(Role.VIEWER)
    newest(page, "weld-heat")
    slider = page.get_by_label("Heat map")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    page.reload()
    expect(page.get_by_label("Heat map")).to_have_value("50")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nobody_is_shut_out_of_a_stations_pages(
    size: dict[str, int], line: ConsoleLine, visit: Visit, axe: Callable[[Page], None]
) -> None:
    line.frame("weld-open", ratio=2)
    page = visit(Role.REVIEWER, size=size)  # type: ignore[arg-type]
    newest(page, "weld-open")
    page.get_by_role("button", name="Draw a region").click()
    page.get_by_text("By numbers").click()
    axe(page)
    for address in ("/stations/weld-open", "/stations/weld-open/browse?calls=true", "/stations/weld-unknown"):
        page.goto(address)
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
