"""The incident page in a real browser: from the page to the verdict by thumb, by keyboard, and live."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from lines import ConsoleLine
from playwright.sync_api import Page, expect
from visits import DESK, PHONE, Visit

from andon.ids import derived_id
from andon.incidents import Incident, acknowledged
from andon.records import (
    Answer,
    Cause,
    Evidence,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Told,
    read_event,
    write_event,
)
from andon.stage import Message
from andon.topics import INCIDENTS, SCORES, VERDICTS
from andon_console.safe.people import Role

pytestmark = pytest.mark.servers
WIDER = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


def surge(line: ConsoleLine, frames: int = 3) -> tuple[IncidentEvent, list[Score]]:
    """An incident as alerting writes it, of frames that lie in Kafka; the worst is the last of them."""
    station = f"weld-{uuid4().hex[:8]}"
    scores = [line.frame(station, ratio=1.5 + number / 10, picture=number) for number in range(frames)]
    now = datetime.now(UTC)
    event = IncidentEvent(
        event_id=uuid4(), incident_id=uuid4(), kind=IncidentKind.OPENED, station=station, cause=Cause.DEFECT_SURGE,
        severity=Severity.CRITICAL, reason="k_of_n_reached", at=now, opened_at=now, count=frames, product="lid",
        summary=f"{station}: 3 of the last 5 frames look defective.", first_action="Look at the last parts.",
        evidence=tuple(_shown(line, each) for each in scores),
    )  # fmt: skip
    tell(line, event)
    return event, scores


def _shown(line: ConsoleLine, score: Score) -> Evidence:
    own = str(score.frame_id).encode()
    place = next(FramePlace.of(each) for each in line.trial.read(SCORES) if own in each.value)
    known = {name: getattr(score, name) for name in ("frame_id", "frame", "captured_at", "score", "threshold")}
    return Evidence(scored=place, bundle=score.bundle, regions=score.regions, width=640, height=480, **known)


def tell(line: ConsoleLine, event: IncidentEvent) -> None:
    line.trial.write(Message(INCIDENTS, event.station.encode(), write_event(event)))


def answers(line: ConsoleLine, station: str) -> list[Answer]:
    found = [read_event(Answer, each.value) for each in line.trial.read(VERDICTS) if each.key == station.encode()]
    return sorted(found, key=lambda each: each.at)


def opened(page: Page, event: IncidentEvent) -> None:
    """The page of the incident, once the console has heard of it."""
    deadline = time.monotonic() + 10
    while (answer := page.goto(f"/incidents/{event.incident_id}")) and not answer.ok and time.monotonic() < deadline:
        time.sleep(0.1)
    expect(page.get_by_role("heading", level=1)).to_have_text(event.summary)


def test_from_the_page_to_the_verdict_with_one_thumb_within_ten_seconds(line: ConsoleLine, visit: Visit):
    event, scores = surge(line)
    page = visit(Role.REVIEWER, size=PHONE)
    opened(page, event)
    page.goto("/")
    began = time.monotonic()
    page.goto(f"/incidents/{event.incident_id.hex[:8]}")  # the link of the page: the only click so far
    button = page.get_by_role("button", name="Real defect")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 56
    assert box["y"] > PHONE["height"] * 0.6, "in reach of the thumb that holds the phone"
    assert box["y"] + box["height"] <= PHONE["height"]
    button.tap()  # the second
    expect(page.get_by_text("You said: Real defect")).to_be_visible()
    assert time.monotonic() - began < 10
    (said,) = answers(line, event.station)
    assert (said.answer, said.by, said.frame_id) == (Told.REAL, "rosa", scores[-1].frame_id)
    assert page.evaluate(WIDER) <= 0


def test_an_answer_brings_the_next_frame_and_a_second_tap_meant_for_the_first_does_nothing(
    line: ConsoleLine, visit: Visit
):
    event, scores = surge(line)
    page = visit(Role.REVIEWER, size=PHONE)
    opened(page, event)
    page.get_by_role("button", name="False call").tap()
    expect(page.locator("#shown")).to_have_attribute("data-frame", str(scores[1].frame_id))
    page.evaluate("document.querySelector('.answers [value=false_call]').dispatchEvent(new MouseEvent('mousedown'))")
    expect(page.locator("[data-verdict]")).to_have_attribute("inert", "")
    expect(page.get_by_text("The frame before: You said: False call")).to_be_visible()
    page.locator(".said-line").get_by_role("button", name="Undo").tap()
    expect(page.get_by_text("you took it back")).to_be_visible()
    assert [each.answer for each in answers(line, event.station)] == [Told.FALSE_CALL, Told.WITHDRAWN]


def test_a_defect_is_named_and_drawn_after_it_was_called_one(line: ConsoleLine, visit: Visit):
    event, scores = surge(line)
    page = visit(Role.REVIEWER)
    opened(page, event)
    page.get_by_role("button", name="Real defect").click()
    expect(page.get_by_text("You said: Real defect")).to_be_visible()
    page.get_by_role("button", name="Draw a region").click()
    page.locator(".viewer-image").evaluate("image => image.scrollIntoView()")
    stage = page.locator(".viewer-image").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + stage["width"] * 0.25, stage["y"] + stage["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.5, stage["y"] + stage["height"] * 0.5, steps=4)
    page.mouse.up()
    expect(page.locator("[data-drawn-words]")).to_contain_text("1")
    page.get_by_label("Kind of defect").fill("dent")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#shown")).to_have_attribute("data-frame", str(scores[1].frame_id))
    last = answers(line, event.station)[-1]
    assert (last.frame_id, last.answer, last.defect) == (scores[-1].frame_id, Told.REAL, "dent")
    (outline,) = last.outlines
    xs, ys = zip(*outline.points, strict=True)
    assert min(xs) == pytest.approx(160, abs=4)
    assert max(ys) == pytest.approx(240, abs=4)


def test_a_keyboard_alone_judges_every_frame(line: ConsoleLine, visit: Visit):
    event, scores = surge(line)
    page = visit(Role.REVIEWER)
    opened(page, event)
    shown = page.locator("#shown")
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_attribute("data-frame", str(scores[1].frame_id))
    page.keyboard.press("k")
    expect(shown).to_have_attribute("data-frame", str(scores[2].frame_id))
    expect(page.locator("[data-verdict]")).not_to_have_attribute("inert", "")
    page.keyboard.press("u")
    expect(shown).to_have_attribute("data-frame", str(scores[1].frame_id))
    page.keyboard.press("z")
    expect(page.get_by_text("you took it back")).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_text("The frame before: You said: Unsure")).to_be_visible()
    assert [each.answer for each in answers(line, event.station)] == [Told.UNSURE, Told.WITHDRAWN, Told.UNSURE]
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_others_do_is_shown_and_what_one_is_writing_stays(line: ConsoleLine, visit: Visit):
    event, _ = surge(line)
    page = visit(Role.REVIEWER)
    opened(page, event)
    page.locator("summary", has_text="Resolve").click()
    note = page.get_by_label("What was it, and what was done?")
    note.fill("half a sente")
    tell(line, acknowledged(Incident([event]), "mira", "on my way", datetime.now(UTC)))
    expect(page.locator("#state")).to_contain_text("mira has it since")
    expect(note).to_have_value("half a sente")
    expect(note).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("summary", has_text="Acknowledge")).to_have_count(0)
    page.locator("summary", has_text="Resolve").click()
    page.get_by_label("What was it, and what was done?").fill("wiped the lens")
    page.get_by_role("button", name="It is over").click()
    expect(page.locator("#state")).to_contain_text("ended by rosa")
    expect(page.locator("#history")).to_contain_text("wiped the lens")


def test_a_silence_says_until_when_and_is_ended_by_one_press(line: ConsoleLine, visit: Visit):
    event, _ = surge(line)
    page = visit(Role.REVIEWER, size=PHONE)
    opened(page, event)
    page.locator("summary", has_text="Silence").tap()
    page.get_by_label("Why?").fill("the lamp is being changed")
    page.get_by_role("button", name="2 h").tap()
    expect(page.locator("#acts")).to_contain_text("rosa said so")
    page.get_by_role("button", name="End the silence").tap()
    expect(page.locator("#acts")).not_to_contain_text("rosa said so")


def test_the_list_is_sifted_into_the_address_and_shows_what_opens_meanwhile(line: ConsoleLine, visit: Visit):
    event, _ = surge(line)
    page = visit(Role.VIEWER)
    opened(page, event)
    page.goto("/incidents")
    page.get_by_label("Station").fill(event.station)
    page.wait_for_url(f"**/incidents?station={event.station}")
    expect(page.locator("#list li")).to_have_count(1)
    another = event.model_copy(
        update={
            "event_id": derived_id(event.event_id, "dark"),
            "incident_id": derived_id(event.incident_id, "dark"),
            "cause": Cause.STATION_DARK,
        }
    )
    tell(line, another)
    expect(page.locator("#list li")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nobody_is_shut_out_of_an_incident(
    size: dict[str, int], scheme: str, line: ConsoleLine, visit: Visit, axe: Callable[[Page], None]
):
    event, _ = surge(line)
    page = visit(Role.REVIEWER, size=size, scheme=scheme)  # type: ignore[arg-type]
    opened(page, event)
    page.get_by_role("button", name="Real defect").click()
    expect(page.get_by_text("You said: Real defect")).to_be_visible()
    page.locator("summary", has_text="Runbook").click()
    page.locator("summary", has_text="Silence").click()
    axe(page)
    assert page.evaluate(WIDER) <= 0
    page.goto("/incidents")
    axe(page)
    assert page.evaluate(WIDER) <= 0
