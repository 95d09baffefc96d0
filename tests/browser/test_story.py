"""One shift, from the lamp to the model: the board goes red, its page is opened, a verdict moves the gauge, the review
is done, and the better model takes over. Real alerting and scoring stand behind it."""

import re
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from lines import THRESHOLD, ConsoleLine
from playwright.sync_api import expect
from prometheus_client.parser import text_string_to_metric_families
from visits import PHONE, Visit

from andon.bundle import Bundle
from andon.records import Assignment, Proof, Score, Told, read_answer, read_event, write_event
from andon.records.assignment import PROVEN, assignment_key
from andon.stage import Message
from andon.testing.models import proven_bundle
from andon.topics import MODELS, VERDICTS
from andon_console.safe.people import Role
from andon_demo.servers.ports import HOST

pytestmark = pytest.mark.servers
STATION = "weld-story"


def gauge(line: ConsoleLine, name: str) -> float | None:
    """What the console tells Prometheus of the station's last 24 hours."""
    text = httpx.get(f"http://{HOST}:{line.trial.service('console').port}/metrics").text
    wanted = {"station": STATION, "product": "", "shift": "24h"}
    samples = (each for family in text_string_to_metric_families(text) for each in family.samples)
    return next((each.value for each in samples if (each.name, each.labels) == (name, wanted)), None)


def said(line: ConsoleLine) -> dict[UUID, Told]:
    """The last word on each frame."""
    found = [read_answer(each) for each in line.trial.read(VERDICTS) if each.key == STATION.encode()]
    return {each.frame_id: each.answer for each in sorted(found, key=lambda each: each.at)}


def calls(line: ConsoleLine, count: int) -> list[Score]:
    """Good frames, and then so many that are called."""
    for picture in range(20):
        line.frame(STATION, ratio=0.4, picture=picture)
    return [line.frame(STATION, ratio=2 + n / 10, picture=30 + n) for n in range(count)]


def put_to_work(line: ConsoleLine) -> tuple[Bundle, Bundle]:
    """A bundle that serves, proven by real scoring, and one that shadows it."""
    made = proven_bundle(), proven_bundle(threshold=THRESHOLD)
    for each in made:
        line.trial.bundles.put(each)
    line.trial.assign(made[0], STATION)
    key = assignment_key(STATION, None)
    (given,) = (read_event(Assignment, each.value) for each in line.trial.read(MODELS) if each.key == key)
    shadowed = given.model_copy(update={"shadows": (made[1].digest,)})
    line.trial.write(Message(MODELS, shadowed.key, write_event(shadowed)))
    return made


@pytest.fixture
def at_work(line: ConsoleLine) -> Iterator[tuple[Bundle, Bundle]]:
    """Alerting and scoring run for this test alone: elsewhere on this Kafka others do."""
    line.trial.start("alerting", "scoring")
    yield put_to_work(line)
    for name in ("alerting", "scoring"):
        line.trial.service(name).process.stop(grace_s=25)


def test_a_shift_from_the_lamp_to_the_model(line: ConsoleLine, visit: Visit, at_work: tuple[Bundle, Bundle]):
    old, new = at_work
    board = visit(Role.VIEWER)
    called = calls(line, 5)

    # The board goes red by itself, without being loaded again.
    tile = board.locator("li.red").filter(has_text=STATION)
    expect(tile).to_be_visible(timeout=20_000)
    expect(tile).to_contain_text("defect surge")

    # Whoever is on call opens it on their phone, takes it on, and says what it is.
    phone = visit(Role.REVIEWER, size=PHONE)
    phone.goto("/incidents?open=true&station=" + STATION)
    phone.get_by_role("link", name=re.compile(STATION)).first.click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text(STATION)
    line.trial.until(lambda: (gauge(line, "andon_false_call_rate_high") or 1) < 1, "what was counted to be told")
    line.trial.until(lambda: gauge(line, "andon_false_call_rate") is None, "the calls to be counted, unanswered yet")
    phone.get_by_role("button", name="False call").tap()
    line.trial.until(lambda: gauge(line, "andon_false_call_rate"), "the gauge to move", within_s=5, pause_s=0.05)
    assert list(said(line).values()) == [Told.FALSE_CALL]

    # What is left is reviewed by keyboard, and the queue is empty then.
    desk = visit(Role.REVIEWER)
    desk.goto(f"/review?station={STATION}")
    done = desk.get_by_role("heading", name="Nothing is left to look at of these.")
    while len(said(line)) < len(called):
        shown = desk.locator("#shown")
        before = shown.get_attribute("data-frame") or ""
        desk.locator("[data-verdict]:not([inert])").wait_for()
        desk.keyboard.press("f")
        expect(shown).not_to_have_attribute("data-frame", before)
    expect(done).to_be_visible()
    assert said(line) == {each.frame_id: Told.FALSE_CALL for each in called}
    line.trial.until(lambda: gauge(line, "andon_false_call_rate") == pytest.approx(5 / 25), "all 25 to be counted")

    # An engineer lets the shadow take over; real scoring proves it, and the page says so.
    models = visit(Role.ENGINEER)
    models.goto(f"/models/at/{STATION}")
    models.get_by_role("link", name="Promote", exact=True).click()
    sheet = models.get_by_role("region", name=f"Promote a shadow: {STATION}")
    sheet.get_by_label("Why?").fill("every call of this shift was false")
    sheet.get_by_role("button", name="Promote a shadow").click()
    active = models.get_by_role("region", name="Active")
    expect(active).to_contain_text(new.digest[:12])
    expect(active).to_contain_text("proven", timeout=20_000)
    proofs = [read_event(Proof, each.value) for each in line.trial.read(MODELS) if (each.key or b"").startswith(PROVEN)]
    assert new.digest in {each.bundle for each in proofs if each.station == STATION}

    # All of it stands in the audit log.
    models.goto("/audit")
    table = models.get_by_role("table")
    for person, deed in (("rosa", "answered"), ("edda", "promoted")):
        expect(table.get_by_role("row").filter(has_text=person).filter(has_text=deed).first).to_be_visible()
    assert old.digest != new.digest
