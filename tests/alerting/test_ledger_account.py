"""The arithmetic of the ledger: what is known, what was accounted for, and what is missing."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_room import BEGAN, EPOCH, FORGET_S, SETTLE_S, Room

from andon.passing import Which
from andon.records.passed import Hop
from andon_alerting.ledger.account import MOST_AHEAD, MOST_GONE, MOST_RUNS, RECENT_MS, Account, Totals, Waiting
from andon_alerting.ledger.spans import Spans
from andon_alerting.ledger.station import KEEP_MS, MOST_CAPTURES

FOREIGN = Which("press-1", 0, "camera.frames.x/0")


@pytest.fixture
def room() -> Room:
    return Room()


def test_what_is_scored_or_refused_is_accounted_for(room: Room):
    room.passed("captured", (0, 9))
    room.scored(range(8))
    room.refused(8, 9)
    totals = room.station.totals
    assert (totals.scored, dict(totals.dead), room.station.captured) == (8, {"truncated": 2}, 10)
    assert room.waiting == []


def test_numbers_before_the_highest_known_one_are_expected_though_nobody_spoke_of_them(room: Room):
    room.scored(4)
    assert room.waiting == [(0, 3)]
    assert room.station.captured == 5


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_the_order_in_which_finals_are_read_does_not_matter(room: Room, order: tuple[int, ...]):
    room.scored(*order)
    assert (room.waiting, room.station.totals.scored) == ([], 4)


def test_what_is_said_twice_counts_once(room: Room):
    for _ in range(2):
        room.passed("captured", (0, 4))
        room.passed("prepared", (0, 2), (1, 4))
        room.scored(range(4))
        room.refused(4)
    assert room.station.captured == 5
    assert (room.station.totals.scored, sum(room.station.totals.dead.values())) == (4, 1)


def test_a_frame_that_was_overtaken_for_long_enough_is_missing(room: Room):
    room.passed("captured", (0, 9))
    room.scored(range(5), range(6, 10))
    room.look()  # sees that it was overtaken
    assert room.look(SETTLE_S - 1) == []
    (finding,) = room.look(1)
    assert room.missing == [(5, 5, "camera.frames")]
    assert (finding.measure and finding.measure.value) == 1
    assert room.station.captured == 10


def test_it_counts_how_long_it_was_overtaken_and_not_how_long_it_waited(room: Room):
    """A backlog of an hour is no loss: its frames end almost in order, and a dead letter may be a moment late."""
    room.passed("captured", (0, 9))
    room.look(3600)
    room.scored(range(5), range(6, 10))
    assert room.look() == []
    room.refused(5)
    assert room.look(SETTLE_S) == []


def test_a_frame_at_the_end_waits_for_as_long_as_it_may_lie_in_kafka(room: Room):
    room.scored(range(5))
    room.passed("captured", (0, 6))
    assert room.look(100 * SETTLE_S) == []
    assert room.waiting == [(5, 6)]


def test_a_frame_at_the_end_is_missing_once_everybody_has_read_on(room: Room):
    room.scored(range(5))
    room.passed("captured", (0, 6))
    assert room.look(SETTLE_S - 1, swept=True) == []
    room.look(1, swept=True)
    assert room.missing == [(5, 6, "camera.frames")]


def test_nothing_is_missing_while_the_watch_itself_is_behind(room: Room):
    room.scored(0, 2)
    room.look(through=False)
    assert room.look(10 * SETTLE_S, through=False) == []
    assert room.look(0)


HOPS = [
    ("ingest", []),
    ("camera.frames", [Hop.CAPTURED]),
    ("preprocess", [Hop.CAPTURED, Hop.REACHED_PREPROCESS]),
    ("frames.prepared", [Hop.PREPARED, Hop.REACHED_PREPROCESS]),
    ("scoring", [Hop.REACHED_SCORING]),  # the reports of a killed preprocess are lost: what came later implies them
    ("scores", [Hop.SCORED, Hop.CAPTURED]),
]


@pytest.mark.parametrize(("vanished", "seen"), HOPS)
def test_it_vanished_behind_the_furthest_hop_that_saw_it(room: Room, vanished: str, seen: list[Hop]):
    for hop in Hop:
        room.passed(hop, (0, 2), (4, 6))
    for hop in seen:
        room.passed(hop, (3, 3))
    room.scored(0, 1, 2, 4, 5, 6)
    room.look()
    room.look(SETTLE_S)
    assert room.missing == [(3, 3, vanished)]


def test_a_report_that_comes_late_still_says_where_it_vanished(room: Room):
    room.scored(0, 2)
    room.look()
    room.passed("reached_scoring", (0, 2), ago_s=200)
    room.look(SETTLE_S)
    assert room.missing == [(1, 1, "scoring")]


def test_neighbours_that_vanished_at_the_same_hop_are_one_range(room: Room):
    room.passed("prepared", (0, 9))
    room.scored(0, 1, 2, 6, 7, 8, 9)
    room.look()
    room.look(SETTLE_S)
    assert room.missing == [(3, 5, "frames.prepared")]


def test_what_comes_late_is_missing_no_more(room: Room):
    room.scored(0, 3)
    room.look()
    (began,) = room.look(SETTLE_S)
    room.scored(1)
    assert room.look(10) == []
    room.refused(2)
    (ended,) = room.look(10)
    assert (ended.finding_id, ended.kind) == (began.finding_id, "ended")
    assert (room.station.missing, room.station.totals.scored, room.station.captured) == (0, 3, 4)


@pytest.mark.parametrize("which", [None, FOREIGN])
@pytest.mark.parametrize("after_s", [0, 90, 3600])
def test_a_dead_letter_that_is_replayed_counts_as_scored(room: Room, which: Which | None, after_s: float):
    room.scored(0, 1, which=which)
    room.refused(2, which=which)
    room.scored(3, which=which)
    for _ in range(4):
        room.look(after_s / 4, swept=True)
    room.passed("reached_preprocess", (2, 2), which=which)  # it travels once more
    room.scored(2, which=which)
    room.look(SETTLE_S, swept=True)
    assert room.losses == []
    totals = room.station.totals
    assert (totals.scored, +totals.dead, totals.rescued, room.station.captured) == (4, Counter(), 1, 4)


def test_a_scored_frame_that_is_refused_elsewhere_stays_scored(room: Room):
    room.scored(0)
    room.refused(0)
    assert (room.station.totals.scored, room.station.captured) == (1, 1)


def test_a_capture_that_is_older_than_the_ledger_counts_from_its_first_end(room: Room):
    old = Which("press-1", BEGAN - 1)
    room.passed("captured", (400, 450), which=old, ago_s=3601)  # some of these may have ended before it began
    room.scored(443, 444, which=old)
    assert (room.waiting, room.station.captured) == ([], 2)
    room.passed("prepared", (400, 450), which=old)
    assert room.waiting == [(445, 450)]


def test_a_capture_that_is_older_than_the_ledger_counts_from_what_was_told_once_nothing_can_have_escaped(room: Room):
    old = Which("press-1", BEGAN - 1)
    room.passed("captured", (400, 402), which=old)
    room.scored(402, which=old)
    assert room.waiting == [(400, 401)]


def test_captures_of_one_station_have_numbers_of_their_own(room: Room):
    """A heartbeat, and the camera: each counts from nought."""
    other = Which("press-1", EPOCH + 5000)
    room.scored(0, 2)
    room.scored(0, 1, 2, which=other)
    room.look()
    room.look(SETTLE_S)
    assert [(account.which, run[:2]) for account, run in room.station.vanished()] == [(room.which, (1, 1))]


def test_what_ingest_skipped_is_counted_beside_it_once_for_each_capture(room: Room):
    account = room.station.account(room.which, room.ms, BEGAN)
    for told in ({"busy": 2}, {"busy": 5, "unreadable": 1}, {"busy": 4}):
        account.skip(told, room.station.totals)
    room.station.account(Which("press-1", EPOCH + 1), room.ms, BEGAN).skip({"busy": 1}, room.station.totals)
    assert dict(room.station.totals.skipped) == {"busy": 6, "unreadable": 1}
    assert room.station.captured == 0


def test_of_foreign_frames_those_are_expected_that_somebody_spoke_of(room: Room):
    """Offsets of a partition that other stations share: holes are theirs."""
    room.passed("reached_preprocess", (3, 3), (10, 10), (12, 12), which=FOREIGN)
    room.scored(3, 12, which=FOREIGN)
    room.look()
    room.look(SETTLE_S)
    assert room.missing == [(10, 10, "preprocess")]
    assert room.station.captured == 3


def test_a_foreign_frame_that_was_scored_before_its_hops_were_told_of_is_not_expected_again(room: Room):
    room.scored(3, 4, 5, which=FOREIGN)
    room.passed("reached_preprocess", (3, 5), which=FOREIGN)
    room.look(1, swept=True)
    room.passed("reached_scoring", (3, 5), which=FOREIGN)
    room.look()
    room.look(2 * SETTLE_S, swept=True)
    assert (room.missing, room.station.captured) == ([], 3)


def test_hops_of_foreign_frames_that_are_told_of_long_after_their_end_say_nothing_new(room: Room):
    room.scored(3, 4, 5, which=FOREIGN)
    for _ in range(4):
        room.look(RECENT_MS / 1000)
    room.passed("reached_scoring", (3, 5), which=FOREIGN)
    room.look()
    room.look(2 * SETTLE_S, swept=True)
    assert (room.missing, room.waiting) == ([], [])


def test_a_million_foreign_numbers_that_wait_take_a_bounded_memory(room: Room):
    room.passed("reached_preprocess", *((each, each) for each in range(0, 4 * MOST_RUNS, 2)), which=FOREIGN)
    assert len(room.station.accounts[FOREIGN].waiting) == MOST_RUNS
    room.scored(*range(0, 4 * MOST_RUNS, 2), which=FOREIGN)
    assert room.waiting == []


def test_a_backlog_of_days_takes_a_bounded_memory(room: Room):
    for number in range(3 * MOST_RUNS):
        room.now += 10
        room.passed("captured", (number * 10, number * 10 + 9))
        room.look(swept=False)
    account = room.station.accounts[room.which]
    assert len(account.waiting) <= MOST_RUNS
    assert account.waiting.count == 30 * MOST_RUNS


def test_a_number_out_of_all_proportion_is_not_believed(room: Room):
    room.scored(0, 1)
    room.scored(10**17)
    assert room.station.waiting == 0
    room.passed("captured", (10**17 + MOST_AHEAD + 2, 10**17 + MOST_AHEAD + 2))
    assert room.station.waiting == 1


def test_a_station_remembers_a_bounded_number_of_captures_those_in_question_first(room: Room):
    room.scored(0, 2)  # 1 is in question
    for number in range(1, 3 * MOST_CAPTURES):
        room.now += 1
        room.scored(0, 1, which=Which("press-1", EPOCH + number))
    assert len(room.station.accounts) == MOST_CAPTURES
    assert room.which in room.station.accounts


def test_a_capture_that_was_put_away_is_not_expected_from_its_start_again(room: Room):
    for number in range(MOST_CAPTURES + 1):
        room.now += 1
        room.scored(*range(10), which=Which("press-1", EPOCH + number))
    room.scored(10, which=room.which)  # it goes on, days later
    assert room.waiting == []


def test_a_capture_that_began_before_anything_is_remembered_is_an_older_one(room: Room):
    room.now = KEEP_MS / 1000 + 1
    room.scored(70_000)
    assert room.waiting == []


@settings(max_examples=300, deadline=None)
@given(
    frames=st.lists(st.sampled_from(["scored", "refused", *HOPS[0][1], *(hop.value for hop in Hop), ""]), max_size=40),
    draw=st.randoms(use_true_random=False),
)
def test_whatever_becomes_of_frames_in_whatever_order_it_is_told_the_books_balance(frames: list[str], draw):  # type: ignore[no-untyped-def]
    """Each frame ends, or vanishes behind a hop; repeats and order do not matter."""
    room, told = Room(), []
    last = max((seq for seq, fate in enumerate(frames) if fate), default=-1)
    for seq, fate in enumerate(frames):
        hops = (
            list(Hop) if fate in ("scored", "refused") else list(Hop)[: list(Hop).index(Hop(fate)) + 1] if fate else []
        )
        told += [(room.passed, hop.value, (seq, seq)) for hop in hops if draw.random() < 0.9 or hop is hops[-1]]
        if fate in ("scored", "refused"):
            told += [(getattr(room, fate), seq)] * draw.choice([1, 1, 2])
    draw.shuffle(told)
    for act, *arguments in told:
        act(*arguments)
    room.look(swept=True)
    room.look(SETTLE_S, swept=True)
    totals = room.station.totals
    assert totals.scored == frames.count("scored")
    assert sum(totals.dead.values()) == frames.count("refused")
    gone = [seq for seq, fate in enumerate(frames[: last + 1]) if fate not in ("scored", "refused")]
    assert [seq for first, end, _ in room.missing for seq in range(first, end + 1)] == gone
    assert room.station.captured == last + 1


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_spans_are_as_a_table_of_numbers(data: st.DataObject):
    spans, table = Spans[int](), dict[int, int]()
    for _ in range(data.draw(st.integers(0, 25))):
        first = data.draw(st.integers(0, 30))
        last = first + data.draw(st.integers(0, 8))
        value, inside = data.draw(st.integers(0, 2)), range(first, last + 1)
        match data.draw(st.integers(0, 2)):
            case 0:
                assert spans.add(first, last, value) == len([each for each in inside if each not in table])
                table = dict.fromkeys(inside, value) | table
            case 1:
                gone = {each: at for a, b, at in spans.remove(first, last) for each in range(a, b + 1)}
                assert gone == {each: table.pop(each) for each in inside if each in table}
            case _:
                spans.change(first, last, lambda known: known + 1)
                table |= {each: table[each] + 1 for each in inside if each in table}
        assert {each: at for a, b, at in spans for each in range(a, b + 1)} == table
        assert spans.count == len(table)
        assert all(before[1] < after[0] for before, after in zip(list(spans), list(spans)[1:], strict=False))


def test_an_account_in_order_is_three_numbers_however_long_it_is():
    account, totals = Account(Which("press-1", EPOCH), top=0), Totals(BEGAN)
    for seq in range(10_000):
        account.final(seq, None, totals, EPOCH)
    assert (len(account.waiting), len(account.dead), account.top) == (0, 0, 10_000)


def test_runs_that_are_lost_are_remembered_by_name_up_to_some_and_counted_for_ever(room: Room):
    count = 2 * MOST_GONE + 1
    room.scored(*range(0, 2 * count, 2))
    room.look()
    room.look(SETTLE_S)
    room.scored(2 * count)
    room.look(FORGET_S)
    account = room.station.accounts[room.which]
    assert (len(account.lost), account.lost.last) == (MOST_GONE, 2 * count - 3)
    assert room.station.totals.lost == count - 1


def test_of_joined_neighbours_no_more_is_said_than_is_true_of_both():
    far, near = Waiting(100, 500, hop=4, at=90), Waiting(200, 0, hop=2, at=190)
    assert far.beside(near) == near.beside(far) == Waiting(200, 0, hop=2, at=190)
    assert far.beside(Waiting(50, 600, hop=4, at=80)).overtaken == 600
