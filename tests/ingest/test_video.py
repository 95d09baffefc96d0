import cv2
import numpy as np
import pytest

from andon.errors import Mistake
from andon_ingest.batch import BatchLimits
from andon_ingest.capture import Skip
from andon_ingest.clock import Ticks
from andon_ingest.video import Playing, VideoFile, VideoSource, jpeg_encoder, png_encoder

PICTURES = 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "line.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV cannot write MJPG")
    for number in range(PICTURES):
        writer.write(np.full((48, 64, 3), number * 20, np.uint8))
    writer.release()
    return path


class Pictures:
    """A video of `count` numbered pictures."""

    def __init__(self, count):
        self.count, self.at, self.closed = count, 0, False

    def read(self):
        return np.full((8, 8, 3), self.at - 1, np.uint8) if self.grab() else None

    def grab(self):
        self.at += 1
        return self.at <= self.count

    def close(self):
        self.closed = True


def first_pixel(picture):
    return bytes([picture[0, 0, 0]])


@pytest.fixture
def new_source(time, new_capture):
    def make(reader, encode=first_pixel, fps=0.0, live=False, limits=None):
        playing = Playing("press-4", "line.avi", fps, live)
        return VideoSource(new_capture(), reader, encode, playing, limits or BatchLimits(), time.clock)

    return make


def test_every_picture_of_a_file_becomes_a_frame(clip, line, new_source):
    reader = VideoFile(clip)
    assert reader.fps == pytest.approx(10)
    line.play(new_source(reader, jpeg_encoder()))
    assert line.seqs("press-4") == list(range(PICTURES))
    assert line.subjects()[3] == "line.avi#3"
    assert {record.header("content-type") for record in line.frames} == {b"image/jpeg"}
    decoded = cv2.imdecode(np.frombuffer(line.frames[5].value, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (48, 64, 3)
    assert abs(int(decoded.mean()) - 100) < 4


def test_png_loses_nothing():
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    decoded = cv2.imdecode(np.frombuffer(png_encoder()(picture), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded, picture)


def test_what_is_no_video_is_told(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"not a video")
    with pytest.raises(Mistake, match="not a video"):
        VideoFile(tmp_path / "a.avi")
    with pytest.raises(Mistake, match="no such file"):
        VideoFile(tmp_path / "b.avi")


def test_a_file_keeps_its_pace(line, time, new_source):
    reader = Pictures(5)
    line.play(new_source(reader, fps=2.0))
    assert [record.header("ce_time")[17:23] for record in line.frames] == [
        b"07.000",
        b"07.500",
        b"08.000",
        b"08.500",
        b"09.000",
    ]
    assert reader.closed


def test_a_file_waits_for_kafka_and_leaves_nothing_out(line, time, new_source):
    source = new_source(Pictures(100), fps=10.0)
    while not source.ended:
        line.turn(source)
        time.now_s += 5  # a slow turn
    assert [record.value[0] for record in line.frames] == list(range(100))
    assert source.capture.skipped == {}


def test_a_live_source_counts_what_kafka_was_too_slow_for(line, time, new_source):
    source = new_source(Pictures(100), fps=10.0, live=True)
    while not source.ended:
        line.turn(source)
        time.now_s += 3  # 30 pictures pass, 16 of them wait for us
    (skipped,) = source.capture.skipped.values()
    assert source.capture.skipped == {("press-4", Skip.BUSY): skipped}
    assert skipped > 20
    assert len(line.frames) + skipped == 100
    assert line.seqs("press-4") == list(range(len(line.frames)))
    assert line.frames[1].header("ce_skipped") == b"busy=14"
    assert line.frames[1].value == bytes([15])


def test_a_live_source_that_keeps_up_skips_nothing(line, time, new_source):
    source = new_source(Pictures(50), fps=10.0, live=True)
    line.play(source)
    assert len(line.frames) == 50
    assert source.capture.skipped == {}


def test_a_batch_ends_when_it_has_worked_long_enough(time, new_source):
    def slow(picture):
        time.now_s += 0.06
        return b"x"

    assert len(new_source(Pictures(100), slow).poll()) == 2


def test_ticks_pile_up_until_they_are_taken(time):
    ticks = Ticks(10.0, time.clock)
    assert ticks.due() == 1
    time.now_s += 0.95
    assert ticks.due() == 10
    ticks.take(10)
    assert ticks.due() == 0
    assert ticks.wait_s() == pytest.approx(0.05)
