import os

import pytest

from andon.errors import Broken, Mistake
from andon.records import read_frame
from andon.testing import hostile
from andon_ingest.batch import BatchLimits
from andon_ingest.capture import Skip
from andon_ingest.files import File, find_files
from andon_ingest.folder import FolderSource, Replay
from andon_ingest.journal import Forgetful, Journal
from andon_ingest.settings import WatchSettings
from andon_ingest.watch import Watch


def jpeg(text):
    return b"\xff\xd8\xff" + text.encode() + b"\xff\xd9"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "press-4"
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        write(folder, name)
    return folder


def write(folder, name, data=None):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(jpeg(name) if data is None else data)


@pytest.fixture
def new_source(time, new_capture):
    def make(files, memory=None, capture=None, watches=(), resumed=(), limits=None, **replay):
        limits = limits or BatchLimits()
        memory = memory or Forgetful()
        return FolderSource(
            capture or new_capture(), files, Replay(**replay), memory, limits, time.clock, watches, resumed
        )

    return make


@pytest.fixture
def restart(tmp_path, folder, time, new_capture, new_source):
    """Starts ingest over `folder` as `andon ingest folder --state` does; what ran before must be closed."""

    def make(watch=False, epoch=1700000000000, **given):
        journal = Journal(tmp_path / "state")
        resumed = journal.resume({"press-4": folder})
        capture = new_capture(epoch)
        if resumed:
            capture = new_capture(resumed.epoch, next_seq=resumed.next_seq, skipped=resumed.skipped)
        waiting = resumed.waiting if resumed else ()
        watches = [Watch("press-4", folder, WatchSettings(), journal.knows, time.clock)] if watch else []
        files = [] if watch else [file for file in find_files("press-4", folder) if not journal.knows(file)]
        return new_source(files, journal, capture, watches, waiting, **given)

    return make


def test_a_folder_is_played_once_in_order_and_then_ends(folder, line, new_source):
    line.play(new_source(find_files("press-4", folder)))
    assert line.subjects() == ["1.jpg", "2.jpg", "3.jpg"]
    assert [record.value for record in line.frames] == [jpeg(f"{n}.jpg") for n in (1, 2, 3)]
    assert line.seqs("press-4") == [0, 1, 2]


def test_arrays_of_planes_are_frames_as_images_are(folder, line, new_source):
    planes = hostile.npy_of("(2, 3, 8)", pixels=bytes(48))
    write(folder, "4.npy", planes)
    line.turn(new_source(find_files("press-4", folder)))
    assert [read_frame(frame).content_type for frame in line.frames] == ["image/jpeg"] * 3 + ["application/x-npy"]
    assert line.frames[-1].value == planes


def test_an_array_that_cannot_be_read_is_skipped_and_counted(folder, line, new_source, new_capture):
    write(folder, "4.npy", hostile.npy_of("(2, 3, 8)", pixels=bytes(48)))
    files, capture = find_files("press-4", folder), new_capture()
    (folder / "4.npy").unlink()
    line.turn(new_source(files, capture=capture))
    assert capture.skipped == {("press-4", Skip.VANISHED): 1}


def test_several_stations_take_turns(tmp_path, folder, line, new_source):
    other = tmp_path / "weld"
    write(other, "x.jpg")
    write(other, "y.jpg")
    line.play(new_source(find_files("press-4", folder) + find_files("weld", other)))
    assert line.subjects() == ["1.jpg", "x.jpg", "2.jpg", "y.jpg", "3.jpg"]
    assert line.seqs("weld") == [0, 1]


def test_each_station_keeps_the_rate(folder, line, time, new_source):
    line.play(new_source(find_files("press-4", folder), rate=2.0))
    assert time.now_s == pytest.approx(1001.0, abs=0.01)
    assert [record.header("ce_time")[17:23] for record in line.frames] == [b"07.000", b"07.500", b"08.000"]


def test_who_was_held_up_does_not_flood_afterwards(folder, line, time, new_source):
    """A minute of a slow Kafka is not made up for at once: the one that was due, and a second's worth."""
    source = new_source(find_files("press-4", folder), rate=1.0, loop=True, limits=BatchLimits(work_s=1e9))
    assert len(source.poll()) == 1
    time.now_s += 60
    assert len(source.poll()) == 3
    assert len(source.poll()) == 0


def test_a_poll_waits_no_longer_than_it_may(folder, time, new_source):
    source = new_source(find_files("press-4", folder), rate=0.01)
    source.poll()
    before = time.now_s
    assert source.poll() == []
    assert time.now_s - before == pytest.approx(0.2)


def test_a_loop_goes_on_until_its_count(folder, line, new_source):
    line.play(new_source(find_files("press-4", folder), loop=True, count=7))
    assert line.seqs("press-4") == list(range(7))
    assert line.subjects()[3] == "1.jpg"


def test_a_batch_ends_at_its_bytes(folder, new_source):
    source = new_source(find_files("press-4", folder), limits=BatchLimits(bytes=11))
    assert [len(source.poll()) for _ in range(3)] == [2, 1, 0]


def test_a_file_that_cannot_be_read_is_skipped_counted_and_told(folder, line, new_source, new_capture):
    (folder / "0.jpg").mkdir()
    capture = new_capture()
    unreadable, gone = File("press-4", folder, "0.jpg", 1, 1), File("press-4", folder, "none.jpg", 1, 1)
    line.play(new_source([unreadable, gone, *find_files("press-4", folder)], capture=capture))
    assert capture.skipped == {("press-4", Skip.UNREADABLE): 1, ("press-4", Skip.VANISHED): 1}
    assert line.seqs("press-4") == [0, 1, 2]
    assert line.frames[0].header("ce_skipped") == b"unreadable=1,vanished=1"


def test_an_oversize_file_among_small_ones_is_one_dead_letter(folder, line, new_source):
    write(folder, "2.jpg", bytes(101))
    line.play(new_source(find_files("press-4", folder), max_image_bytes=100))
    assert line.subjects() == ["1.jpg", "3.jpg"]
    assert line.seqs("press-4") == [0, 2]
    (letter,) = line.dead_letters
    assert letter.header("andon-reason") == b"too_large"
    assert letter.header("ce_seq") == b"1"
    assert letter.value == b""


def test_a_restart_after_the_end_sends_nothing_again(line, restart):
    line.play(restart())
    again = restart(epoch=1800000000000)
    assert again.ended
    assert again.capture.earlier == 3
    line.play(again)
    assert len(line.frames) == 3


def test_a_restart_goes_on_where_the_last_turn_ended_in_the_same_epoch(folder, line, restart):
    first = restart(limits=BatchLimits(records=2))
    line.turn(first)
    first.close()
    line.play(restart(epoch=1800000000000))
    assert line.subjects() == ["1.jpg", "2.jpg", "3.jpg"]
    assert line.seqs("press-4") == [0, 1, 2]
    assert {record.header("ce_epoch") for record in line.frames} == {b"1700000000000"}


def test_a_crash_between_kafka_and_the_commit_repeats_the_same_frames(line, restart):
    """Whoever dedupes by id sees each file once: nothing lost, nothing twice."""
    first = restart(limits=BatchLimits(records=2))
    for record in first.poll():
        line.kafka.append(record)
    before_crash = [record.header("ce_id") for record in line.kafka.records("test")]
    first.close()
    line.play(restart(epoch=1800000000000))
    ids = [record.header("ce_id") for record in line.frames]
    assert ids[:2] == before_crash
    assert len(set(ids)) == 3
    assert line.seqs("press-4") == [0, 1, 2]


def test_a_file_replaced_during_the_crash_begins_a_new_epoch(folder, line, restart):
    """Its number may already stand for the old image."""
    first = restart(limits=BatchLimits(records=2))
    first.poll()
    first.close()
    write(folder, "1.jpg", jpeg("another image"))
    line.play(restart(epoch=1800000000000))
    assert {record.header("ce_epoch") for record in line.frames} == {b"1800000000000"}
    assert line.seqs("press-4") == [0, 1, 2]


def test_a_resumed_file_that_vanishes_stops_us_rather_than_shift_the_numbers(folder, restart):
    first = restart()
    first.poll()
    first.close()
    second = restart()
    (folder / "2.jpg").unlink()
    with pytest.raises(Broken, match="new epoch"):
        second.poll()
    second.close()


def test_what_was_skipped_is_remembered_over_a_restart(folder, line, restart, new_source):
    source = restart()
    (folder / "2.jpg").unlink()
    line.play(source)
    write(folder, "4.jpg")
    line.play(restart())
    assert line.frames[-1].header("ce_skipped") == b"vanished=1"
    assert line.seqs("press-4") == [0, 1, 2]


def test_two_processes_cannot_share_a_journal(tmp_path):
    first = Journal(tmp_path / "state")
    with pytest.raises(Mistake, match="--state"):
        Journal(tmp_path / "state")
    first.close()


def test_a_file_that_is_no_journal_is_told(tmp_path):
    (tmp_path / "state").write_bytes(b"shopping list, not a database at all" * 40)
    with pytest.raises(Mistake, match="journal"):
        Journal(tmp_path / "state")


class Watching:
    """A watched folder under a stage; a turn is half a second."""

    def __init__(self, source, line, time):
        self.source, self.line, self.time = source, line, time

    def turns(self, count):
        for _ in range(count):
            self.time.now_s += 0.5
            self.line.turn(self.source)
        return self.line.subjects()


@pytest.fixture
def watching(restart, line, time):
    started = []

    def make(**given):
        started.append(restart(watch=True, **given))
        return Watching(started[-1], line, time)

    yield make
    for source in started:
        source.close()


def test_a_watched_folder_gives_what_is_there_and_then_what_comes(folder, watching):
    watched = watching()
    assert sorted(watched.turns(4)) == ["1.jpg", "2.jpg", "3.jpg"]
    write(folder, "4.jpg")
    assert watched.turns(3)[3:] == ["4.jpg"]
    assert watched.turns(5)[4:] == []
    assert not watched.source.ended


def test_a_watched_file_is_not_read_before_it_stands_still(folder, watching):
    watched = watching()
    watched.turns(4)
    for size in range(1, 6):
        write(folder, "slow.png", b"\x89PNG\r\n\x1a\n" + bytes(size))
        os.utime(folder / "slow.png", ns=(size, size))
        assert "slow.png" not in watched.turns(1)
    write(folder, "slow.png", b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IEND\xaeB`\x82")
    assert watched.turns(3)[-1] == "slow.png"
    assert watched.line.frames[-1].value.endswith(b"IEND\xaeB`\x82")


def test_a_stalled_writer_is_waited_for_and_at_last_taken_at_its_word(folder, watching):
    """A JPEG without its end may still be coming over a slow network; after a while it is sent, as cut as it is."""
    watched = watching()
    watched.turns(4)
    write(folder, "cut.jpg", jpeg("cut")[:-2])
    assert "cut.jpg" not in watched.turns(10)
    assert "cut.jpg" in watched.turns(14)


def test_an_empty_file_is_a_frame_too_in_the_end(folder, watching):
    watched = watching()
    write(folder, "empty.jpg", b"")
    assert "empty.jpg" in watched.turns(30)


def test_a_file_written_anew_is_a_new_image(folder, watching):
    watched = watching()
    watched.turns(4)
    write(folder, "1.jpg", jpeg("the next part"))
    assert watched.turns(4)[3:] == ["1.jpg"]
    assert watched.line.frames[-1].value == jpeg("the next part")


def test_a_watched_folder_is_resumed_without_repeating(folder, watching):
    first = watching()
    first.turns(4)
    first.source.close()
    write(folder, "4.jpg")
    again = watching()
    assert sorted(again.turns(6)) == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert again.line.seqs("press-4") == [0, 1, 2, 3]


def test_a_share_that_goes_away_and_comes_back_repeats_nothing(folder, watching):
    watched = watching()
    watched.turns(4)
    folder.rename(folder.with_name("away"))
    watched.turns(3)
    folder.with_name("away").rename(folder)
    write(folder, "4.jpg")
    assert watched.turns(6)[3:] == ["4.jpg"]


def test_a_folder_with_very_many_files_is_looked_at_less_often(folder, time):
    watch = Watch("press-4", folder, WatchSettings(), lambda _: True, time.clock)
    watch._present = lambda: time.sleep(2.0) or {}  # a look that takes two seconds
    assert watch.look() == []
    assert watch.wait_s() == pytest.approx(20.0)
