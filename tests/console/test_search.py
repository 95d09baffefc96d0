"""Searching past frames by their scores, part by part; and the curve of them."""

from datetime import timedelta

import pytest
from taken import BEGAN, Camera
from worlds import Lying

from andon.errors import Broken, Mistake
from andon.records import Verdict
from andon.stage import Record
from andon_console.frames import search as module
from andon_console.frames.curve import COLUMNS, columns, of_points
from andon_console.frames.search import Found, Order, Wanted, search
from andon_console.frames.stretch import Stretch, read_stretch
from andon_console.live.stations import Stations


@pytest.fixture
def lying() -> Lying:
    return Lying()


@pytest.fixture
def camera(lying: Lying) -> Camera:
    return Camera(lying)


def whole(stop: int) -> Stretch:
    return Stretch({3: 0}, {3: stop})


def numbers(found: Found) -> list[int]:
    return [score.seq for score, _ in found.scores]


def gone_on(lying: Lying, stretch: Stretch, wanted: Wanted, most: int = 1000) -> list[list[int]]:
    """The pages one sees who goes on until the end."""
    pages: list[list[int]] = []
    while stretch.records:
        found = search(lying, stretch, wanted, most)
        pages.append(numbers(found))
        stretch = read_stretch(found.rest.text()) if found.rest.text() else Stretch({}, {})
    return pages


@pytest.mark.parametrize("step", [1, 7, 24, 1000])
@pytest.mark.parametrize("order", [Order.EARLIER, Order.LATER])
def test_who_goes_on_sees_every_frame_once_and_in_order(
    lying: Lying, camera: Camera, order: Order, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP", step)
    for seq in range(60):
        camera.take(seq)
    pages = gone_on(lying, whole(60), Wanted("weld-07", order))
    assert [len(page) for page in pages if page] == [24, 24, 12]
    seen = [seq for page in pages for seq in page]
    assert seen == sorted(range(60), reverse=order is Order.EARLIER)


def test_frames_of_other_stations_and_golden_ones_are_passed_over(lying: Lying, camera: Camera) -> None:
    camera.take(0)
    Camera(lying, "weld-08").take(1)
    camera.take(2, golden=f"{'ab' * 32}/golden/good-00")
    camera.take(3)
    assert numbers(search(lying, whole(4), Wanted("weld-07"))) == [3, 0]


def test_only_calls_where_only_calls_are_wanted(lying: Lying, camera: Camera) -> None:
    for seq, ratio in enumerate((0.5, 1.5, None, 2.0)):
        camera.take(seq, ratio)
    assert numbers(search(lying, whole(4), Wanted("weld-07", calls=True))) == [3, 1]


def test_a_part_is_found_by_its_number(lying: Lying, camera: Camera) -> None:
    for seq in range(4):
        camera.take(seq, part=f"P-{seq}")
    assert numbers(search(lying, whole(4), Wanted("weld-07", part="P-2"))) == [2]
    assert numbers(search(lying, whole(4), Wanted("weld-07", part="P-"))) == []


def test_the_highest_come_first_and_unscorable_ones_last(lying: Lying, camera: Camera) -> None:
    for seq, ratio in enumerate((0.5, 1.5, None, 0.9)):
        camera.take(seq, ratio)
    assert numbers(search(lying, whole(4), Wanted("weld-07", Order.HIGHEST))) == [1, 3, 0, 2]


def test_a_request_reads_only_so_much_and_says_what_is_left(lying: Lying, camera: Camera) -> None:
    for seq in range(50):
        camera.take(seq, 2.0 if seq == 3 else 0.5)
    found = search(lying, whole(50), Wanted("weld-07", Order.HIGHEST), most=10)
    assert found.read == 10
    assert found.rest == Stretch({3: 0}, {3: 40})
    calls = Wanted("weld-07", calls=True)
    assert [page for page in gone_on(lying, whole(50), calls, most=10) if page] == [[3]]


def test_a_search_stops_reading_when_its_page_is_full(
    lying: Lying, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP", 30)
    for seq in range(90):
        camera.take(seq)
    assert search(lying, whole(90), Wanted("weld-07")).read == 30


def test_nothing_is_lost_where_a_station_lies_in_two_partitions(lying: Lying, camera: Camera) -> None:
    """As after a topic got more of them."""
    for seq in range(40):
        _, scored = camera.take(seq)
        if seq % 2:
            lying.forget(scored)
            lying.add(Record("scores", 7, seq, scored.key, scored.value, (), scored.timestamp_ms))
    stretch = Stretch({3: 0, 7: 0}, {3: 40, 7: 40})
    pages = gone_on(lying, stretch, Wanted("weld-07"))
    assert [seq for page in pages for seq in page] == list(range(39, -1, -1))


def test_records_that_are_no_scores_are_passed_over(lying: Lying, camera: Camera) -> None:
    camera.take(0)
    for offset, value in ((1, b""), (2, b"{"), (3, b'{"score": 1}'), (4, b"\xff\xfe")):
        lying.add(Record("scores", 3, offset, b"weld-07", value, (), 0))
    assert numbers(search(lying, whole(5), Wanted("weld-07"))) == [0]


def test_kafka_away_is_told(lying: Lying) -> None:
    lying.away = True
    with pytest.raises(Broken):
        search(lying, whole(5), Wanted("weld-07"))


@pytest.mark.parametrize("text", ["3:0-17", "3:0-17,4:5-6"])
def test_what_is_left_travels_in_an_address(text: str) -> None:
    assert read_stretch(text).text() == text


@pytest.mark.parametrize("text", ["", "3", "3:1", "a:1-2", "3:1-2;", "3:-1-2", "3:1-2,", "3:1-" + "9" * 40, "٣:1-2"])
def test_an_address_that_says_no_stretch_is_refused(text: str) -> None:
    with pytest.raises(Mistake, match="search again"):
        read_stretch(text)


def test_a_stretch_that_is_read_is_empty() -> None:
    assert Stretch({3: 5, 4: 7}, {3: 5, 4: 2}).text() == ""
    assert Stretch({3: 5, 4: 7}, {3: 5, 4: 2}).records == 0


# -- the curve --


def curve(lying: Lying, stop: int, minutes: int = 10) -> list[tuple[object, ...]]:
    begin = round(BEGAN.timestamp() * 1000)
    return [tuple(each) for each in columns(lying.read(whole(stop)), "weld-07", begin, begin + minutes * 60_000)]


def test_no_call_is_lost_however_long_the_time(lying: Lying, camera: Camera) -> None:
    """A day in 400 columns: 216 frames a column, and the only call of them is what it points to."""
    for seq in range(216):
        camera.take(seq, 1.01 if seq == 100 else 0.9)
    ((at, low, high, calls, unscorable, frames, partition, offset),) = curve(lying, 216, minutes=1440)
    assert (low, high, calls, unscorable, frames) == (0.9, 1.01, 1, 0, 216)
    assert (partition, offset) == (3, 100)
    assert at == round((BEGAN + timedelta(seconds=100)).timestamp() * 1000)


def test_a_column_without_a_call_points_to_its_highest_score(lying: Lying, camera: Camera) -> None:
    for seq, ratio in enumerate((0.2, 0.8, None, 0.4)):
        camera.take(seq, ratio)
    ((_, low, high, calls, unscorable, frames, _, offset),) = curve(lying, 4, minutes=1440)
    assert (low, high, calls, unscorable, frames, offset) == (0.2, 0.8, 0, 1, 4, 1)


def test_a_column_of_unscorable_frames_has_no_height(lying: Lying, camera: Camera) -> None:
    camera.take(0, None)
    assert curve(lying, 1)[0][1:6] == (None, None, 0, 1, 1)


def test_frames_outside_the_time_are_left_out_and_columns_are_in_order(lying: Lying, camera: Camera) -> None:
    for seq in (700, 10, 599, 0):
        camera.take(seq)
    found = curve(lying, 701)
    assert [each[7] for each in found] == [0, 10, 599]
    assert len(found) <= COLUMNS


def test_the_last_minutes_are_a_column_a_frame(camera: Camera) -> None:
    stations = Stations()
    stations.take([camera.take(seq, ratio)[1] for seq, ratio in enumerate((0.5, 1.5, None))])
    station = stations.get("weld-07")
    assert station is not None
    assert [each[1:6] for each in of_points(station.track.points())] == [
        (0.5, 0.5, 0, 0, 1), (1.5, 1.5, 1, 0, 1), (None, None, 0, 1, 1),
    ]  # fmt: skip
    assert station.last.verdict is Verdict.UNSCORABLE
