"""What a page says."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from andon.cli import PANELS
from andon.errors import Mistake
from andon.line import Plan, Policy
from andon.records import (
    Cause,
    Change,
    ChangeKind,
    Drift,
    DriftCause,
    Evidence,
    FramePlace,
    IncidentEvent,
    Measure,
    Moved,
    Region,
    Score,
    Severity,
)
from andon.settings import load
from andon_alerting.drift_words import DRIFTED, FIRST, LOOK
from andon_alerting.links import LinkSettings
from andon_alerting.notifiers.alertmanager import alert
from andon_alerting.page import CONSEQUENCE, Page, page, where
from andon_alerting.policy import State, decide, went_silent
from andon_alerting.settings import AlertingSettings
from andon_alerting.story import FIRST_ACTION, SEVERITY, spoken, turned

MakeScore = Callable[..., Score]
MakeStory = Callable[..., Sequence[Score]]
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


def events(letters: str, score: MakeScore, policy: Policy) -> list[IncidentEvent]:
    state, found = State("weld-07"), []
    for seq, letter in enumerate(letters):
        state, decisions = decide(state, score(letter, seq), policy)
        found += [event for each in decisions if (event := turned(Plan("weld-07"), each))]
    return found


@pytest.fixture
def opened(score: MakeScore) -> Page:
    return page(events("oaoaa", score, Policy(multiple=None))[0])


def test_a_page_says_what_where_since_when_and_what_to_do(opened: Page) -> None:
    assert opened.description.splitlines() == [
        "weld-07: 3 of the last 5 frames look defective.",
        "Since 2026-03-02 14:00:04 UTC.",
        "Worst: score 0.2 against 0.1, 2.0 times the limit.",
        "Where: upper left, x 100 to 140, y 50 to 80.",
        "Bad parts may be moving on down the line.",
        "First: Look at the last parts of this station; stop the line if they are bad.",
        f"Look closer: andon incidents show {opened.incident.hex[:8]}",
        *(
            f"Evidence: camera.frames/2/{1000 + seq} at 2026-03-02 14:00:0{seq} UTC (frame {shown.frame_id})"
            for seq, shown in zip((4, 1, 3), opened.evidence, strict=True)
        ),
        f"Judged by bundle {'b' * 12}.",
    ]


def test_a_page_is_known_by_its_incident_and_turn(opened: Page) -> None:
    assert opened.id == f"{opened.incident}/opened"


def test_the_end_says_how_long_it_took(score: MakeScore) -> None:
    over = page(events("aaa" + "o" * 10, score, Policy(multiple=None))[-1])
    assert over.kind == "resolved"
    assert over.what == "weld-07 looks good again, after 10 s and 3 bad frames."
    assert (over.first_action, over.consequence) == ("", "")
    assert "over at 2026-03-02 14:00:12 UTC" in over.description


PLAIN = Policy(multiple=None, clear_after=4)
SENTENCES = [
    ("A", Policy(), "weld-07: a part looks badly wrong, 8.0 times the limit."),
    ("hinge:A", Policy(), "weld-07: a part of hinge looks badly wrong, 8.0 times the limit."),
    ("bracket:aaa", PLAIN, "weld-07: 3 of the last 3 frames of bracket look defective."),
    (
        "ooo swap aaa",
        PLAIN,
        "weld-07: 3 of the last 5 frames look defective since bundle b1b1b1 took over: likely it is the bundle, "
        "not the parts.",
    ),
    ("o uuu", PLAIN, "weld-07: 3 of the last 4 frames could not be inspected (no bundle)."),
    (
        "nobody uuu",
        PLAIN,
        "weld-07 is new here and not inspected: no bundle serves it yet. It may be being learned.",
    ),
    ("aaaa", PLAIN, "weld-07: 4 frames look defective by now, after 1 s; the worst is 2.0 times the limit."),
    ("o uuuu", PLAIN, "weld-07: 4 frames could not be inspected by now, after 1 s."),
    ("aaaoooo", PLAIN, "weld-07 looks good again, after 4 s and 3 bad frames."),
    ("Aoooo", Policy(clear_after=4), "weld-07 looks good again, after 4 s and 1 bad frame."),
    (
        "bracket:aaa hinge:oooo",
        PLAIN,
        "weld-07 makes bracket no more, and looks good, after 4 s and 3 bad frames.",
    ),
    ("o uuu oooo", PLAIN, "weld-07: frames are inspected again, after 4 s and 3 that were not."),
]


@pytest.mark.parametrize(("words", "policy", "sentence"), SENTENCES)
def test_each_turn_has_its_sentence(words: str, policy: Policy, sentence: str, story: MakeStory) -> None:
    assert told(words, story, policy)[-1].summary == sentence


def told(words: str, story: MakeStory, policy: Policy = PLAIN, plan: Plan | None = None) -> list[IncidentEvent]:
    state, found = State("weld-07"), list[IncidentEvent]()
    for score in story(words):
        state, decisions = decide(state, score, policy)
        found += [event for each in decisions if (event := turned(plan or Plan("weld-07"), each))]
    return found


def test_that_a_new_station_is_not_inspected_wakes_nobody_but_that_an_old_one_is_not_does(story: MakeStory) -> None:
    assert [each.severity for each in told("nobody uuu", story)] == ["warning"]
    assert [each.severity for each in told("o nobody uuu", story)] == ["critical"]


def test_where_the_bundle_is_the_likely_reason_the_first_action_is_another(story: MakeStory) -> None:
    (event,) = told("ooo swap aaa", story)
    assert event.first_action == (
        "Look at one of these parts. If it is good: andon rollback weld-07; if not, stop the line."
    )
    (event,) = told("nobody uuu", story)
    assert "andon assign weld-07" in event.first_action


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("o swap ooooo aaa", "7 s before: bundle b1b1b1 replaced b0b0b0"),
        ("bracket:ooooo hinge:oaaa", "3 s before: changed over from bracket to hinge"),
        ("ooooo hinge:oaaa", "3 s before: changed over from no named product to hinge"),
        ("o deploy oaaa", "3 s before: scoring runs on onnxruntime 1.22 cpu+ instead of onnxruntime 1.22 cpu"),
        ("ooaa swap a", "with this very frame: bundle b1b1b1 replaced b0b0b0"),
    ],
)
def test_a_page_says_what_changed_before(words: str, changed: str, story: MakeStory) -> None:
    told_now = page(told(words, story)[0])
    assert told_now.changed == changed
    assert f"Changed {changed}." in told_now.description.splitlines()


LINKS = LinkSettings(
    console="https://andon.factory/incidents/{incident}",
    dashboard="https://grafana.factory/d/andon?var-station={station}&var-line={line}&from={from_ms}&to={to_ms}",
    runbooks="https://wiki.factory/andon/{cause}",
)


def test_a_page_links_to_the_incident_the_dashboard_at_that_time_and_what_to_do(story: MakeStory) -> None:
    (event,) = told("aaa", story, plan=Plan("weld-07", line="press shop"))
    at = int(event.opened_at.timestamp() * 1000)
    linked = page(event, links=LINKS)
    assert linked.links == {
        "incident": f"https://andon.factory/incidents/{event.incident_id}",
        "dashboard": "https://grafana.factory/d/andon?var-station=weld-07&var-line=press%20shop"
        f"&from={at - 900_000}&to={at + 900_000}",
        "runbook": "https://wiki.factory/andon/defect_surge",
    }
    assert f"Runbook: {linked.links['runbook']}" in linked.description.splitlines()
    assert page(event).links == {}
    assert not [line for line in linked.description.splitlines() if line.startswith("Look closer")], "the link says it"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("https://wiki.factory/{couse}", "{couse} is nothing that an incident has; it may hold {incident}"),
        ("https://wiki.factory/{station.__class__}", "is nothing that an incident has"),
        ("https://wiki.factory/{station!r}", "is nothing that an incident has"),
        ("https://wiki.factory/{station:>9}", "is nothing that an incident has"),
        ("https://wiki.factory/{}", "is nothing that an incident has"),
        ("https://wiki.factory/{station", "expected '}' before end of string"),
        ("wiki/{cause}", "not an http:// or https:// address"),
        ("javascript:alert({cause})", "not an http:// or https:// address"),
        ("https://me:secret@wiki.factory/{cause}", "take the user and the password out of it"),
    ],
)
def test_a_link_that_cannot_work_is_told_before_anything_starts(
    template: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_LINKS__RUNBOOKS", template)
    with pytest.raises(Mistake, match=re.escape(problem)) as mistake:
        load(AlertingSettings)
    assert "ANDON_LINKS__RUNBOOKS" in str(mistake.value)
    assert "secret" not in str(mistake.value)


def test_a_page_names_a_few_frames_and_carries_them_all(score: MakeScore) -> None:
    event = events("a" * 40, score, PLAIN)[-1]
    text = page(event).description.splitlines()
    assert len(page(event).evidence) == 12
    assert [each for each in text if each.startswith(("Evidence", "And"))][3:] == ["And 9 more frames."]


def test_a_drill_says_so_first(story: MakeStory) -> None:
    (event,) = told("aaa", story, plan=Plan("drill.weld-07"))
    assert page(event).drill
    assert page(event).description.splitlines()[0] == "This is a drill."


@pytest.mark.parametrize(
    ("unit", "said"), [("", "sharpness 2.1 against 3.4"), ("px", "sharpness 2.1 px against 3.4 px")]
)
def test_what_was_measured_goes_before_the_worst_score(unit: str, said: str, story: MakeStory) -> None:
    (event,) = told("aaa", story)
    measured = event.model_copy(update={"measure": Measure(name="sharpness", value=2.1, limit=3.4, unit=unit)})
    assert page(measured).number_line == said
    assert f"Measured: {said}." in page(measured).description.splitlines()


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_its_words_and_a_runbook(cause: Cause) -> None:
    assert SEVERITY[cause]
    assert FIRST_ACTION[cause].endswith(".")
    assert CONSEQUENCE[cause].endswith(".")
    text = (RUNBOOKS / f"{cause}.md").read_text()
    sections = re.findall("^## (.+)$", text, re.MULTILINE)
    assert sections[:4] == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert sections[4:] == (list(DriftCause) if cause is Cause.DRIFT else [])
    assert text.startswith(f"# {cause}\n")
    assert f"`{cause}`" in (RUNBOOKS / "README.md").read_text()


def test_runbooks_name_only_commands_that_there_are() -> None:
    known = {name for names in PANELS.values() for name in names} | {"COMMAND"}
    text = "".join(path.read_text() for path in RUNBOOKS.glob("*.md"))
    named = set(re.findall(r"(?:`|^ +)andon ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= known


def test_a_silent_station_shows_its_last_frame(score: MakeScore) -> None:
    policy = Policy()
    state, _ = decide(State("weld-07"), score("o", 0), policy)
    _, (decision,) = went_silent(state, policy)
    event = turned(Plan("weld-07"), decision)
    assert event is not None
    silent = page(event)
    assert silent.what == "weld-07 has sent no frame since 14:00:00 UTC."
    assert silent.severity == "warning"
    assert silent.number_line == "without a frame 60.1 s against 60 s"
    assert silent.where is None
    assert silent.evidence[0].frame.offset == 1000


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 10, 10), "upper left, x 0 to 10, y 0 to 10"),
        ((45, 45, 10, 10), "centre, x 45 to 55, y 45 to 55"),
        ((90, 40, 10, 10), "middle right, x 90 to 100, y 40 to 50"),
        ((40, 95, 10, 5), "lower centre, x 40 to 50, y 95 to 100"),
    ],
)
def test_a_region_is_told_in_words_and_pixels(box: Sequence[int], words: str, start: datetime) -> None:
    x, y, width, height = box
    strong = Region(x=x, y=y, width=width, height=height, peak=2.0)
    weak = Region(x=1, y=1, width=1, height=1, peak=1.0)
    place = FramePlace(topic="camera.frames", partition=0, offset=0)
    frame = Evidence(
        frame_id="6f0c0e0a-0000-5000-8000-000000000000",
        frame=place,
        captured_at=start,
        regions=(weak, strong),
        width=100,
        height=100,
    )
    assert where(frame) == words
    assert where(frame.model_copy(update={"regions": ()})) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (720, "12 min"), (11_100, "3 h 5 min"), (600_000, "6 days"), (-1, "0 s")]
)
def test_time_is_told_as_people_say_it(seconds: int, words: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == words


SOFTER = Moved(name="sharpness", before=4.61, after=4.12, sigmas=-3.2)
HOTTER = Moved(name="spindle_temperature", unit="K", before=341.0, after=347.2, sigmas=5.0)


@pytest.fixture
def drifting(story: MakeStory, start: datetime) -> IncidentEvent:
    """A ticket about focus."""
    (event,) = told("aaa", story)
    found = Drift(named=DriftCause.FOCUS, since=start, moved=(SOFTER,), sensors=(HOTTER,), false_alarm_days=30)
    update = {"cause": Cause.DRIFT, "severity": Severity.WARNING, "drift": found, "evidence": ()}
    words = {"summary": "weld-07: the picture gets softer since 14:00 UTC.", "first_action": "Wipe the lens."}
    return event.model_copy(update=update | words)


def test_a_page_of_drift_says_what_drifted_by_how_much_and_how_often_that_is_nothing(drifting: IncidentEvent) -> None:
    shown = page(drifting, links=LINKS)
    text = shown.description.splitlines()
    assert text[0] == "weld-07: the picture gets softer since 14:00 UTC."
    assert "Measured: sharpness 4.12, usually 4.61." in text
    assert "First: Wipe the lens." in text
    assert "Where nothing changes, this station gives such a ticket once in about 30 days." in text
    assert shown.links["runbook"] == "https://wiki.factory/andon/drift#focus"
    assert shown.drift is DriftCause.FOCUS
    noted = alert(shown, drifting.at, 60)["annotations"]
    assert (noted["drift"], noted["number"], "odds" in noted) == ("focus", "sharpness 4.12, usually 4.61", True)


def test_of_a_spot_its_own_place_is_told_and_of_other_drift_none(drifting: IncidentEvent, story: MakeStory) -> None:
    (bad,) = told("aaa", story)
    assert drifting.drift is not None
    shown = drifting.model_copy(update={"evidence": bad.evidence})
    assert page(shown).where is None
    spot = drifting.drift.model_copy(update={"where": Region(x=600, y=400, width=20, height=20, peak=1)})
    assert page(shown.model_copy(update={"drift": spot})).where == "lower right, x 600 to 620, y 400 to 420"


def test_drift_that_does_harm_says_so_and_nothing_of_odds(drifting: IncidentEvent) -> None:
    assert drifting.drift is not None
    more = Moved(name="rejects", before=0.004, after=0.019, sigmas=4)
    updates: list[dict[str, object]] = [
        {"drift": drifting.drift.model_copy(update={"rejects": more})},
        {"reason": "with_harm"},
    ]
    for update in updates:
        shown = page(drifting.model_copy(update={"severity": Severity.CRITICAL} | update))
        assert shown.consequence.startswith("More parts are called since")
        assert shown.odds is None


def test_of_a_sensor_its_own_number_is_told(drifting: IncidentEvent) -> None:
    assert drifting.drift is not None
    shown = page(drifting.model_copy(update={"drift": drifting.drift.model_copy(update={"named": DriftCause.SENSOR})}))
    assert shown.number_line == "spindle temperature 347.2 K, usually 341 K"
    assert shown.consequence == "Verdicts hold; the process is not as it was when parts were good."


def test_rejects_are_told_with_their_own_number_and_what_drifted_before(drifting: IncidentEvent) -> None:
    measure = Measure(name="called", value=0.019, limit=0.008)
    change = Change(kind=ChangeKind.DRIFT, at=drifting.opened_at - timedelta(minutes=20), sentence="focus drifted")
    update = {"cause": Cause.REJECT_RATE, "measure": measure, "changed": change}
    shown = page(drifting.model_copy(update=update), links=LINKS)
    assert shown.number_line == "called 0.019 against 0.008"
    assert shown.changed == "20 min before: focus drifted"
    assert shown.links["runbook"] == "https://wiki.factory/andon/reject_rate"
    assert shown.consequence.startswith("More parts are called since")
    alone = page(drifting.model_copy(update=update | {"drift": None}))
    assert alone.consequence == "More parts are rejected than used to be; each verdict is as good as ever."


def test_a_link_with_a_place_of_its_own_keeps_it(drifting: IncidentEvent) -> None:
    links = LinkSettings(runbooks="https://wiki.factory/andon#{cause}")
    assert links.of(drifting)["runbook"] == "https://wiki.factory/andon#drift"


@pytest.mark.parametrize("named", list(DriftCause))
def test_every_drift_has_its_words(named: DriftCause) -> None:
    assert FIRST[named].endswith((".", "?"))
    assert named in DRIFTED
    assert LOOK[named].startswith("look ")
