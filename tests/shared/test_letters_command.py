"""`andon dead-letters` list, show, replay and discard."""

import json
from pathlib import Path
from typing import Any

import pytest
from letter_post import MemoryPost
from typer.testing import CliRunner, Result

from andon.cli import build
from andon.commands.letters import desk as desks
from andon.commands.letters.replay import rest
from andon.errors import Broken, Mistake
from andon.ids import frame_id
from andon.reasons import Reason
from andon.records import Deed, Did, LetterTurn, read_event, read_frame
from andon.testing.hostile import jpeg, photo
from andon.topics import AUDIT, FRAMES, LETTERS, MODELS

START_MS = 1_772_433_000_000


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> MemoryPost:
    made = MemoryPost()
    monkeypatch.setattr(desks, "open_post", lambda _: made)
    return made


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(build("dead-letters"), ["dead-letters", *words], input=answer)


def rows(*words: str) -> list[dict[str, Any]]:
    found = run(*words, "--json")
    assert found.exit_code == 0, found.output
    listed: list[dict[str, Any]] = json.loads(found.stdout)
    return listed


def three(post: MemoryPost) -> None:
    """Two of one reason at two stations, one of another."""
    post.reject(key=b"weld-07")
    post.reject(key=b"weld-08", at_ms=START_MS + 60_000)
    post.reject(Reason.PROGRESSIVE, key=b"weld-07", at_ms=START_MS + 120_000, detail="14 scans")


def turns(post: MemoryPost) -> list[LetterTurn]:
    return [read_event(LetterTurn, each.value) for each in post.kafka.records(LETTERS)]


def test_the_reasons_are_listed_with_stations_times_and_an_example(post: MemoryPost):
    three(post)
    first, second = rows("list")
    assert (first["reason"], first["letters"], first["stations"]) == ("missing_data", 2, {"weld-07": 1, "weld-08": 1})
    assert (first["oldest"], first["newest"]) == ("2026-03-02T06:30:01+00:00", "2026-03-02T06:31:01+00:00")
    assert (second["reason"], second["example"]["detail"]) == ("progressive", "14 scans")
    told = run("list").stdout
    assert "weld-07 1, weld-08 1" in told
    assert "14 scans" in told


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), ["0/2", "0/1", "0/0"]),
        (("--limit", "2"), ["0/2", "0/1"]),
        (("--station", "weld-07"), ["0/2", "0/0"]),
        (("--reason", "missing_data"), ["0/1", "0/0"]),
        (("--since", "2026-03-02T06:31:00+00:00"), ["0/2", "0/1"]),
        (("--reason", "progressive", "--station", "weld-08"), []),
    ],
)
def test_letters_are_listed_one_by_one_the_newest_first_and_sifted(
    words: tuple[str, ...], found: list[str], post: MemoryPost
):
    three(post)
    assert [each["letter"] for each in rows("list", "--letters", *words)] == found


def test_where_none_waits_that_is_said(post: MemoryPost):
    assert "no dead letter waits" in run("list").stderr


def test_a_reason_that_there_is_not_is_told_with_the_one_that_was_meant(post: MemoryPost):
    with pytest.raises(Mistake, match="did you mean missing_data"):
        raise run("list", "--reason", "missing-data").exception  # type: ignore[misc]


def test_one_letter_is_shown_with_its_meaning_what_to_do_and_how_often_it_happened(post: MemoryPost):
    three(post)
    post.reject(key=b"weld-07", at_ms=START_MS + 180_000)
    told = run("show", "0/0").stdout
    for wanted in ("missing_data: it names an image in the store", "then replay.", "camera.frames/0/0", "weld-07"):
        assert wanted in told
    assert "2 of this station and reason," in told
    found = rows("show", "0/0")
    assert (found["alike"], found["replay"], found["looks_like"][:6]) == (2, "as_it_came", "a JPEG")  # type: ignore[call-overload]


def test_hostile_headers_and_details_never_reach_the_terminal(post: MemoryPost):
    evil = "\x1b]0;owned\x07[bold red]"
    post.reject(key=b"weld-07", headers=((evil, evil.encode()), ("x", b"\xff\x1b")), detail=evil)
    for words in (("show", "0/0"), ("list",), ("list", "--letters")):
        told = run(*words)
        assert told.exit_code == 0
        assert "\x1b" not in told.output
        assert "\x07" not in told.output
        assert "[bold red]" in told.output, "and nothing in it is markup"


def test_a_letter_that_is_not_there_is_told_in_a_sentence(post: MemoryPost):
    three(post)
    for name, words in (("0/9", "none such"), ("x", "partition/offset")):
        with pytest.raises(Mistake, match=words):
            raise run("show", name).exception  # type: ignore[misc]


@pytest.mark.parametrize(("given", "saved"), [("", "letter-0-0.jpg"), ("part", "part.jpg"), ("part.raw", "part.raw")])
def test_its_bytes_are_saved_as_they_came_with_the_ending_they_deserve(
    given: str, saved: str, post: MemoryPost, tmp_path: Path
):
    picture = jpeg(photo(seed=1))
    post.reject(value=picture)
    assert run("show", "0/0", "--save", str(tmp_path / given)).exit_code == 0
    assert (tmp_path / saved).read_bytes() == picture


def test_the_console_that_is_known_is_named(post: MemoryPost, monkeypatch: pytest.MonkeyPatch):
    post.reject()
    assert "--save" in run("show", "0/0").stdout
    monkeypatch.setenv("ANDON_CONSOLE__PUBLIC_URL", "https://andon.factory/")
    assert "https://andon.factory/letters/0/0" in run("show", "0/0").stdout


def test_a_letter_is_sent_again_and_waits_no_more(post: MemoryPost):
    three(post)
    told = run("replay", "0/0", "--yes", "--why", "the store is back", "--by", "mira")
    assert told.exit_code == 0, told.output
    assert "1 to camera.frames" in told.stderr
    (turn,) = turns(post)
    assert (turn.letter.offset, turn.by, turn.why) == (0, "mira", "the store is back")
    assert [each["letter"] for each in rows("list", "--letters")] == ["0/2", "0/1"]
    (again,) = [each for each in rows("list", "--letters", "--all") if each["turn"]]
    assert (again["letter"], again["turn"]["kind"], again["turn"]["by"]) == ("0/0", "replayed", "mira")


def test_all_of_a_reason_and_a_station_are_sent_again(post: MemoryPost):
    three(post)
    outcomes = rows("replay", "--reason", "missing_data", "--station", "weld-08", "--yes")
    assert [each["letter"] for each in outcomes] == ["0/1"]
    assert read_frame(post.kafka.records(FRAMES)[-1]).station == "weld-08"


def test_sent_again_twice_is_refused_and_told_who_was_first(post: MemoryPost):
    three(post)
    run("replay", "0/0", "--yes", "--by", "mira")
    second = run("replay", "0/0", "--yes")
    assert isinstance(second.exception, Mistake)
    assert "mira replayed it" in str(second.exception)
    assert len(turns(post)) == 1
    assert run("replay", "0/0", "--yes", "--all").exit_code == 0
    first, again = (read_frame(each) for each in post.kafka.records(FRAMES)[-2:])
    assert first.frame_id == again.frame_id


def test_nothing_is_sent_before_somebody_said_yes(post: MemoryPost, monkeypatch: pytest.MonkeyPatch):
    three(post)
    assert "--yes" in str(run("replay", "0/0").exception)
    monkeypatch.setattr(desks, "at_a_terminal", lambda: True)
    asked = run("replay", "0/0", answer="n\n")
    assert "Send 1 dead letter again?" in asked.output
    assert (asked.exit_code, turns(post)) == (1, [])
    assert run("replay", "0/0", answer="y\n").exit_code == 0
    assert len(turns(post)) == 1


@pytest.mark.parametrize("words", [(), ("0/0", "--reason", "empty")])
def test_it_has_to_be_said_which(words: tuple[str, ...], post: MemoryPost):
    three(post)
    assert isinstance(run("replay", *words, "--yes").exception, Mistake)
    assert turns(post) == []


def test_what_cannot_be_sent_is_told_with_its_reason_and_the_rest_is_sent(post: MemoryPost):
    three(post)
    post.reject(Reason.BAD_RECORD, topic=MODELS, key=b"weld-07")
    told = run("replay", "--station", "weld-07", "--yes")
    assert told.exit_code == 1
    assert "what models holds counts in its order" in told.stderr
    assert sorted(each.letter.offset for each in turns(post)) == [0, 2]


def test_where_kafka_goes_away_in_the_middle_it_can_be_run_again(post: MemoryPost):
    for number in range(20):
        post.reject(headers=ours(number))
    post.away_after = 18  # 16 records, their turns not quite
    assert isinstance(run("replay", "--reason", "missing_data", "--yes", "--rate", "0").exception, Broken)
    post.away_after = None
    assert run("replay", "--reason", "missing_data", "--yes", "--rate", "0").exit_code == 0
    assert rows("list") == []
    seqs = {read_frame(each).seq for each in post.kafka.records(FRAMES)[20:]}
    assert seqs == set(range(20)), "each was sent, under the name it had"


def test_the_line_is_given_time_between_parts():
    slept: list[float] = []
    rest(16, 20, last=False, sleep=slept.append)
    rest(4, 20, last=True, sleep=slept.append)
    rest(16, 0, last=False, sleep=slept.append)
    assert slept == [0.8]


def test_letters_are_discarded_with_a_reason_and_wait_no_more(post: MemoryPost):
    three(post)
    assert (
        run("discard", "--reason", "progressive", "--yes", "--why", "camera set right", "--by", "mira").exit_code == 0
    )
    (turn,) = turns(post)
    assert (turn.kind, turn.why) == ("discarded", "camera set right")
    assert [each["letter"] for each in rows("list", "--letters")] == ["0/1", "0/0"]
    assert len(post.kafka.records(FRAMES)) == 3, "nothing is sent"
    assert [read_event(Deed, each.value).did for each in post.kafka.records(AUDIT)] == [Did.DISCARDED]


def test_discarding_without_a_reason_is_refused(post: MemoryPost):
    three(post)
    assert isinstance(run("discard", "0/0", "--yes").exception, Mistake)
    assert turns(post) == []


def test_a_discarded_letter_can_still_be_sent_when_somebody_insists(post: MemoryPost):
    three(post)
    run("discard", "0/0", "--yes", "--why", "no matter")
    assert isinstance(run("replay", "0/0", "--yes").exception, Mistake)
    assert run("replay", "0/0", "--yes", "--all").exit_code == 0
    assert [each.kind for each in turns(post)] == ["discarded", "replayed"]
    assert rows("list", "--letters", "--station", "weld-07")[0]["letter"] == "0/2"


def ours(seq: int) -> tuple[tuple[str, bytes], ...]:
    """Headers of a frame of our own ingest."""
    from datetime import UTC, datetime

    from andon.records import Frame, frame_headers

    return frame_headers(Frame("weld-07", 9, seq, frame_id("weld-07", 9, seq), datetime(2026, 3, 2, tzinfo=UTC)))
