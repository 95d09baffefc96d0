"""The pages of dead letters: what waits, pictures of it, and handling it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from worlds import PAGE, House, Lying, house

from andon.dead_letters import dead_letter
from andon.ids import foreign_frame_id
from andon.letters import Wanted, read_letter
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import Did, LetterTurn, read_event, read_frame
from andon.records.replayed import REPLAYED
from andon.stage import Headers, Record, Rejected
from andon.testing import hostile
from andon.topics import AUDIT, DEAD_LETTERS, FRAMES, LETTERS, MODELS
from andon_console.letters.letters import KEPT, MOST, OTHER, LetterReader, Letters
from andon_console.pages.letters import AT_ONCE
from andon_console.safe.people import Role

NOW = datetime.now(UTC)
PHOTO = hostile.jpeg(hostile.photo(seed=1))


class Line:
    """A console over dead letters in memory."""

    def __init__(self, **other: Any) -> None:
        self.lying = Lying()
        self.home: House = house(lying=self.lying, **other)
        self.home.world.letters.read = True
        self.count = 0

    def letter(
        self,
        reason: Reason = Reason.MISSING_DATA,
        *,
        station: str | None = "weld-07",
        value: bytes = PHOTO,
        headers: Headers = (),
        topic: str = FRAMES,
        detail: str = "the store does not hold it",
        ago: float = 60,
    ) -> str:
        """A record that was refused `ago` seconds ago; answers what people call it."""
        stamp = round((NOW - timedelta(seconds=ago)).timestamp() * 1000)
        number, self.count = self.count, self.count + 1
        record = Record(topic, 2, number, station.encode() if station else None, value, headers, stamp)
        message = dead_letter(Rejected(record, reason, detail), DEAD_LETTERS, "preprocess", "0.8.0")
        held = Record(DEAD_LETTERS, 1, number, message.key, message.value, message.headers, stamp)
        self.lying.add(record, held)
        self.home.world.letters.add(held)
        return f"1/{number}"

    def get(self, path: str, role: Role = Role.VIEWER, **given: Any) -> Any:
        return self.home.signed_in(role).get(path, **{"headers": PAGE} | given)

    def press(self, path: str, role: Role = Role.ENGINEER, **data: str) -> Any:
        return self.home.signed_in(role).post(path, data=data, headers=PAGE)

    def turns(self) -> list[LetterTurn]:
        return [read_event(LetterTurn, each.value) for each in self.home.sent.on(LETTERS)]

    def frames(self) -> list[Record]:
        """What was written again."""
        return [each for each in self.lying.records.values() if each.header(REPLAYED) is not None]


@pytest.fixture
def line() -> Line:
    return Line()


def test_the_page_tells_every_reason_with_its_meaning_and_what_to_do(line: Line):
    line.letter()
    line.letter(Reason.PROGRESSIVE, station="weld-08")
    text = line.get("/letters").text
    assert "names an image in the store that the store does not hold" in text
    assert "Switch progressive JPEG off at the camera" in text
    assert '<b class="number">2</b> letters waiting' in text
    assert 'href="/letters" aria-current="page">Dead letters</a>' in text


def test_where_none_waits_the_page_says_so(line: Line):
    assert "None waits." in line.get("/letters").text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"1/0", "1/1", "1/2"}),
        ("reason=progressive", {"1/1"}),
        ("station=weld-07", {"1/0", "1/2"}),
        ("since=1h", {"1/0", "1/1"}),
        ("reason=empty", set()),
    ],
)
def test_letters_are_sifted_by_reason_station_and_time(query: str, names: set[str], line: Line):
    line.letter()
    line.letter(Reason.PROGRESSIVE, station="weld-08")
    line.letter(ago=7200)
    text = line.get(f"/letters?{query}").text
    assert {name for name in ("1/0", "1/1", "1/2") if f'href="/letters/{name}"' in text} == names


@pytest.mark.parametrize("query", ["reason=nothing", "station=%3Cb%3E", "since=ever"])
def test_what_nobody_can_mean_is_refused(query: str, line: Line):
    assert line.get(f"/letters?{query}").status_code == 422


def test_one_letter_is_told_with_its_place_its_bytes_and_its_headers(line: Line):
    text = line.get(f"/letters/{line.letter(headers=(('ce_product', b'hinge'),))}").text
    for wanted in ("camera.frames/2/0", "a JPEG, beginning ff d8 ff", "ce_product", "hinge", "preprocess 0.8.0"):
        assert wanted in text
    assert str(foreign_frame_id(FRAMES, 2, 0)) in text


def test_a_letter_that_has_expired_is_gone(line: Line):
    assert line.get("/letters/1/77").status_code == 410


def test_what_can_be_decoded_safely_is_a_picture(line: Line):
    answer = line.get(f"/letters/{line.letter()}/view.jpg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("data", [hostile.progressive(hostile.photo()), b"", b"<html><script>", PHOTO[:200]])
def test_what_no_decoder_should_see_is_a_picture_that_says_what_it_is(data: bytes, line: Line):
    answer = line.get(f"/letters/{line.letter(value=data)}/view.jpg")
    assert (answer.status_code, answer.headers["content-type"]) == (410, "image/jpeg")


def test_its_bytes_can_be_saved_and_are_never_shown_by_the_browser(line: Line):
    page = b"<html><script>alert(1)</script>"
    answer = line.get(f"/letters/{line.letter(value=page)}/original")
    assert (answer.content, answer.headers["content-type"]) == (page, "application/octet-stream")
    assert answer.headers["content-disposition"] == 'attachment; filename="letter-1-0.bin"'


def test_what_producers_wrote_is_text_on_the_page(line: Line):
    evil = '"><img src=x onerror=alert(1)>\x1b[2J'
    name = line.letter(detail=evil, headers=((evil, evil.encode()),), station=evil)
    for path in ("/letters", f"/letters/{name}"):
        text = line.get(path).text
        assert "<img src=x" not in text
        assert "\x1b" not in text


def test_an_engineer_sends_a_letter_again_as_the_same_frame(line: Line):
    answer = line.press(f"/letters/{line.letter()}/replay", why="the store is back")
    assert (answer.status_code, answer.headers["location"]) == (303, "/letters/1/0")
    (record,) = line.frames()
    assert (record.partition, record.value) == (2, PHOTO)
    assert read_frame(record).frame_id == foreign_frame_id(FRAMES, 2, 0)
    (turn,) = line.turns()
    assert (turn.kind, turn.by, turn.why) == ("replayed", "edda", "the store is back")
    (deed,) = line.home.sent.deeds()
    assert (deed.did, deed.by, deed.role, deed.subject) == (Did.REPLAYED, "edda", "engineer", "dead letter 1/0")


def test_the_page_shows_at_once_what_was_done(line: Line):
    name = line.letter()
    line.press(f"/letters/{name}/replay")
    text = line.get(f"/letters/{name}", Role.ENGINEER).text
    assert "replayed by edda" in text
    assert 'id="do-h"' not in text
    assert "None waits." in line.get("/letters").text
    assert f'href="/letters/{name}"' in line.get("/letters?handled=true").text


def test_who_presses_second_is_told_who_was_first(line: Line):
    name = line.letter()
    line.press(f"/letters/{name}/replay")
    second = line.press(f"/letters/{name}/discard", why="no matter")
    assert (second.status_code, "edda replayed it" in second.text) == (422, True)
    assert line.turns() == []


def test_a_letter_is_discarded_with_a_reason_and_only_with_one(line: Line):
    name = line.letter()
    assert line.press(f"/letters/{name}/discard", why="  ").status_code == 422
    assert line.press(f"/letters/{name}/discard", why="camera unplugged").status_code == 303
    assert [(each.kind, each.why) for each in line.turns()] == [("discarded", "camera unplugged")]
    assert line.frames() == []


def test_what_cannot_be_sent_again_says_why_and_has_no_such_button(line: Line):
    name = line.letter(Reason.BAD_RECORD, topic=MODELS)
    text = line.get(f"/letters/{name}", Role.ENGINEER).text
    assert "what models holds counts in its order" in text
    assert ">Replay</button>" not in text
    answer = line.press(f"/letters/{name}/replay")
    assert (answer.status_code, line.turns()) == (422, [])


def test_all_of_a_reason_are_sent_again_by_one_press(line: Line):
    for _ in range(3):
        line.letter()
    line.letter(Reason.EMPTY, value=b"")
    answer = line.press("/letters/replay", reason="missing_data", why="the store is back")
    assert "<b>3</b> sent again." in answer.text
    assert len(line.frames()) == 3
    assert "no dead letter waits" in line.press("/letters/replay", reason="missing_data").text, "twice finds none"
    assert len(line.frames()) == 3


def test_a_press_handles_only_so_many_and_those_it_could_not_are_told(line: Line):
    for number in range(AT_ONCE + 1):
        line.letter(value=b"x", ago=number)
    line.letter(Reason.BAD_RECORD, topic=MODELS, ago=0)
    answer = line.press("/letters/replay", station="weld-07")
    assert f"<b>{AT_ONCE - 1}</b> sent again." in answer.text
    assert "1 could not be:" in answer.text


def test_all_at_once_needs_a_reason_or_a_station(line: Line):
    line.letter()
    assert line.press("/letters/discard", why="all of it").status_code == 422
    assert line.turns() == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
@pytest.mark.parametrize("path", ["/letters/1/0/replay", "/letters/1/0/discard", "/letters/replay", "/letters/discard"])
def test_only_engineers_handle_letters(path: str, role: Role, line: Line):
    line.letter()
    assert line.press(path, role, why="x", reason="missing_data").status_code == 403
    assert (line.turns(), line.frames()) == ([], [])
    assert "An engineer may" in line.get("/letters/1/0", role).text


def test_a_form_from_elsewhere_does_nothing(line: Line):
    line.letter()
    browser = line.home.signed_in(Role.ENGINEER)
    del browser.headers["x-andon-proof"]
    assert browser.post("/letters/1/0/replay", data={"why": "x"}, headers=PAGE).status_code == 403
    assert line.frames() == []


def test_while_kafka_is_away_the_page_says_so_and_nothing_is_lost(line: Line):
    name = line.letter()
    line.lying.away = True
    assert line.get(f"/letters/{name}").status_code == 503
    assert line.press(f"/letters/{name}/replay").status_code == 503
    assert line.turns() == []
    assert line.get("/letters").status_code == 200, "what is known is shown"


# What is kept of them


def record(number: int, reason: str = "empty", at: datetime = NOW, value: bytes = b"") -> Record:
    headers = (("andon-reason", reason.encode()),)
    return Record(DEAD_LETTERS, 0, number, b"weld-07", value, headers, round(at.timestamp() * 1000))


def test_how_many_wait_is_a_metric_by_reason_and_goes_down_when_they_are_handled(line: Line):
    registry = CollectorRegistry()
    line.home.world.letters.exported(Metrics(registry))

    def waiting(reason: str) -> float | None:
        return registry.get_sample_value("andon_dead_letters_waiting", {"reason": reason})

    line.letter()
    name = line.letter()
    line.home.world.letters.add(record(9, "from_the_future"))
    assert (waiting("missing_data"), waiting("empty"), waiting(OTHER)) == (2, 0, 1)
    line.press(f"/letters/{name}/discard", why="no matter")
    assert waiting("missing_data") == 1


def test_what_kafka_keeps_no_longer_waits_no_longer():
    letters = Letters(lambda: NOW)
    letters.add(record(1, at=NOW - KEPT - timedelta(minutes=1)))
    letters.add(record(2, at=NOW - KEPT + timedelta(minutes=1)))
    assert letters.waiting()["empty"] == 1


def test_the_memory_holds_so_many_and_the_newest_of_them():
    letters = Letters(lambda: NOW)
    for number in range(MOST + 10):
        letters.add(record(number))
    assert letters.piles(Wanted(), 1).count == MOST
    assert letters.of(0, 9) is None
    assert letters.of(0, MOST + 9) is not None


def test_the_bytes_of_letters_are_let_go_of_while_they_are_read():
    class Reader:
        def read_to_end(self) -> Sequence[Record]:
            return [record(number, value=bytes(1000)) for number in range(3)]

        def changes(self, wait_s: float = 0.0) -> list[Record]:
            return [record(3, value=bytes(10))]

        def close(self) -> None:
            """Nothing to close."""

    letters = Letters(lambda: NOW)
    reader = LetterReader(Reader(), letters)
    assert not letters.read
    kept = [*reader.read_to_end(), *reader.changes()]
    assert letters.read
    assert {len(each.value) for each in kept} == {0}
    assert [letters.of(0, number).size for number in range(4)] == [1000, 1000, 1000, 10]  # type: ignore[union-attr]


def test_a_turn_that_comes_before_its_letter_counts_all_the_same():
    letters = Letters(lambda: NOW)
    letter = read_letter(record(1))
    turn = LetterTurn(kind="discarded", letter=letter.place, reason="empty", at=NOW, by="mira")
    letters.take(
        [Record(LETTERS, 0, 0, b"weld-07", turn.model_dump_json().encode()), Record(LETTERS, 0, 1, b"", b"no")]
    )
    letters.add(record(1))
    assert letters.waiting()["empty"] == 0


def test_the_audit_log_can_be_sifted_by_what_was_done_to_letters(line: Line):
    line.press(f"/letters/{line.letter()}/replay")
    assert line.home.sent.on(AUDIT)
    found = line.home.signed_in(Role.ENGINEER).get("/audit.json?what=replayed").json()
    assert [each["subject"] for each in found] == ["dead letter 1/0"]
