"""A drift in a real browser: two pictures laid over each other, and a reference learned anew by one press."""

import time

import pytest
from drift_seen import drifts
from lines import ConsoleLine
from playwright.sync_api import Page, expect

from andon.baselines import read_said
from andon.records import Relearn
from andon.topics import BASELINES

pytestmark = pytest.mark.servers
NOW_SHOWN = "getComputedStyle(document.querySelector('.compare-after .picture')).clipPath"


def opened(page: Page, address: str) -> None:
    """The page, once the console has heard of what it is about."""
    deadline = time.monotonic() + 10
    while (answer := page.goto(address)) and not answer.ok and time.monotonic() < deadline:
        time.sleep(0.1)


def relearns(line: ConsoleLine, key: str) -> list[Relearn]:
    found = (read_said(each.value) for each in line.trial.read(BASELINES) if each.key == key.encode())
    return [each for each in found if isinstance(each, Relearn)]


def test_a_drift_is_compared_in_place_and_learned_anew_and_nobody_loses_what_they_write(line: ConsoleLine, page: Page):
    incident, known = drifts(line, "weld-drifts")
    opened(page, f"/incidents/{incident}")
    for name in ("Before", "Now"):
        picture = page.get_by_role("img", name=f"{name}: frame of weld-drifts")
        expect(picture).to_be_visible()
        assert picture.evaluate("each => each.complete && each.naturalWidth > 0")
    page.get_by_role("button", name="One over the other").click()
    assert page.evaluate(NOW_SHOWN) == "inset(0px 0px 0px 50%)"
    page.get_by_role("button", name="Swap").click()
    assert page.evaluate(NOW_SHOWN) == "inset(0px 0px 0px 0%)"
    page.get_by_role("slider", name="How much of the picture of now").fill("25")
    assert page.evaluate(NOW_SHOWN) == "inset(0px 0px 0px 75%)"

    page.locator("summary", has_text="It is as it should be now").click()
    page.get_by_placeholder("a new lamp").fill("the camera was set anew")
    page.get_by_role("button", name="Learn anew").click()
    expect(page.locator("#told")).to_contain_text("learns anew from the frames that come")
    (said,) = relearns(line, known.key)
    assert (said.by, said.why) == ("edda", "the camera was set anew")
    page.goto("/stations/weld-drifts")
    expect(page.locator("#watched")).to_contain_text("edda wants it learned anew since")

    sheet = page.locator("#watched details.sheet")  # that of its sensors
    sheet.locator("summary").click()
    why = sheet.get_by_label("Why?")
    why.fill("another spindle")
    with page.expect_response("**/stations/weld-drifts/drift"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('andon:baselines'))")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(why).to_have_value("another spindle")
