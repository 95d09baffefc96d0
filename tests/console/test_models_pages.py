"""The models page and those below it, over a real bundle store in a folder."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from worlds import PAGE, House, Lying, Sent, TestClient, benched, house

from andon.ids import frame_id
from andon.records import (
    Answer,
    Assignment,
    FramePlace,
    Proof,
    Refusal,
    Request,
    RequestNews,
    Score,
    Swap,
    Told,
    Verdict,
    Wish,
    read_event,
    write_event,
)
from andon.signing import TrustedKey
from andon.stage import Record
from andon.store import BundleStore
from andon.testing.models import proven_bundle, without_sample
from andon.topics import MODELS, REQUESTS, SCORES, SHADOW_SCORES, VERDICTS
from andon_console.models.changing import Act, stamp
from andon_console.safe.people import Role

STATION = "weld-07"
HX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def digests(folder: Path) -> tuple[str, str, str]:
    """Three bundles: thresholds 128, 100 and, for the product cup, 150."""
    store = BundleStore(str(folder))
    made = proven_bundle(), proven_bundle(threshold=100.0), proven_bundle(threshold=150.0, product="cup")
    one, two, three = (store.put(each) for each in made)
    return one, two, three


def told(here: House, topic: str, *said: object, station: str = STATION) -> None:
    """Records that come from elsewhere."""
    records = []
    for each in said:
        key = getattr(each, "key", station.encode())
        records.append(Record(topic, 0, 0, key, write_event(each), (), 0))  # type: ignore[arg-type]
    folds = {MODELS: here.world.models, REQUESTS: here.world.requests, VERDICTS: here.world.answers}
    folds[topic].take(records)


def assignment(bundle: str, **more: object) -> Assignment:
    said = {"station": STATION, "bundle": bundle, "by": "omar", "why": "first one", "at": datetime.now(UTC)}
    return Assignment.model_validate(said | more)


def seen(here: House, product: str | None = None) -> str:
    own = here.world.models.of(STATION, product)
    return stamp(own.active if own else None)


def form(here: House, bundle: str, **more: str) -> dict[str, str]:
    return {"bundle": bundle, "why": "it sees more", "seen": seen(here)} | more


@pytest.fixture
def here(folder: Path, digests: tuple[str, str, str]) -> House:
    return house(store=str(folder))


def text_of(browser: TestClient, path: str, status: int = 200, **headers: Any) -> str:
    answer = browser.get(path, headers=PAGE | headers)
    assert answer.status_code == status, answer.text
    return answer.text


def words(text: str) -> str:
    """A page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_what_serves_where_is_told_with_its_state_and_the_bundles_of_the_store(
    here: House, digests: tuple[str, str, str]
):
    one, two, _ = digests
    told(here, MODELS, assignment(one, shadows=(two,), by="omar", why=HOSTILE))
    text = text_of(here.signed_in(Role.VIEWER), "/models")
    said = words(text)
    assert HOSTILE not in text
    for part in (
        STATION,
        one[:12],
        two[:12],
        "waiting",
        "is andon scoring running?",
        "brightest-pixel",
        "0.20 % to 14.00 %",
    ):
        assert part in said
    assert f"active {STATION}" in said
    assert f"shadow {STATION}" in said


def test_proven_refused_and_swapped_are_told_as_scoring_says_them(here: House, digests: tuple[str, str, str]):
    one, two, _ = digests
    now, browser = datetime.now(UTC), here.signed_in(Role.VIEWER)
    told(here, MODELS, assignment(one), Proof(station=STATION, bundle=one, at=now))
    place = FramePlace(topic="frames.prepared", partition=3, offset=4711)
    told(here, MODELS, Swap(station=STATION, bundle=one, frame=place, at=now))
    said = words(text_of(browser, f"/models/at/{STATION}"))
    assert "proven" in said
    assert "frames.prepared/3/4711" in said
    told(here, MODELS, assignment(two), Refusal(station=STATION, bundle=two, why="golden frame 10.png differs", at=now))
    said = words(text_of(browser, f"/models/at/{STATION}"))
    assert "refused" in said
    assert f"golden frame 10.png differs; {one[:12]} serves on" in said


def test_who_asked_for_a_bundle_is_told_when_somebody_else_was_quicker(here: House, digests: tuple[str, str, str]):
    one, two, _ = digests
    told(here, MODELS, assignment(two, by="omar", why="night shift"))
    text = text_of(here.signed_in(Role.VIEWER), f"/models/at/{STATION}/now?asked={one}")
    assert "Overtaken: omar assigned" in words(text)


def test_an_engineer_promotes_a_shadow_and_the_deed_tells_both_sides(here: House, digests: tuple[str, str, str]):
    one, two, _ = digests
    told(here, MODELS, assignment(one, shadows=(two,)))
    browser = here.signed_in(Role.ENGINEER)
    sheet = words(text_of(browser, f"/models/at/{STATION}/promote?bundle={two}", **HX))
    for part in (STATION, two[:12], "takes over from", one[:12], "omar"):
        assert part in sheet
    answer = browser.post(f"/models/at/{STATION}/promote", data=form(here, two), headers=HX)
    assert answer.status_code == 200
    assert two[:12] in answer.text
    (written,) = here.sent.on(MODELS)
    after = read_event(Assignment, written.value)
    assert (written.key, after.bundle, after.by, after.why) == (after.key, two, "edda", "it sees more")
    assert after.past[0].bundle == one
    (deed,) = here.sent.deeds()
    assert (deed.did, deed.station, deed.subject) == ("promoted", STATION, two)
    assert one[:12] in str(deed.before)
    assert two[:12] in str(deed.after)
    serving = here.world.models.of(STATION)
    assert serving is not None
    assert serving.active.bundle == two


def test_a_change_meanwhile_is_refused_with_who_and_nothing_is_written(here: House, digests: tuple[str, str, str]):
    one, two, three = digests
    told(here, MODELS, assignment(one, shadows=(two,)))
    old = form(here, two)
    told(here, MODELS, assignment(three, by="omar", why="recipe 4"))
    browser = here.signed_in(Role.ENGINEER)
    plain = browser.post(f"/models/at/{STATION}/promote", data=old)
    part = browser.post(f"/models/at/{STATION}/promote", data=old, headers=HX)
    assert (plain.status_code, part.status_code) == (409, 200)
    for each in (plain.text, part.text):
        for told_who in ("omar has changed it", "recipe 4", three[:12]):
            assert told_who in each
    assert 'role="alert"' in part.text
    assert here.sent.messages == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
@pytest.mark.parametrize("act", [*Act, "threshold"])
def test_only_engineers_change_anything(here: House, digests: tuple[str, str, str], role: Role, act: str):
    told(here, MODELS, assignment(digests[0], shadows=(digests[1],)))
    browser = here.signed_in(role)
    answer = browser.post(f"/models/at/{STATION}/{act}", data=form(here, digests[1], budget="2"))
    assert answer.status_code == 403
    assert here.sent.on(MODELS) == []
    assert here.sent.on(REQUESTS) == []


def test_a_station_is_assigned_shadowed_and_rolled_back_by_clicks_alone(here: House, digests: tuple[str, str, str]):
    one, two, three = digests
    browser = here.signed_in(Role.ENGINEER)

    def press(act: Act, bundle: str, **more: str) -> Assignment:
        answer = browser.post(f"/models/at/{STATION}/{act}", data=form(here, bundle, **more))
        assert (answer.status_code, answer.headers.get("location")) == (303, f"/models/at/{STATION}"), answer.text
        found = here.world.models.of(STATION)
        assert found is not None
        return found.active

    assert press(Act.ASSIGN, one).bundle == one
    assert press(Act.SHADOW, two, frames="2000", budget="2 per 1000").promotion is not None
    assert press(Act.UNSHADOW, two).shadows == ()
    assert [each.bundle for each in press(Act.ASSIGN, two).past] == [one]
    assert [each.bundle for each in press(Act.ASSIGN, three).past] == [two, one]
    assert press(Act.ROLLBACK, one).bundle == one
    assert [each.did for each in here.sent.deeds()] == [
        "assigned",
        "shadowed",
        "shadowed",
        "assigned",
        "assigned",
        "rolled_back",
    ]


def test_a_product_gets_a_bundle_of_its_own_and_doubts_are_told_before(here: House, digests: tuple[str, str, str]):
    one, _, three = digests
    told(here, MODELS, assignment(one))
    browser = here.signed_in(Role.ENGINEER)
    sheet = words(text_of(browser, f"/models/at/{STATION}/assign?product=lid&bundle={three}", **HX))
    assert "it was made for product 'cup', and is assigned for product 'lid'" in sheet.replace("&#39;", "'")
    data = form(here, three, seen="none")
    assert browser.post(f"/models/at/{STATION}/assign?product=lid", data=data).status_code == 303
    lid, everything = here.world.models.of(STATION, "lid"), here.world.models.of(STATION)
    assert lid is not None
    assert everything is not None
    assert (lid.active.bundle, everything.active.bundle) == (three, one)


@pytest.mark.parametrize(
    ("act", "more", "told_why"),
    [
        (Act.ASSIGN, {"why": "  "}, "say why"),
        (Act.PROMOTE, {}, "is not a shadow"),
        (Act.SHADOW, {"frames": "100"}, "a trial needs both"),
        (Act.ROLLBACK, {}, "the first bundle it ever had"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_written(
    here: House, digests: tuple[str, str, str], act: Act, more: dict[str, str], told_why: str
):
    told(here, MODELS, assignment(digests[0]))
    browser = here.signed_in(Role.ENGINEER)
    answer = browser.post(f"/models/at/{STATION}/{act}", data=form(here, digests[1], **more), headers=HX)
    assert answer.status_code == 422
    assert told_why in answer.text
    assert here.sent.messages == []


def test_a_bundle_that_is_not_in_the_store_cannot_be_assigned(here: House, digests: tuple[str, str, str]):
    browser = here.signed_in(Role.ENGINEER)
    answer = browser.post(f"/models/at/{STATION}/assign", data=form(here, "ab" * 32), headers=HX)
    assert answer.status_code == 422
    assert "does not hold it" in answer.text


def test_an_unsigned_bundle_cannot_be_assigned_where_signatures_are_asked_for(
    folder: Path, digests: tuple[str, str, str], tmp_path: Path
):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    keys = (TrustedKey("plant", Ed25519PrivateKey.generate().public_key()),)
    here = house(bench=benched(str(folder), {}, keys))
    browser = here.signed_in(Role.ENGINEER)
    answer = browser.post(f"/models/at/{STATION}/assign", data=form(here, digests[0]), headers=HX)
    assert answer.status_code == 422
    assert "is not signed" in answer.text
    assert here.sent.on(MODELS) == []


def test_while_kafka_is_away_nothing_is_changed(here: House, digests: tuple[str, str, str]):
    browser = here.signed_in(Role.ENGINEER)
    here.sent.away = True
    answer = browser.post(f"/models/at/{STATION}/assign", data=form(here, digests[0]), headers=HX)
    assert answer.status_code == 503
    assert "Nothing was written" in answer.text
    assert here.world.models.of(STATION) is None


def test_a_store_that_is_away_is_said_and_what_serves_is_still_told(digests: tuple[str, str, str]):
    here = house(store="s3://no-such-driver-here/x")
    told(here, MODELS, assignment(digests[0]))
    said = words(text_of(here.signed_in(Role.VIEWER), "/models"))
    assert "does not answer" in said
    assert digests[0][:12] in said


def test_a_damaged_bundle_is_one_line_of_the_list(tmp_path: Path):
    store = BundleStore(str(tmp_path))
    whole = store.put(proven_bundle())
    (tmp_path / f"{'cd' * 32}.andon").write_bytes(b"not a bundle")
    here = house(store=str(tmp_path))
    browser = here.signed_in(Role.VIEWER)
    said = words(text_of(browser, "/models"))
    assert "unreadable" in said
    assert whole[:12] in said
    assert "It cannot be shown" in text_of(browser, f"/models/{'cd' * 32}", 404)


def test_five_hundred_stations_are_paged_and_found_by_text(here: House, digests: tuple[str, str, str]):
    many = [assignment(digests[0], station=f"press-{i:03}") for i in range(500)]
    told(here, MODELS, *many)
    browser = here.signed_in(Role.VIEWER)
    began = time.perf_counter()
    text = text_of(browser, "/models?at=10")
    assert time.perf_counter() - began < 3
    assert "press-499" in text
    assert "/models/at/press-001" not in text
    text = text_of(browser, "/models?q=press-123")
    assert "press-123" in text
    assert "/models/at/press-124" not in text


def test_one_bundle_is_told_whole_and_beside_another(here: House, digests: tuple[str, str, str]):
    one, two, _ = digests
    told(here, MODELS, assignment(one))
    browser = here.signed_in(Role.VIEWER)
    said = words(text_of(browser, f"/models/{one}?other={two}"))
    for part in ("Golden frames", "anomalous", "128", "5 per 100", "threshold", "100", STATION):
        assert part in said
    assert browser.get(f"/models/{one[:8]}", headers=PAGE).headers["location"] == f"/models/{one}"
    picture = browser.get(f"/models/{one}/golden/10.png.jpg")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert browser.get(f"/models/{one}/golden/nothing.png.jpg", headers=PAGE).status_code == 404
    assert browser.get("/models/ffffffff", headers=PAGE).status_code == 404


# comparing, and another budget ---------------------------------------------------------------------------------------


def score(seq: int, value: float, bundle: str, threshold: float) -> Score:
    at = datetime.now(UTC) - timedelta(minutes=10) + timedelta(seconds=seq)
    return Score(
        frame_id=frame_id(STATION, 1, seq),
        station=STATION,
        epoch=1,
        seq=seq,
        captured_at=at,
        scored_at=at,
        verdict=Verdict.ANOMALOUS if value > threshold else Verdict.OK,
        score=value,
        threshold=threshold,
        bundle=bundle,
        width=64,
        height=48,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
    )


def lying(topic: str, *scores: Score) -> Lying:
    made = Lying(topic)
    for i, each in enumerate(scores):
        stamp_ms = round(each.scored_at.timestamp() * 1000)
        made.add(Record(topic, 0, i, STATION.encode(), write_event(each), (), stamp_ms))
    return made


def answer(seq: int, said: Told) -> Answer:
    fields = {"frame_id": frame_id(STATION, 1, seq), "station": STATION, "answer": said, "by": "rosa"}
    return Answer.model_validate(fields | {"at": datetime.now(UTC)})


@pytest.fixture
def scored(folder: Path, digests: tuple[str, str, str]) -> House:
    """Ten frames: live by the first bundle (threshold 128), by the second (threshold 100) as a shadow."""
    one, two, _ = digests
    values = [50, 60, 70, 80, 90, 110, 120, 130, 140, 210]
    logs = {
        SCORES: lying(SCORES, *(score(i, value, one, 128) for i, value in enumerate(values))),
        SHADOW_SCORES: lying(SHADOW_SCORES, *(score(i, value, two, 100) for i, value in enumerate(values))),
    }
    here = house(store=str(folder), logs=logs)
    told(here, MODELS, assignment(one, shadows=(two,)))
    told(here, VERDICTS, answer(5, Told.GOOD), answer(7, Told.REAL), answer(8, Told.FALSE_CALL), answer(9, Told.REAL))
    return here


def by_and_by(ask: Callable[[], str]) -> str:
    """The part of a page, once the job behind it is done."""
    deadline = time.monotonic() + 10
    while "Reading scores" in (text := ask()) or "Others come first" in text:
        assert time.monotonic() < deadline, text
        time.sleep(0.02)
    return text


def test_active_and_shadow_are_compared_over_the_frames_of_both(scored: House):
    browser = scored.signed_in(Role.VIEWER)
    text = by_and_by(lambda: text_of(browser, f"/models/compare?station={STATION}&hours=1", **HX))
    said = words(text)
    for part in ("both scored 10 frames", "Both call 3, neither 5", "calls: 2", "3 of 10", "5 of 10", "Good"):
        assert part in said
    assert f"/stations/{STATION}/frames/0/5" in text
    assert "2 of 2" in said  # known defects called, by both


def test_a_trial_that_is_on_tells_how_far_it_is(scored: House, digests: tuple[str, str, str]):
    one, two, _ = digests
    began = datetime.now(UTC) - timedelta(minutes=10) + timedelta(seconds=3.5)
    trial = {"frames": 50, "budget": 0.01}
    told(scored, MODELS, assignment(one, shadows=(two,), promotion=trial, at=began))
    browser = scored.signed_in(Role.VIEWER)
    text = by_and_by(lambda: text_of(browser, f"/models/compare?station={STATION}&hours=1", **HX))
    assert re.search(r"Promotion: [56] of 50 frames scored by both", words(text))
    assert "50 frames within 1 per 100" in words(text_of(browser, f"/models/at/{STATION}"))


def test_where_there_is_nothing_to_compare_it_is_told_what_to_do(folder: Path, digests: tuple[str, str, str]):
    here = house(store=str(folder), logs={SCORES: lying(SCORES, score(0, 5, digests[0], 128))})
    told(here, MODELS, assignment(digests[0]))
    browser = here.signed_in(Role.VIEWER)
    said = words(by_and_by(lambda: text_of(browser, f"/models/compare?station={STATION}", **HX)))
    assert "Only one bundle scored weld-07" in said
    assert "shadow" in said


def test_a_comparison_says_so_when_kafka_does_not_answer(folder: Path, digests: tuple[str, str, str]):
    away = Lying()
    away.away = True
    here = house(store=str(folder), logs={SCORES: away})
    told(here, MODELS, assignment(digests[0], shadows=(digests[1],)))
    browser = here.signed_in(Role.VIEWER)
    said = words(by_and_by(lambda: text_of(browser, f"/models/compare?station={STATION}", **HX)))
    assert "It could not be read: cannot reach Kafka" in said


def test_another_budget_tells_its_threshold_and_what_it_would_have_called(scored: House, digests: tuple[str, str, str]):
    browser = scored.signed_in(Role.ENGINEER)
    address = f"/models/at/{STATION}/threshold?bundle={digests[0]}&budget=200&hours=1"
    said = words(by_and_by(lambda: text_of(browser, address, **HX)))
    assert "20 per 100 good frames" in said
    assert "instead of 128" in said
    assert "10 calls instead of 3 , of 10 frames" in said  # the scores behind it are 0 to 19
    assert "0 false calls avoided, 1 new" in said


def test_known_defects_that_a_budget_would_lose_are_listed_in_red(
    scored: House, digests: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
):
    from andon.manifest import CalibrationSample

    sample = CalibrationSample.of(40 + i * 7919 % 200 * 0.6 for i in range(200))
    monkeypatch.setattr(scored.world.bench.shelf, "sample", lambda _digest: sample)
    browser = scored.signed_in(Role.VIEWER)
    text = by_and_by(lambda: text_of(browser, f"/models/at/{STATION}/threshold?budget=100&hours=1", **HX))
    said = words(text)
    assert "1 known defect would not have been called" in said
    assert "Known defects lost: 1" in said
    assert "1 false call avoided" in said
    assert str(frame_id(STATION, 1, 7)) in text


def test_a_bundle_without_its_scores_says_why_no_threshold_can_be_found(tmp_path: Path):
    digest = BundleStore(str(tmp_path)).put(without_sample(proven_bundle()))
    here = house(store=str(tmp_path))
    told(here, MODELS, assignment(digest))
    browser = here.signed_in(Role.ENGINEER)
    assert "keeps no scores of good frames" in words(text_of(browser, f"/models/at/{STATION}/threshold", **HX))
    data = {"bundle": digest, "budget": "2", "why": "fewer"}
    assert browser.post(f"/models/at/{STATION}/threshold", data=data, headers=HX).status_code == 422


@pytest.mark.parametrize("budget", ["nine", "0", "-1", "900", "1e9", HOSTILE])
def test_a_budget_that_is_none_is_told_and_nothing_asked_for(scored: House, digests: tuple[str, str, str], budget: str):
    browser = scored.signed_in(Role.ENGINEER)
    text = text_of(browser, f"/models/at/{STATION}/threshold?budget={budget}", **HX)
    assert "No threshold can be found" in words(text)
    assert HOSTILE not in text
    data = {"bundle": digests[0], "budget": budget, "why": "fewer"}
    assert browser.post(f"/models/at/{STATION}/threshold", data=data, headers=HX).status_code == 422
    assert scored.sent.on(REQUESTS) == []


def test_training_is_asked_once_and_the_page_tells_what_becomes_of_it(scored: House, digests: tuple[str, str, str]):
    one, two, _ = digests
    browser = scored.signed_in(Role.ENGINEER)
    data = {"bundle": one, "budget": "2", "why": "too many calls"}
    for _ in range(2):
        assert browser.post(f"/models/at/{STATION}/threshold", data=data).status_code == 303
    (written,) = scored.sent.on(REQUESTS)
    asked = read_event(Request, written.value)
    assert (asked.wish, asked.station, asked.bundle, asked.budget, asked.by) == (
        Wish.THRESHOLD,
        STATION,
        one,
        0.002,
        "edda",
    )
    (deed,) = scored.sent.deeds()
    assert (deed.did, deed.detail, deed.after) == ("requested", "too many calls", "budget 2 per 1000")

    def news(state: str, **more: object) -> RequestNews:
        said = {"request_id": asked.request_id, "state": state, "station": STATION, "sentence": "Training works."}
        return RequestNews.model_validate(said | {"at": datetime.now(UTC)} | more)

    page = f"/models/at/{STATION}"
    assert "Is andon trainer running?" in words(text_of(browser, page))
    told(scored, REQUESTS, news("taken", progress=0.4))
    assert 'value="0.4"' in text_of(browser, page)
    rescored = {"defects": 2, "found_before": 2, "found_after": 1, "lost": [frame_id(STATION, 1, 7)]}
    told(scored, REQUESTS, news("done", bundle=two, threshold=100.0, rescored=rescored))
    text = text_of(browser, page)
    assert "1 of 2 known ones called; before 2" in words(text)
    assert "Lost: 1 known defect" in words(text)
    assert f"/models/at/{STATION}/shadow?bundle={two}" in text
    assert f"/models/at/{STATION}/assign?bundle={two}" in text


def test_memory_requests_of_the_review_are_shown_too(here: House, digests: tuple[str, str, str]):
    told(here, MODELS, assignment(digests[0]))
    said = {"request_id": uuid4(), "wish": Wish.MEMORY, "station": STATION, "bundle": digests[0]}
    wish = Request.model_validate(said | {"frames": [uuid4()], "by": "rosa", "why": HOSTILE, "at": datetime.now(UTC)})
    sentence = f"no memory: {HOSTILE}"
    refused = {"request_id": wish.request_id, "state": "refused", "station": STATION, "sentence": sentence}
    told(here, REQUESTS, wish, RequestNews.model_validate(refused | {"at": datetime.now(UTC)}))
    browser = here.signed_in(Role.VIEWER)
    for path in ("/models", f"/models/at/{STATION}"):
        text = text_of(browser, path)
        assert "False calls into the memory (1)" in words(text)
        assert "Refused: no memory" in words(text)
        assert HOSTILE not in text


def test_a_job_is_told_with_its_phase_since_when_and_its_last_words(here: House, digests: tuple[str, str, str]):
    told(here, MODELS, assignment(digests[0]))
    asked = {"request_id": uuid4(), "wish": Wish.RETRAIN, "station": STATION, "bundle": digests[0], "by": "drift"}
    wish = Request.model_validate(asked | {"at": datetime.now(UTC)})
    said = {"request_id": wish.request_id, "state": "taken", "station": STATION, "at": datetime.now(UTC)}
    why = "Its Job has been made and waits to begin: no node takes it."
    pending = {"phase": "pending", "sentence": why, "began_at": datetime(2026, 3, 2, 14, 5, tzinfo=UTC)}
    log = {"log": ["epoch 3 of 5", HOSTILE]}
    told(here, REQUESTS, wish, RequestNews.model_validate(said | pending | log))
    text = text_of(here.signed_in(Role.VIEWER), "/models")
    assert "pending Made anew from newer frames" in words(text)
    assert "no node takes it" in words(text)
    assert 'age of the work: <time datetime="2026-03-02T14:05:00' in text
    assert "Its last 2 lines epoch 3 of 5" in words(text)
    assert HOSTILE not in text


@pytest.mark.parametrize(
    "path",
    [
        "/models/compare?station=../x",
        "/models/at/no%20such%20name",
        "/models/at/weld-07/dance",
        "/models/at/weld-07/threshold?hours=9999",
        "/models/zzzz",
        "/models?at=0",
    ],
)
def test_odd_addresses_are_answered_with_a_sentence(here: House, path: str):
    answered = here.signed_in(Role.ENGINEER).get(path, headers=PAGE)
    assert answered.status_code in (404, 422)
    assert "Traceback" not in answered.text


def test_sheets_without_anything_to_choose_say_so(here: House, digests: tuple[str, str, str]):
    told(here, MODELS, assignment(digests[0]))
    browser = here.signed_in(Role.ENGINEER)
    assert "There is no shadow there" in text_of(browser, f"/models/at/{STATION}/promote")
    assert "No other bundle ever served there" in text_of(browser, f"/models/at/{STATION}/rollback")


def test_a_sink_that_is_away_leaves_the_request_unasked(scored: House, digests: tuple[str, str, str]):
    browser = scored.signed_in(Role.ENGINEER)
    sent: Sent = scored.sent
    sent.away = True
    data = {"bundle": digests[0], "budget": "2", "why": "fewer"}
    assert browser.post(f"/models/at/{STATION}/threshold", data=data, headers=HX).status_code == 503
    assert scored.world.requests.all() == []
