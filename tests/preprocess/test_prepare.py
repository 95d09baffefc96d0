"""What becomes of a camera frame: the tensor its model wants, or a dead letter that says why not."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest

from andon.errors import Invalid
from andon.ids import foreign_frame_id, sha256_hex
from andon.images.limits import ImageLimits
from andon.images.prepare import prepare
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.preparation import Box, Preparation
from andon.reasons import Reason
from andon.records import PreparedFrame, read_prepared
from andon.stage import Headers, Message, Record, Rejected, Result, Stage
from andon.testing import hostile
from andon.topics import DEAD_LETTERS, FRAMES, PREPARED, SHADOW_PREPARED
from andon_preprocess.prepare import UNASSIGNED, Fetched, Preparing

NOW = datetime(2026, 3, 2, 14, 0, 1, tzinfo=UTC)
PREPARATION = Preparation(width=32, height=24, channels=3)
LIMITS = ImageLimits()
MakeRecord = Callable[..., Record]


def handler(preparation: Preparation = PREPARATION, **given: object) -> Preparing:
    return Preparing(lambda _frame: preparation, LIMITS, **given)  # type: ignore[arg-type]


def handled(*records: Record, preparation: Preparation = PREPARATION) -> list[Result]:
    return handler(preparation)(records, NOW)


def only_message(*records: Record, preparation: Preparation = PREPARATION) -> Message:
    (result,) = handled(*records, preparation=preparation)
    assert isinstance(result, Message)
    return result


def read_back(message: Message) -> PreparedFrame:
    return read_prepared(Record(message.topic, 0, 5, message.key, message.value, message.headers))


def refused(record: Record, preparation: Preparation = PREPARATION) -> Rejected:
    (result,) = handled(record, preparation=preparation)
    assert isinstance(result, Rejected)
    return result


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    return hostile.jpeg(hostile.photo(160, 120))


def test_a_frame_becomes_the_tensor_that_its_preparation_describes(record: MakeRecord, jpeg: bytes) -> None:
    message = only_message(record(jpeg))
    assert (message.topic, message.key) == (PREPARED, b"weld-07")
    tensor = np.frombuffer(message.value, np.uint8).reshape(PREPARATION.shape)
    assert np.array_equal(tensor, prepare(jpeg, PREPARATION).tensor)


def test_the_headers_say_how_it_was_made_and_where_its_image_lies(record: MakeRecord, jpeg: bytes) -> None:
    preparation = Preparation(width=32, height=24, channels=1, crop=Box(x=10, y=20, width=64, height=48))
    prepared = read_back(only_message(record(jpeg, 3), preparation=preparation))
    assert prepared.shape == (24, 32, 1)
    assert prepared.preparation == preparation.digest
    assert (prepared.width, prepared.height, prepared.crop) == (160, 120, (10, 20, 64, 48))
    assert (prepared.place.topic, prepared.place.partition, prepared.place.offset) == (FRAMES, 2, 43)
    assert prepared.health == prepare(jpeg, preparation).health


def test_a_frame_of_many_planes_becomes_a_tensor_of_as_many(record: MakeRecord) -> None:
    planes, preparation = hostile.npy(hostile.planes(8)), Preparation(width=32, height=24, channels=8)
    message = only_message(record(planes, content_type="application/x-npy"), preparation=preparation)
    prepared = read_back(message)
    assert (prepared.shape, prepared.frame.content_type) == ((24, 32, 8), "application/x-npy")
    assert message.value == prepare(planes, preparation).tensor.tobytes()


def test_planes_that_the_stations_bundle_does_not_know_are_a_dead_letter_with_both_numbers(record: MakeRecord) -> None:
    rejected = refused(record(hostile.npy(hostile.planes(4))))
    assert rejected.reason is Reason.WRONG_CHANNELS
    assert "4 planes" in rejected.detail
    assert "colour" in rejected.detail


@pytest.mark.parametrize(("planes", "channels"), [(1, 3), (3, 3), (2, 2), (16, 16)])
def test_without_a_bundle_no_number_of_planes_is_a_dead_letter(record: MakeRecord, planes: int, channels: int) -> None:
    prepared = read_back(only_message(record(hostile.npy(hostile.planes(planes))), preparation=UNASSIGNED))
    assert prepared.shape == (256, 256, channels)
    assert prepared.preparation == Preparation(channels=channels).digest


def test_what_its_maker_says_of_a_frame_travels_with_it(record: MakeRecord, jpeg: bytes) -> None:
    told = {
        "product": "cup 0.3",
        "part": "SN/4711",
        "subject": "test/scratch/000.png",
        "skipped": "busy=3",
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    }
    frame = read_back(only_message(record(jpeg, 7, **told))).frame
    assert {name: getattr(frame, name) for name in told} == told
    assert (frame.station, frame.seq, frame.sha256) == ("weld-07", 7, sha256_hex(jpeg))


def test_a_bare_image_with_a_key_is_a_frame(bare: MakeRecord, jpeg: bytes) -> None:
    frame = read_back(only_message(bare(jpeg))).frame
    assert frame.foreign
    assert frame.station == "weld-07"
    assert frame.frame_id == foreign_frame_id("camera.frames.plant-2", 1, 9)
    assert frame.captured_at == datetime.fromtimestamp(1_772_460_000.5, UTC)


def test_each_record_has_one_result_and_they_come_in_order(record: MakeRecord, jpeg: bytes) -> None:
    images = [jpeg, b"", hostile.png(hostile.photo(64, 64)), b"text", jpeg]
    results = handled(*[record(image, seq) for seq, image in enumerate(images)])
    assert [type(result) for result in results] == [Message, Rejected, Message, Rejected, Message]
    told = [read_back(each).frame.seq if isinstance(each, Message) else each.record.offset - 40 for each in results]
    assert told == [0, 1, 2, 3, 4]


def test_a_pool_of_threads_keeps_the_order(record: MakeRecord) -> None:
    small, large = (hostile.jpeg(hostile.photo(*size)) for size in ((16, 16), (1200, 900)))
    records = [record((large, b"x", small)[seq % 3], seq) for seq in range(24)]
    with ThreadPoolExecutor(4) as pool:
        assert handler(each=pool.map)(records, NOW) == handled(*records)


def test_an_empty_turn_makes_nothing() -> None:
    assert handled() == []


def test_each_frame_is_prepared_for_its_own_station(record: MakeRecord, jpeg: bytes) -> None:
    wanted = {"weld-07": PREPARATION, "press-1": Preparation(width=8, height=8, channels=1)}
    preparing = Preparing(lambda frame: wanted[frame.station], LIMITS)
    results = preparing([record(jpeg), record(jpeg, station="press-1")], NOW)
    assert [len(result.value) for result in results if isinstance(result, Message)] == [32 * 24 * 3, 64]


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "cut in half": hostile.cut,
    "cut in half, with an end": hostile.cut_but_closed,
    "one packet missing": hostile.without,
    "2000 bytes zeroed": hostile.zeroed,
    "one bit flipped": hostile.with_bit_flipped,
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damage_of_any_kind_is_found_by_the_checksum(damage: str, record: MakeRecord) -> None:
    image = hostile.jpeg(hostile.photo())
    rejected = refused(record(DAMAGED[damage](image), sha256=sha256_hex(image)))
    assert rejected.reason is Reason.CHECKSUM_MISMATCH
    assert sha256_hex(image)[:12] in rejected.detail


def test_nothing_of_the_frame_before_shows_in_a_damaged_one(bare: MakeRecord) -> None:
    """OpenCV 4.10 filled missing rows with the picture decoded before (opencv issue 26488)."""
    damaged = bare(hostile.cut_but_closed(hostile.jpeg(hostile.photo(seed=1))))
    after = [handled(bare(hostile.jpeg(hostile.photo(seed=seed))), damaged)[1] for seed in (2, 3)]
    assert after[0] == after[1]


def always(data: bytes) -> Callable[[bytes], bytes]:
    return lambda _: data


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], Reason]] = {
    "30000 x 30000 in 0.9 MB": (lambda _: hostile.png_bomb(), Reason.TOO_MANY_PIXELS),
    "2^31 x 2^31": (lambda _: hostile.png_of(2**31, 2**31), Reason.TOO_MANY_PIXELS),
    "progressive, 500 scans": (lambda _: hostile.progressive(hostile.photo(64, 64), 500), Reason.PROGRESSIVE),
    "JPEG and zip": (lambda jpeg: jpeg + hostile.ZIP_TAIL, Reason.TRUNCATED),
    "GIF and JPEG": (lambda jpeg: b"GIF89a" + jpeg, Reason.UNSUPPORTED_FORMAT),
    "PDF and JPEG": (lambda jpeg: b"%PDF-1.4\n" + jpeg, Reason.UNSUPPORTED_FORMAT),
    "cut": (hostile.cut, Reason.TRUNCATED),
    "empty": (lambda _: b"", Reason.EMPTY),
    "text": (lambda _: b"part 4711 is fine", Reason.NOT_AN_IMAGE),
    "noise": (lambda _: bytes(range(256)) * 40, Reason.NOT_AN_IMAGE),
    **{name: (always(data), Reason.UNSUPPORTED_FORMAT) for name, data in hostile.OTHER_FORMATS.items()},
}


@cache
def hostile_image(name: str) -> bytes:
    make, _ = HOSTILE[name]
    return make(hostile.jpeg(hostile.photo(160, 120)))


@pytest.mark.parametrize("ours", [True, False], ids=["with our headers", "bare"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_image_is_rejected_with_its_reason_at_no_cost(
    name: str, ours: bool, record: MakeRecord, bare: MakeRecord
) -> None:
    arrived = (record if ours else bare)(hostile_image(name))
    started = time.process_time()
    rejected = refused(arrived)
    assert time.process_time() - started < 0.25
    assert rejected.reason is HOSTILE[name][1]
    assert rejected.record is arrived


NAMES = {
    "line break": "weld\n07",
    "path": "../../etc/passwd",
    "10 KB": "w" * 10_240,
    "unicode": "schweiß-07",
    "null": "weld\x0007",
    "empty": "",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_station_name_is_rejected_wherever_it_stands(
    name: str, record: MakeRecord, bare: MakeRecord, jpeg: bytes
) -> None:
    assert refused(bare(jpeg, NAMES[name].encode())).reason is Reason.BAD_STATION
    headers = with_header(record(jpeg).headers, "ce_station", NAMES[name].encode())
    rejected = refused(replace(record(jpeg), headers=headers))
    assert rejected.reason in (Reason.BAD_STATION, Reason.BAD_HEADER)
    assert rejected.detail.isprintable()
    assert len(rejected.detail) < 500


@pytest.mark.parametrize("label", ["ce_product", "ce_part", "ce_subject"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("empty", "path", "unicode")])
def test_a_hostile_label_is_rejected(label: str, name: str, record: MakeRecord, jpeg: bytes) -> None:
    headers = with_header(record(jpeg).headers, label, NAMES[name].encode())
    rejected = refused(replace(record(jpeg), headers=headers))
    assert rejected.reason is Reason.BAD_HEADER
    assert rejected.detail.isprintable()


@pytest.mark.parametrize(
    ("headers", "stamp", "reason"),
    [
        ((("ce_product", b"\xff\xfe"),), 0, Reason.BAD_HEADER),
        (tuple(("ce_x", b"") for _ in range(65)), 0, Reason.BAD_HEADER),
        ((), 2**62, Reason.BAD_RECORD),
        ((), -(2**62), Reason.BAD_RECORD),
    ],
    ids=["not UTF-8", "65 headers", "a time after all calendars", "a time before all calendars"],
)
def test_a_hostile_envelope_is_rejected(
    headers: Headers, stamp: int, reason: Reason, bare: MakeRecord, jpeg: bytes
) -> None:
    assert refused(replace(bare(jpeg, headers=headers), timestamp_ms=stamp)).reason is reason


def test_an_image_that_the_crop_does_not_fit_is_rejected(record: MakeRecord, jpeg: bytes) -> None:
    crop = Preparation(crop=Box(x=100, y=0, width=100, height=100))
    assert refused(record(jpeg), crop).reason is Reason.BAD_CROP


def test_what_was_fetched_from_the_store_stays_there_when_it_is_rejected(record: MakeRecord, jpeg: bytes) -> None:
    carried = record(b"", sha256=sha256_hex(jpeg), dataref="file:///frames/ab/abc")
    place = carried.topic, carried.partition, carried.offset
    fetched = Fetched(*place, carried.key, hostile.cut(jpeg), carried.headers, carried.timestamp_ms)
    rejected = refused(fetched)
    assert rejected.reason is Reason.CHECKSUM_MISMATCH
    assert rejected.record.value == b""
    assert rejected.record.headers == carried.headers


def test_a_frame_that_could_not_be_fetched_is_rejected_for_that_reason(record: MakeRecord) -> None:
    carried = record(b"", dataref="file:///frames/ab/abc")
    problem = Invalid(Reason.MISSING_DATA, "the store does not hold abc")
    fetched = Fetched(carried.topic, 0, 1, carried.key, b"", carried.headers, 0, problem)
    assert (refused(fetched).reason, refused(fetched).detail) == (Reason.MISSING_DATA, problem.detail)


def test_an_image_carried_beside_a_dataref_is_kept_in_its_dead_letter(record: MakeRecord) -> None:
    both = record(b"neither image nor lost", dataref="file:///frames/ab/abc")
    assert refused(both).record is both


def test_a_fault_of_ours_is_no_dead_letter(record: MakeRecord, jpeg: bytes) -> None:
    def broken(_frame: object) -> Preparation:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        Preparing(broken, LIMITS)([record(jpeg)], NOW)


def test_the_stage_lives_on_between_hostile_frames_and_every_one_is_accounted_for(jpeg: bytes) -> None:
    kafka = MemoryKafka()
    for name in HOSTILE:
        for value in (jpeg, hostile_image(name)):
            kafka.append(Message(FRAMES, b"weld-07", value))
    stage = Stage(
        "preprocess", MemorySource(kafka, [FRAMES], "p"), handler(), MemorySink(kafka), MemoryDeadLetters(kafka)
    )
    while stage.step(lambda: NOW):
        pass
    assert len(kafka.records(PREPARED)) == len(HOSTILE)
    assert reasons(kafka.records(DEAD_LETTERS)) == [reason.value for _, reason in HOSTILE.values()]


def reasons(letters: Sequence[Record]) -> list[str]:
    return [(letter.header("andon-reason") or b"").decode() for letter in letters]


def with_header(headers: Headers, name: str, value: bytes) -> Headers:
    return (*(pair for pair in headers if pair[0] != name), (name, value))


OTHER = Preparation(width=8, height=8, channels=1)


def with_shadows(*shadows: Preparation) -> Preparing:
    return Preparing(lambda _: PREPARATION, LIMITS, shadows_of=lambda _: shadows)


def test_a_shadow_gets_the_frame_as_it_wants_it_beside_the_one_that_serves(record: MakeRecord, jpeg: bytes) -> None:
    live, same, other = with_shadows(PREPARATION, OTHER)([record(jpeg)], NOW)
    assert isinstance(live, Message)
    assert isinstance(same, Message)
    assert isinstance(other, Message)
    assert [live.topic, same.topic, other.topic] == [PREPARED, SHADOW_PREPARED, SHADOW_PREPARED]
    assert replace(same, topic=PREPARED) == live
    assert read_back(other).preparation == OTHER.digest
    assert read_back(other).frame == read_back(live).frame
    assert other.value == prepare(jpeg, OTHER).tensor.tobytes()


def test_frames_that_are_inspected_come_before_those_for_shadows(record: MakeRecord, jpeg: bytes) -> None:
    results = with_shadows(OTHER)([record(jpeg, seq) for seq in range(3)], NOW)
    assert [each.topic for each in results if isinstance(each, Message)] == [PREPARED] * 3 + [SHADOW_PREPARED] * 3


def test_a_frame_that_a_shadow_cannot_have_is_inspected_all_the_same(record: MakeRecord, jpeg: bytes) -> None:
    beyond = Preparation(width=8, height=8, channels=1, crop=Box(x=0, y=0, width=5000, height=5000))
    (live,) = with_shadows(beyond)([record(jpeg)], NOW)
    assert isinstance(live, Message)
    assert live.topic == PREPARED


def test_poison_is_one_dead_letter_however_many_shadows_there_are(record: MakeRecord) -> None:
    (result,) = with_shadows(PREPARATION, OTHER)([record(b"poison")], NOW)
    assert isinstance(result, Rejected)
