"""Dead letters: what they say, which can be sent again, and that what is sent again is the same frame."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from letter_post import MemoryPost

from andon.dead_letters import Limit
from andon.errors import Broken, Invalid, Mistake
from andon.health import ImageHealth
from andon.ids import foreign_frame_id, frame_id
from andon.letters import (
    ADVICE,
    Letter,
    Outcome,
    Piles,
    Wanted,
    Way,
    Who,
    advice,
    discard,
    letter_place,
    read_letter,
    shown,
    way,
)
from andon.letters import replay as replaying
from andon.letters.bytes import bytes_of, kind_of, look_of
from andon.passing import Which, of_headers, of_record
from andon.reasons import Reason
from andon.records import (
    Deed,
    Did,
    Frame,
    LetterTurn,
    LetterTurnKind,
    PreparedFrame,
    frame_headers,
    identity_headers,
    prepared_headers,
    read_event,
    read_frame,
    read_prepared,
)
from andon.records.replayed import REPLAYED
from andon.settings import DeadLetterLimit
from andon.stage import Message, Record, Rejected
from andon.topics import (
    ALL,
    AUDIT,
    DEAD_LETTERS,
    FRAMES,
    LETTERS,
    MODELS,
    PREPARED,
    SCORES,
    SHADOW_PREPARED,
    SIGNALS,
    VERDICTS,
)

CAPTURED = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MIRA = Who("mira", "the store is back")
OURS = Frame("weld-07", 1_772_000_000_000, 5, frame_id("weld-07", 1_772_000_000_000, 5), CAPTURED)


@pytest.fixture
def post() -> MemoryPost:
    return MemoryPost()


def sent(post: MemoryPost, *letters: Record) -> list[Outcome]:
    """What became of them."""
    meant = [read_letter(each) for each in letters]
    return [each for part in replaying(meant, post, MIRA, lambda: NOW) for each in part]


def turns(post: MemoryPost) -> list[LetterTurn]:
    return [read_event(LetterTurn, each.value) for each in post.kafka.records(LETTERS)]


def test_a_letter_says_why_where_from_and_which_frame_it_was(post: MemoryPost):
    letter = read_letter(post.reject(headers=frame_headers(OURS)))
    assert (letter.reason, letter.detail, letter.service) == (
        "missing_data",
        "the store does not hold it",
        "preprocess",
    )
    assert (letter.name, letter.came_from, letter.station) == ("0/0", "camera.frames/0/0", "weld-07")
    assert (letter.frame_id, letter.repeats, letter.size) == (OURS.frame_id, 0, 13)


def test_the_word_of_the_service_counts_and_not_what_a_producer_wrote_before_it(post: MemoryPost):
    forged = (("andon-reason", b"empty"), ("andon-topic", b"models"), ("andon-offset", b"9"))
    letter = read_letter(post.reject(headers=forged))
    assert (letter.reason, letter.came_from) == ("missing_data", "camera.frames/0/0")


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("andon-partition", b"x"), ("andon-offset", b"-1"), ("andon-timestamp-ms", b"9" * 40)),
        (("andon-reason", b"\xff\xfe"), ("ce_station", b"\xff"), ("ce_id", b"no uuid")),
        (("andon-reason", None), ("ce_replayed", b"[1]"), ("andon-replayed", b"many")),
    ],
)
def test_nothing_that_stands_in_its_headers_breaks_whoever_reads_it(headers: tuple[tuple[str, bytes], ...]):
    letter = read_letter(Record(DEAD_LETTERS, 1, 2, b"\xff", b"", headers, 10**18))
    assert letter.name == "1/2"
    assert isinstance(way(letter), str)


def test_hostile_text_reaches_a_terminal_as_numbers():
    assert shown("\x1b[2J\x07a\u202eb\nc") == "\\x1b[2J\\x07a\\u202eb\\nc"
    assert shown("é ü 部品") == "é ü 部品"
    assert shown("x" * 600) == "x" * 500 + "..."


def test_every_reason_has_its_meaning_and_what_to_do_about_it():
    assert set(ADVICE) == set(Reason)
    assert all(each.means and each.do.endswith(".") for each in ADVICE.values())
    assert advice("from_the_future").means.startswith("was refused for a reason")


@pytest.mark.parametrize("text", ["3", "3/", "/17", "3/17/1", "-1/2", "a/b", "3/" + "9" * 30, "\x1b[2J"])
def test_what_names_no_letter_is_told_in_a_sentence(text: str):
    with pytest.raises(Mistake, match="partition/offset"):
        letter_place(text)
    assert letter_place(" 3/17 ") == (3, 17)


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        (FRAMES, Way.AS_IT_CAME),
        ("camera.frames.hall-2", Way.AS_IT_CAME),
        (SCORES, Way.AS_IT_CAME),
        (PREPARED, Way.ITS_IMAGE),
        (SHADOW_PREPARED, "shadow"),
        (SIGNALS, "new"),
        (VERDICTS, "taken for news"),
        ("secrets.of.others", "no topic of Andon's"),
        ("camera_frames", "no topic of Andon's"),
    ],
)
def test_a_letter_goes_where_it_came_from_where_that_is_harmless(topic: str, wanted: str, post: MemoryPost):
    found = way(read_letter(post.reject(topic=topic)))
    assert found is wanted if isinstance(wanted, Way) else wanted in found


def test_no_old_word_is_written_into_a_topic_of_last_words(post: MemoryPost):
    for topic in ALL:
        if topic.cleanup == "compact":
            assert not isinstance(way(read_letter(post.reject(topic=topic.name))), Way), topic.name


def test_a_topic_of_frames_by_another_name_is_known_by_the_setting(post: MemoryPost):
    letter = read_letter(post.reject(topic="plant-3.images"))
    assert way(letter, "plant-3.images") is Way.AS_IT_CAME
    assert way(letter, "^plant-.*") is Way.AS_IT_CAME


def test_what_ingest_refused_never_lay_in_kafka_and_cannot_be_sent_again(post: MemoryPost):
    letter = read_letter(post.reject(Reason.TOO_LARGE, topic="folder", service="ingest"))
    assert "never lay in Kafka" in str(way(letter))
    assert letter.origin is None


def test_a_golden_frame_is_not_sent_again(post: MemoryPost):
    golden = replace(OURS, golden="a" * 64 + "/good_000.png")
    assert "heartbeat" in str(way(read_letter(post.reject(headers=frame_headers(golden)))))


def test_our_frame_is_the_same_frame_again(post: MemoryPost):
    (outcome,) = sent(post, post.reject(headers=frame_headers(OURS)))
    record = post.kafka.records(FRAMES)[-1]
    frame = read_frame(record)
    assert outcome.replayed_to is not None
    assert (outcome.replayed_to.offset, record.value, record.key) == (1, b"\xff\xd8\xff and so on", b"weld-07")
    assert (frame.frame_id, frame.seq, frame.captured_at) == (OURS.frame_id, 5, CAPTURED)
    assert frame.replayed == (FRAMES, 0, 0, 1_772_433_000_000)
    assert [name for name, _ in record.headers if name.startswith("andon-")] == [REPLAYED]


def test_a_foreign_frame_keeps_the_identity_and_the_time_of_its_first_place(post: MemoryPost):
    letter = post.reject(key=b"weld-07", at_ms=1_772_433_000_000)
    sent(post, letter)
    record = post.kafka.records(FRAMES)[-1]
    frame = read_frame(record)
    assert (frame.frame_id, frame.epoch, frame.seq) == (foreign_frame_id(FRAMES, 0, 0), 0, 0)
    assert frame.captured_at == datetime.fromtimestamp(1_772_433_000, UTC)
    assert (frame.offset, frame.foreign) == (1, True), "its bytes are found where they lie now"
    assert of_record(record) == (Which("weld-07", 0, "camera.frames/0"), 0), "the ledger counts it as that frame"
    assert read_letter(post.letter(record, Reason.MISSING_DATA)).frame_id == frame.frame_id


def test_sent_again_and_refused_again_it_says_so_and_stays_the_same_frame(post: MemoryPost):
    letter = post.reject()
    for times in (1, 2, 3):
        sent(post, letter)
        letter = post.letter(post.kafka.records(FRAMES)[-1], Reason.MISSING_DATA)
        assert read_letter(letter).repeats == times
        assert read_frame(post.kafka.records(FRAMES)[-1]).frame_id == foreign_frame_id(FRAMES, 0, 0)


def test_the_first_place_goes_on_with_the_prepared_frame_and_its_score(post: MemoryPost):
    sent(post, post.reject())
    frame = read_frame(post.kafka.records(FRAMES)[-1])
    health = ImageHealth(
        luminance=0.4, contrast=0.2, clipped_low=0, clipped_high=0, sharpness=5, noise=0.01, red_green=1, blue_green=1
    )
    prepared = PreparedFrame(frame, (2, 2, 3), "d" * 64, 4, 4, (0, 0, 4, 4), health)
    record = Record(PREPARED, 0, 0, b"weld-07", bytes(12), prepared_headers(prepared))
    assert read_prepared(record).frame == frame
    assert of_headers(identity_headers(frame)) == (Which("weld-07", 0, "camera.frames/0"), 0)


@pytest.mark.parametrize(
    "text",
    [
        '["camera.frames", 0, 7, 1772433000000]',  # the offset it has itself
        '["camera.frames", 0, 900, 1772433000000]',  # of a frame that is still to come
        '["camera.frames", 1, 3, 1772433000000]',
        '["other", 0, 3, 1772433000000]',
        '["camera.frames", 0, -3, 1772433000000]',
        '["camera.frames", 0, "3", 1772433000000]',
        "[]",
        "7",
    ],
)
def test_nobody_takes_the_name_of_another_frame(text: str):
    record = Record(FRAMES, 0, 7, b"weld-07", b"x", (("ce_replayed", text.encode()),), 1)
    with pytest.raises(Invalid) as raised:
        read_frame(record)
    assert raised.value.reason is Reason.BAD_HEADER


def test_a_prepared_frame_is_prepared_anew_from_its_image(post: MemoryPost):
    image = post.kafka.append(post_message(OURS))
    letter = post.reject(
        Reason.BAD_HEADER, topic=PREPARED, headers=(("ce_origin", origin(image)), *frame_headers(OURS))
    )
    (outcome,) = sent(post, letter)
    assert outcome.replayed_to is not None
    assert outcome.replayed_to.topic == FRAMES
    record = post.kafka.records(FRAMES)[-1]
    assert (record.value, read_frame(record).frame_id) == (image.value, OURS.frame_id)
    assert len(post.kafka.records(PREPARED)) == 1, "no tensor is written again"


@pytest.mark.parametrize("named", [b'["camera.frames", 0, 99]', b'["models", 0, 0]', b"nonsense"])
def test_a_prepared_frame_whose_image_is_gone_is_refused_with_the_reason(named: bytes, post: MemoryPost):
    post.kafka.append(Message(MODELS, b"weld-07", b"an old assignment"))
    (outcome,) = sent(post, post.reject(Reason.BAD_HEADER, topic=PREPARED, headers=(("ce_origin", named),)))
    assert "image" in outcome.refused
    assert len(post.kafka.records(MODELS)) == 1, "nothing but a frame is written again for it"
    assert turns(post) == []


def test_a_score_is_written_again_as_it_was_and_its_origin_stays(post: MemoryPost):
    headers = (
        ("ce_station", b"weld-07"),
        ("ce_epoch", b"0"),
        ("ce_seq", b"4"),
        ("ce_origin", b'["camera.frames",2,4]'),
    )
    sent(post, post.reject(Reason.SCHEMA_TOO_NEW, topic=SCORES, headers=headers, value=b"{}"))
    record = post.kafka.records(SCORES)[-1]
    assert record.headers == (*headers, (REPLAYED, b"1"))
    assert of_record(record) == (Which("weld-07", 0, "camera.frames/2"), 4)


def test_what_several_services_refused_is_written_once(post: MemoryPost):
    record = post.kafka.append(post_message(OURS, SCORES))
    letters = [post.letter(record, Reason.SCHEMA_TOO_NEW, service) for service in ("alerting", "drift")]
    outcomes = sent(post, *letters)
    assert len(post.kafka.records(SCORES)) == 2
    assert len({each.replayed_to for each in outcomes}) == 1
    assert [each.letter.offset for each in turns(post)] == [0, 1]


def test_a_foreign_frame_of_a_topic_that_was_made_anew_would_be_another_and_stays(post: MemoryPost):
    letter = post.reject()
    far = replace(letter, headers=(*letter.headers, ("andon-offset", b"500")))
    post.kafka.log(DEAD_LETTERS, 0)[0] = far
    (outcome,) = sent(post, far)
    assert "made anew" in outcome.refused


def test_a_letter_of_a_partition_that_is_gone_is_refused_with_the_reason(post: MemoryPost):
    letter = post.reject(headers=frame_headers(OURS))
    gone = replace(letter, headers=(*letter.headers, ("andon-partition", b"7")))
    post.kafka.log(DEAD_LETTERS, 0)[0] = gone
    assert [each.refused for each in sent(post, gone)] == ["there is no camera.frames/7 any more"]


def test_a_letter_that_expired_while_one_thought_about_it_is_refused(post: MemoryPost):
    letter = post.reject()
    post.gone.add((DEAD_LETTERS, 0, 0))
    assert "expired" in sent(post, letter)[0].refused


def test_the_turn_says_who_why_and_where_to_and_the_deed_stands_in_the_audit_log(post: MemoryPost):
    sent(post, post.reject())
    (turn,) = turns(post)
    assert (turn.kind, turn.by, turn.why, turn.reason, turn.station) == (
        LetterTurnKind.REPLAYED, "mira", "the store is back", "missing_data", "weld-07",
    )  # fmt: skip
    assert turn.replayed_to is not None
    assert turn.replayed_to.offset == 1
    deed = read_event(Deed, post.kafka.records(AUDIT)[0].value)
    assert (deed.did, deed.by, deed.station, deed.subject) == (Did.REPLAYED, "mira", "weld-07", "dead letter 0/0")


def test_interrupted_before_the_word_was_written_it_is_done_again_as_the_same_frame(post: MemoryPost):
    letter = post.reject()
    post.away_after = 1  # the record is written, the turn is not
    with pytest.raises(Broken):
        sent(post, letter)
    assert turns(post) == []
    post.away_after = None
    sent(post, letter)
    first, second = (read_frame(each).frame_id for each in post.kafka.records(FRAMES)[1:])
    assert first == second


def test_letters_go_in_the_order_in_which_their_frames_came(post: MemoryPost):
    letters = [post.reject(value=bytes([number])) for number in range(40)]
    sent(post, *reversed(letters))
    assert [each.value[0] for each in post.kafka.records(FRAMES)[40:]] == list(range(40))


def test_discarding_writes_the_word_and_nothing_else(post: MemoryPost):
    letter = post.reject()
    list(discard([read_letter(letter)], post, Who("mira", "camera was unplugged"), lambda: NOW))
    (turn,) = turns(post)
    assert (turn.kind, turn.why) == (LetterTurnKind.DISCARDED, "camera was unplugged")
    assert len(post.kafka.records(FRAMES)) == 1
    assert read_event(Deed, post.kafka.records(AUDIT)[0].value).did is Did.DISCARDED


def test_a_turn_is_of_the_letter_and_not_of_an_older_one_that_lay_there_before(post: MemoryPost):
    letter = post.reject()
    list(discard([read_letter(letter)], post, MIRA, lambda: NOW))
    handled = post.handled()
    assert handled.of(read_letter(letter)) is not None
    assert handled.of(replace(read_letter(letter), at=NOW + timedelta(days=1))) is None


def test_letters_are_counted_by_reason_the_largest_pile_first(post: MemoryPost):
    piles = Piles(most=2)
    for number, reason in enumerate((Reason.EMPTY, Reason.MISSING_DATA, Reason.MISSING_DATA)):
        record = post.reject(reason, key=f"weld-{number}".encode(), at_ms=1_772_433_000_000 + number * 1000)
        piles.add(read_letter(record))
    first, second = piles.by_reason()
    assert (first.reason, first.count, dict(first.stations)) == ("missing_data", 2, {"weld-1": 1, "weld-2": 1})
    assert (second.reason, first.oldest.offset, first.newest.offset) == ("empty", 1, 2)
    assert [each.offset for each in piles.newest()] == [2, 1], "only so many are kept"
    assert piles.count == 3


def test_a_million_stations_do_not_fill_the_memory():
    piles = Piles(most=1)
    for number in range(3000):
        piles.add(Letter(0, number, NOW, "empty", station=f"s-{number}"))
    assert (len(piles.by_reason()[0].stations), piles.count) == (1000, 3000)


def test_what_was_handled_is_left_out_unless_asked_for(post: MemoryPost):
    letter = read_letter(post.reject())
    turn = LetterTurn(kind=LetterTurnKind.DISCARDED, letter=letter.place, reason="missing_data", at=NOW, by="mira")
    assert not Wanted().has(letter, turn)
    assert Wanted(handled=True).has(letter, turn)
    assert [Wanted(**{name: value}).has(letter, None) for name, value in NOT_IT] == [False] * 3


NOT_IT = (("reason", "empty"), ("station", "weld-08"), ("since", NOW))


def test_what_is_sent_again_and_refused_again_never_stops_a_service():
    limit = Limit(DeadLetterLimit(max_run=2, window=10, max_ratio=0.1))
    plain = Rejected(Record(FRAMES, 0, 1, None, b""), Reason.EMPTY, "")
    again = Rejected(Record(FRAMES, 0, 1, None, b"", ((REPLAYED, b"1"),)), Reason.EMPTY, "")
    limit.judge(200, [again] * 200)
    limit.judge(3, [again, plain, plain])
    with pytest.raises(Broken, match="3 dead letters in a row"):
        limit.judge(1, [plain])


@pytest.mark.parametrize(
    ("data", "ending"),
    [
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\x93NUMPY\x01", "npy"),
        (b"RIFF\0\0\0\0WEBPVP8", "webp"),
        (b"<html>", "bin"),
        (b"", "bin"),
    ],
)
def test_bytes_are_named_by_what_they_begin_like(data: bytes, ending: str):
    assert kind_of(data).ending == ending
    assert data[:4].hex(" ") in look_of(data)


def test_an_image_that_lies_in_the_store_is_fetched_from_there(tmp_path: Path):
    from andon.ids import sha256_hex
    from andon.store import BlobStore

    dataref = BlobStore(str(tmp_path)).put(sha256_hex(b"large"), b"large")
    record = Record(DEAD_LETTERS, 0, 0, None, b"", (("ce_dataref", dataref.encode()),))
    assert bytes_of(record, BlobStore(str(tmp_path)).get) == b"large"
    with pytest.raises(Mistake, match="lies in the store"):
        bytes_of(record, BlobStore(str(tmp_path / "elsewhere")).get)


def post_message(frame: Frame, topic: str = FRAMES) -> Message:
    return Message(topic, frame.station.encode(), b"\xff\xd8\xff", frame_headers(frame))


def origin(record: Record) -> bytes:
    return json.dumps([record.topic, record.partition, record.offset]).encode()
