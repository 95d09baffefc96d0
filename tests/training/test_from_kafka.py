"""A station's newest frames are found among everybody's, kept in time order, and waited for. Needs no Kafka."""

import errno
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.calibration import MIN_FRAMES
from andon.errors import Invalid, Mistake
from andon.ids import frame_id, sha256_hex
from andon.kafka.source import Place
from andon.reasons import Reason
from andon.records import Frame, FramePlace, Score, Verdict, frame_headers, write_event
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.store import BlobStore
from andon.topics import FRAMES, SCORES
from andon_training.commands.gather import Line, one_of
from andon_training.from_kafka.collect import check_asked, spooled, too_few, wait_for_more
from andon_training.from_kafka.gather import Gathering
from andon_training.from_kafka.line import frame_partitions
from andon_training.from_kafka.look_back import QUIET_BYTES, WINDOW_BYTES, Unread, look_back, window_records
from andon_training.from_kafka.newest import Newest, read_found
from andon_training.from_kafka.spool import Spool, SpooledFrame
from andon_training.from_kafka.verdicts import anomalous_among
from andon_training.progress import silent

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
JPEG = b"\xff\xd8\xff and more"


def frame(station: str, seq: int, **given: object) -> Frame:
    at = AT + timedelta(seconds=seq)
    return replace(Frame(station, 7, seq, frame_id(station, 7, seq), at), **given)  # type: ignore[arg-type]


def written(found: Frame, offset: int, *, place: Place = (FRAMES, 0), value: bytes = JPEG) -> Record:
    """The record of a frame, written when it was captured."""
    stamp = int(found.captured_at.timestamp() * 1000)
    return Record(*place, offset, found.station.encode(), value, frame_headers(found), stamp)


class Log:
    """Partitions as lists, read in windows; remembers which windows were asked for."""

    def __init__(self) -> None:
        self.parts: dict[Place, list[Record]] = {}
        self.windows: list[tuple[Place, int, int]] = []

    def add(self, found: Frame, place: Place = (FRAMES, 0), value: bytes = JPEG) -> None:
        log = self.parts.setdefault(place, [])
        log.append(written(found, len(log), place=place, value=value))

    def read(self, place: Place, start: int, stop: int) -> Iterator[Record]:
        self.windows.append((place, start, stop))
        yield from self.parts[place][start:stop]

    def read_of(self, place: Place) -> int:
        return sum(stop - start for where, start, stop in self.windows if where == place)

    @property
    def unread(self) -> list[Unread]:
        return [Unread(place, 0, len(log)) for place, log in self.parts.items()]


@pytest.fixture
def gathering(tmp_path: Path) -> Gathering:
    return gathering_of(tmp_path, 20)


def gathering_of(folder: Path, most: int) -> Gathering:
    return Gathering("weld-07", Newest(most), Spool(folder), silent)


def seqs(gathering: Gathering) -> list[int]:
    return [found.frame.seq for found in gathering.newest.in_order()]


def search(log: Log, gathering: Gathering) -> None:
    look_back(log.unread, log.read, gathering.take, gathering.newest)


def test_the_newest_frames_of_the_station_are_kept_in_time_order(gathering: Gathering) -> None:
    log = Log()
    for seq in range(500):
        log.add(frame("weld-07" if seq % 5 == 0 else "press-1", seq))
    search(log, gathering)
    assert seqs(gathering) == list(range(400, 500, 5))


def test_where_a_product_is_named_only_its_frames_are_kept(tmp_path: Path) -> None:
    gathering = Gathering("weld-07", Newest(20), Spool(tmp_path), silent, "hinge")
    log = Log()
    for seq, product in enumerate(("hinge", "bracket", None, "hinge")):
        log.add(frame("weld-07", seq, product=product))
    search(log, gathering)
    assert seqs(gathering) == [0, 3]


def test_the_beginning_is_not_read_when_the_end_holds_enough(gathering: Gathering) -> None:
    log = Log()
    for seq in range(10_000):
        log.add(frame("weld-07", seq))
    search(log, gathering)
    assert log.read_of((FRAMES, 0)) < 100


def test_a_station_with_too_few_frames_is_looked_for_to_the_beginning_of_every_partition(gathering: Gathering) -> None:
    log = Log()
    log.add(frame("weld-07", 0), (FRAMES, 1))
    for seq in range(1, 3000):
        log.add(frame("press-1", seq), (FRAMES, seq % 3))
    search(log, gathering)
    assert seqs(gathering) == [0]
    assert sum(log.read_of(place) for place in log.parts) == 3000


def test_partitions_without_the_station_are_left_after_a_glance(gathering: Gathering) -> None:
    log = Log()
    for seq in range(3000):
        log.add(frame("weld-07" if seq % 3 == 1 else "press-1", seq), (FRAMES, seq % 3))
    search(log, gathering)
    assert seqs(gathering) == list(range(2941, 3000, 3))
    assert log.read_of((FRAMES, 0)) == log.read_of((FRAMES, 2)) == 16


def test_a_station_in_two_partitions_gives_the_newest_of_both(gathering: Gathering) -> None:
    log = Log()
    for seq in range(400):
        log.add(frame("weld-07", seq), (FRAMES, 0) if seq < 390 else ("camera.frames.line2", 0))
    search(log, gathering)
    assert seqs(gathering) == list(range(380, 400))


def test_a_frame_that_was_delivered_twice_counts_once(gathering: Gathering) -> None:
    log = Log()
    for seq in (0, 1, 1, 2, 2, 2):
        log.add(frame("weld-07", seq))
    search(log, gathering)
    assert seqs(gathering) == [0, 1, 2]


def test_images_in_the_spool_are_the_kept_frames_and_no_others(gathering: Gathering) -> None:
    log = Log()
    for seq in range(64):
        log.add(frame("weld-07", seq), value=JPEG + bytes([seq]))
    search(log, gathering)
    files = sorted(gathering.spool.folder.iterdir())
    assert [file.read_bytes()[-1] for file in files] == seqs(gathering) == list(range(44, 64))


def test_a_partition_without_the_station_is_let_go_after_its_share_of_bytes(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("andon_training.from_kafka.look_back.QUIET_BYTES", 2 * 100 * len(JPEG))
    log = Log()
    log.add(frame("weld-07", 0))
    for seq in range(1, 5000):
        log.add(frame("press-1", seq), (FRAMES, seq % 2))
    search(log, gathering)
    assert seqs(gathering) == []
    assert all(100 <= log.read_of(place) <= 16 + 64 + 256 for place in log.parts)


def test_a_window_grows_but_never_beyond_its_bytes() -> None:
    one_mib = Unread((FRAMES, 0), 0, 100_000, windows=4, records=100, bytes=100 * 1024**2)
    assert window_records(one_mib, 300) == WINDOW_BYTES // 1024**2
    small = replace(one_mib, bytes=100)
    assert [window_records(replace(small, windows=n), 300) for n in range(6)] == [16, 64, 256, 1024, 4096, 4096]
    assert QUIET_BYTES > WINDOW_BYTES


def test_a_window_is_no_larger_than_the_missing_frames_ask_for() -> None:
    part = Unread((FRAMES, 0), 0, 100_000, windows=4, records=100, bytes=100, found=50)
    assert window_records(part, 100) == 240


def test_a_bare_image_is_a_frame_of_the_station_in_its_key() -> None:
    found = read_found(Record("camera.frames.line2", 2, 41, b"weld-07", JPEG, (), 1_772_000_000_000))
    assert (found.frame.station, found.frame.seq, found.dataref) == ("weld-07", 41, None)


class Clock:
    """Time that passes when it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_missing_frames_are_waited_for_and_no_longer_than_needed(tmp_path: Path) -> None:
    few = gathering_of(tmp_path, 3)
    coming = iter([[written(frame("weld-07", seq), seq)] for seq in range(10)])
    wait_for_more(lambda _: next(coming), few, 1000, Clock())
    assert seqs(few) == [0, 1, 2]
    assert next(coming)[0].offset == 3


def test_waiting_ends_at_the_deadline(gathering: Gathering) -> None:
    asked: list[float] = []

    def nothing(wait_s: float) -> list[Record]:
        asked.append(wait_s)
        return []

    wait_for_more(nothing, gathering, 9.25, Clock())
    assert len(asked) == 9
    assert min(asked) == 0.25  # less than nothing would be for ever
    assert max(asked) == 0.5


def test_too_few_frames_say_how_many_which_stations_there_are_and_what_to_do(gathering: Gathering) -> None:
    for seq, station in enumerate(["weld-07", "weld-70", "press-1", "press-1"]):
        gathering.take(written(frame(station, seq), seq))
    gathering.take(Record(FRAMES, 0, 9, None, JPEG))
    said = too_few(gathering, 1, 60)
    assert (
        f"station weld-07: too few frames on Kafka after waiting 60 s: 1; fitting needs at least {MIN_FRAMES}" in said
    )
    assert "Other stations seen: press-1, weld-70; did you mean weld-70?" in said
    assert "Records without a station, or with bad headers: 1." in said
    assert "--wait" in said


def test_frames_left_out_for_their_verdict_are_told_when_they_are_missed(gathering: Gathering) -> None:
    for seq in range(3):
        gathering.take(written(frame("weld-07", seq), seq))
    assert "on Kafka: 1, and 2 more that the line called anomalous;" in too_few(gathering, 1, 0)
    assert "--keep-all" in too_few(gathering, 1, 0)


def test_a_kafka_without_frame_topics_says_how_to_make_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("andon_training.from_kafka.line.frame_places", lambda _: [])
    with pytest.raises(Mistake, match=r"localhost:9092 has no topic camera\.frames .*andon topics create"):
        frame_partitions(KafkaSettings())


@pytest.mark.parametrize(("station", "most", "said"), [("Weld 07", 300, "try 'weld-07'"), ("weld-07", 3, "--frames")])
def test_what_no_line_can_give_is_told_before_anything_is_read(station: str, most: int, said: str) -> None:
    with pytest.raises(Mistake, match=said):
        check_asked(station, most)


def source_of(record: Record, folder: Path, store: BlobStore) -> SpooledFrame:
    gathering = gathering_of(folder, 20)
    assert gathering.take(record)
    (found,) = gathering.newest.in_order()
    return spooled(found, gathering.spool, store)


def test_an_image_that_is_not_what_its_maker_counted_is_refused_when_it_is_read(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path / "frames"))
    good = source_of(written(frame("weld-07", 1, sha256=sha256_hex(JPEG).upper()), 1), tmp_path, store)
    torn = source_of(written(frame("weld-07", 2, sha256=sha256_hex(b"other"), subject="7.jpg"), 2), tmp_path, store)
    assert good.read_bytes() == JPEG
    assert torn.name == "camera.frames[0]@2 (7.jpg)"
    with pytest.raises(Invalid, match=Reason.CHECKSUM_MISMATCH):
        torn.read_bytes()


def claim(seq: int, dataref: str) -> Record:
    return written(frame("weld-07", seq, dataref=dataref), seq, value=b"")


def test_a_claim_check_is_fetched_from_the_store(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path / "frames"))
    source = source_of(claim(1, store.put(sha256_hex(JPEG), JPEG)), tmp_path / "spool", store)
    assert source.read_bytes() == JPEG


def test_a_claim_check_that_cannot_be_had_is_refused_when_it_is_read(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path / "frames"))
    missing = source_of(claim(1, f"{tmp_path}/frames/ab/{'ab' * 32}"), tmp_path / "spool", store)
    foreign = source_of(claim(2, "file:///etc/passwd"), tmp_path / "spool", store)
    for source, reason in ((missing, Reason.MISSING_DATA), (foreign, Reason.BAD_HEADER)):
        with pytest.raises(Invalid, match=reason):
            source.read_bytes()


def test_a_claim_check_fetched_by_an_interrupted_run_is_not_fetched_again(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path / "frames"))
    dataref = store.put(sha256_hex(JPEG), JPEG)
    source_of(claim(1, dataref), tmp_path / "spool", store)
    Path(dataref).unlink()
    assert source_of(claim(1, dataref), tmp_path / "spool", store).read_bytes() == JPEG


def test_a_file_that_was_cut_short_is_written_again(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path / "frames"))
    record = written(frame("weld-07", 1), 1)
    source_of(record, tmp_path, store)
    (file,) = tmp_path.glob("*.jpg")
    file.write_bytes(JPEG[:3])
    assert source_of(record, tmp_path, store).read_bytes() == JPEG


def test_a_full_disk_says_what_to_do(gathering: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Mistake, match=r"No space left on device; make room there, .*--spool"):
        gathering.take(written(frame("weld-07", 1), 1))


def score(seq: int, verdict: Verdict, station: str = "weld-07") -> Record:
    given = Score(
        frame_id=frame_id("weld-07", 7, seq),
        station=station,
        epoch=7,
        seq=seq,
        captured_at=AT,
        scored_at=AT,
        verdict=verdict,
        width=8,
        height=8,
        frame=FramePlace(topic=FRAMES, partition=0, offset=seq),
    )
    return Record(SCORES, 0, seq, station.encode(), write_event(given))


def test_only_frames_whose_last_verdict_is_anomalous_are_called_so() -> None:
    ids = [frame_id("weld-07", 7, seq) for seq in range(4)]
    scores = [
        score(0, Verdict.OK),
        score(1, Verdict.ANOMALOUS),
        score(2, Verdict.ANOMALOUS),
        score(2, Verdict.OK),
        score(3, Verdict.UNSCORABLE),
        score(9, Verdict.ANOMALOUS),
        Record(SCORES, 0, 99, b"weld-07", b"no score"),
    ]
    assert anomalous_among(ids, "weld-07", scores) == {ids[1]}


def test_good_frames_come_from_a_folder_or_from_a_station_and_not_from_both() -> None:
    line = Line("weld-07", 300, 0, None, keep_all=False)
    assert one_of(None, line) == line
    for folder, station in ((Path("good"), line), (None, None)):
        with pytest.raises(Mistake, match="--from-kafka"):
            one_of(folder, station)
