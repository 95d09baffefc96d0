"""How long Kafka keeps what nobody has read, and when people are told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from andon.errors import Broken
from andon.metrics import Metrics
from andon.records import Cause, Finding, FindingKind, FramePlace
from andon.topics import chosen
from andon_alerting.evidence.board import Board
from andon_alerting.evidence.lag import earliest, keeps, stands_at
from andon_alerting.evidence.retention import Headroom, Keeps, Look, Lows, at_risk, headroom, left_s, limit_s
from andon_alerting.evidence.risk import AtRisk, lasting, sentence, still_open
from andon_alerting.evidence.watch import Watch

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
HOUR = Keeps(3600.0)
WANTED_S = 900.0


def look(next_offset: int, waited_s: float | None = None, low: int = 100, high: int = 1000) -> Look:
    at = None if waited_s is None else NOW - timedelta(seconds=waited_s)
    return Look(NOW, low, high, next_offset, at)


def lows(*seen: tuple[float, int]) -> Lows:
    """Where the log began, so many seconds ago."""
    found = Lows()
    for ago, low in seen:
        found.saw(NOW - timedelta(seconds=ago), low)
    return found


@pytest.mark.parametrize(
    ("seen", "kept", "left"),
    [
        (look(1000), HOUR, inf),  # all was read
        (look(900, 60), HOUR, 3540.0),
        (look(100, 3500), HOUR, 100.0),
        (look(100, 4000), HOUR, 0.0),  # overdue: its segment is not full yet
        (look(99, 3000), HOUR, 0.0),  # one record was deleted unread
        (look(100, 10**6), Keeps(None), inf),  # kept for ever
        (look(100, 10**6, low=100, high=100), Keeps(None), inf),
    ],
)
def test_the_first_unread_record_goes_when_its_time_is_over(seen: Look, kept: Keeps, left: float):
    assert left_s(seen, kept, Lows()) == left


@pytest.mark.parametrize(
    ("began", "left"),
    [
        ([], inf),
        ([(600, 100)], inf),  # looked at once only
        ([(600, 100), (0, 100)], inf),  # it does not move
        ([(600, 40), (300, 70), (0, 100)], (500 - 100 - 30) / 0.1),  # 60 records in 600 s, 30 at a time
        ([(600, 100), (0, 400)], 0.0),  # 300 went at once: the next 300 may go any moment
        ([(9000, 0), (600, 40), (0, 100)], (500 - 100 - 60) / 0.1),  # an hour back, not longer
        ([(600, 9000), (300, 40), (0, 100)], (500 - 100 - 60) / 0.2),  # the topic was made anew
    ],
)
def test_a_topic_bounded_by_bytes_loses_records_as_fast_as_its_beginning_moves(
    began: list[tuple[float, int]], left: float
):
    by_bytes = Keeps(None, by_bytes=True)
    assert left_s(look(500, 60), by_bytes, lows(*began)) == pytest.approx(left)
    assert left_s(look(500, 60), Keeps(None), lows(*began)) == inf
    assert left_s(look(500, 3540), replace(by_bytes, retention_s=3600.0), lows(*began)) == pytest.approx(min(left, 60))


def test_a_group_has_as_long_as_its_worst_partition():
    parts = [(look(1000), Lows()), (look(900, 3000), Lows()), (look(990, 60), Lows())]
    found = headroom(("andon.scoring", "frames.prepared"), HOUR, parts)
    assert (found.left_s, found.waiting, found.waited_s, found.deleted) == (600.0, 110, 3000.0, 0)
    found = headroom(("andon.scoring", "frames.prepared"), HOUR, [*parts, (look(40, 60), Lows())])
    assert (found.left_s, found.waiting, found.deleted) == (0.0, 1010, 60)


def pair(left: float, retention_s: float | None = 3600.0, group: str = "andon.scoring", **other: int) -> Headroom:
    return Headroom(group, "frames.prepared", left, retention_s, 10, 60.0, **other)


@pytest.mark.parametrize(
    ("found", "limit"),
    [(pair(1), 900.0), (pair(1, 600.0), 300.0), (pair(1, None), 900.0), (pair(1, 1800.0), 900.0)],
)
def test_the_limit_is_never_more_than_half_of_the_retention(found: Headroom, limit: float):
    assert limit_s(found, WANTED_S) == limit


@pytest.mark.parametrize(
    ("left", "retention_s", "was", "risky"),
    [
        (901.0, 3600.0, False, False),
        (899.0, 3600.0, False, True),
        (901.0, 3600.0, True, True),  # not yet
        (1711.0, 3600.0, True, False),
        (301.0, 600.0, False, False),
        (299.0, 600.0, False, True),
        (560.0, 600.0, True, True),
        (571.0, 600.0, True, False),  # nearly all of its time
        (inf, 600.0, True, False),
        (0.0, None, False, True),
    ],
)
def test_it_begins_below_the_limit_and_ends_well_above(left: float, retention_s: float, was: bool, risky: bool):
    found = pair(left, retention_s)
    before = frozenset([found.pair]) if was else frozenset[tuple[str, str]]()
    assert (found.pair in at_risk([found], before, WANTED_S)) is risky


def said(risk: AtRisk, *pairs: Headroom, s: int = 0) -> list[FindingKind]:
    return [each.kind for each in risk.seen(pairs, NOW + timedelta(seconds=s))]


BEGAN, ENDED = FindingKind.BEGAN, FindingKind.ENDED


def test_it_is_said_once_and_its_end_once():
    risk = AtRisk(WANTED_S)
    assert said(risk, pair(2000)) == []
    assert said(risk, pair(800), s=60) == [BEGAN]
    assert said(risk, pair(100), s=120) == []
    assert said(risk, pair(1000), s=180) == []
    assert said(risk, pair(inf), s=240) == [ENDED]
    assert said(risk, pair(inf), s=300) == []
    assert said(risk, pair(10), s=360) == [BEGAN]


def test_when_more_is_at_risk_it_begins_anew_and_names_all():
    risk = AtRisk(WANTED_S)
    assert said(risk, pair(800)) == [BEGAN]
    ended, began = risk.seen([pair(700), pair(300, group="andon.shadow")], NOW + timedelta(seconds=60))
    assert (ended.kind, began.kind) == (ENDED, BEGAN)
    assert ended.finding_id != began.finding_id
    assert "andon.shadow has not read" in began.sentence
    assert "Also andon.scoring on frames.prepared: 12 min left." in began.sentence
    assert said(risk, pair(inf), pair(300, group="andon.shadow"), s=120) == []  # one of them is well again


def test_a_restart_neither_says_it_again_nor_forgets_it():
    (began,) = AtRisk(WANTED_S).seen([pair(800)], NOW)
    assert said(AtRisk(WANTED_S, began), pair(700), s=60) == []
    assert said(AtRisk(WANTED_S, began), pair(1000), s=60) == []  # not well above the limit
    (ended,) = AtRisk(WANTED_S, began).seen([pair(inf)], NOW + timedelta(seconds=60))
    assert (ended.kind, ended.finding_id, ended.since) == (ENDED, began.finding_id, began.since)


def test_what_is_still_open_is_known_from_what_was_said():
    (began,) = AtRisk(WANTED_S).seen([pair(800)], NOW)
    (ended,) = AtRisk(WANTED_S, began).seen([pair(inf)], NOW)
    other = began.model_copy(update={"by": "somebody"})
    assert still_open([began, other]) == began
    assert still_open([began, ended]) is None
    assert still_open([other]) is None


@given(st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 4000)), max_size=20))
def test_at_most_one_finding_is_open_at_any_time(looks: list[tuple[float, float]]):
    risk, open_now = AtRisk(WANTED_S), list[Finding]()
    for number, (one, two) in enumerate(looks):
        pairs = [pair(one), pair(two, group="andon.alerting")]
        for each in risk.seen(pairs, NOW + timedelta(seconds=number)):
            if each.kind is BEGAN:
                open_now.append(each)
            else:
                assert open_now.pop().finding_id == each.finding_id
            assert len(open_now) <= 1
        assert bool(open_now) or not any(each.left_s < WANTED_S for each in pairs)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            pair(700),
            "In 12 min Kafka begins to delete records of frames.prepared that andon.scoring has not read: 10 wait, the "
            "oldest for 60 s. See why scoring has stopped or is too slow; until then keep frames.prepared for longer: "
            "kafka-configs.sh --alter --topic frames.prepared --add-config retention.ms=7200000",
        ),
        (
            pair(0, deleted=1200),
            "Kafka deleted 1,200 records of frames.prepared before andon.scoring had read them; 10 more wait.",
        ),
        (pair(60, None), "or give frames.prepared a larger retention.bytes."),
        (pair(60, group="andon.evidence"), "See why evidence does not keep up (its log says whether a store is away)"),
    ],
)
def test_the_sentence_says_who_how_much_how_long_and_what_to_do(found: Headroom, words: str):
    assert words in sentence(found, [])


@pytest.mark.parametrize(("s", "words"), [(5, "5 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (inf, "ever")])
def test_a_length_of_time_is_told_in_one_unit(s: float, words: str):
    assert lasting(s) == words


def test_the_cause_is_evidence_at_risk_of_no_station():
    (began,) = AtRisk(WANTED_S).seen([pair(800)], NOW)
    assert (began.cause, began.station, began.by) == (Cause.EVIDENCE_AT_RISK, "*", "evidence")
    assert began.measure is not None
    assert (began.measure.value, began.measure.limit, began.measure.unit) == (800, 900, "s")


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [
        ("scores", "scores", True),
        ("scores", "scores.shadow", False),
        (r"^camera\.frames(\..+)?$", "camera.frames.weld", True),
        (r"^camera\.frames(\..+)?$", "frames.prepared", False),
    ],
)
def test_a_topic_is_read_by_its_name_or_by_a_pattern(wanted: str, topic: str, fits: bool):
    assert chosen(wanted, topic) is fits


def test_a_partition_is_as_far_as_its_first_unkept_frame():
    frames = [FramePlace(topic="t", partition=p, offset=o) for p, o in ((0, 9), (0, 4), (1, 7))]
    assert earliest([*frames, FramePlace(topic="u", partition=0, offset=1)], "t") == {("t", 0): 4, ("t", 1): 7}


def test_a_partition_where_a_group_has_never_been_begins_with_what_there_is():
    assert [stands_at(each, 100) for each in (None, 0, 40, 140)] == [100, 0, 40, 140]


class Value:
    def __init__(self, value: str) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("policy", "ms", "size", "kept"),
    [
        ("delete", "1000", "-1", Keeps(1.0, False)),
        ("delete", "-1", "5", Keeps(None, True)),
        ("compact", "1000", "5", Keeps(None, False)),
        ("compact,delete", "1000", "5", Keeps(1.0, True)),
    ],
)
def test_how_a_topic_is_kept_stands_in_its_configuration(policy: str, ms: str, size: str, kept: Keeps):
    config = {"cleanup.policy": policy, "retention.ms": ms, "retention.bytes": size}
    assert keeps({name: Value(value) for name, value in config.items()}) == kept


class Looking:
    """A watch over a Kafka that answers as told, a second a call."""

    def __init__(self) -> None:
        self.board, self.metrics, self.ours = Board(), Metrics(CollectorRegistry()), True
        self.answers: list[list[Headroom] | Broken] = []
        self.began = 0
        self.at = NOW
        self.watch = Watch(
            self.board, self.lag, self.begin, lambda: self.ours, self.metrics, lambda: self.at, every_s=60
        )

    def begin(self) -> AtRisk:
        self.began += 1
        return AtRisk(WANTED_S)

    def lag(self, _now: datetime, _unread: object) -> list[Headroom]:
        answer = self.answers.pop(0)
        if isinstance(answer, Broken):
            raise answer
        return answer

    def look(self, s: float, *answers: list[Headroom] | Broken) -> list[Headroom] | None:
        """What lies on the board after a turn so much later."""
        self.answers += answers
        self.at += timedelta(seconds=s)
        self.watch()
        looked, self.board.looked = self.board.looked, None
        return looked

    def shown(self, group: str = "andon.scoring") -> float | None:
        labels = {"group": group, "topic": "frames.prepared"}
        return self.metrics.registry.get_sample_value("andon_retention_headroom_seconds", labels)


def test_it_looks_once_in_a_while_and_shows_what_it_saw():
    looking, other = Looking(), pair(5, group="andon.alerting")
    assert looking.look(0, [pair(700), other]) == [pair(700), other]
    assert (looking.shown(), looking.shown("andon.alerting")) == (700, 5)
    assert looking.look(59) is None
    assert looking.look(1, [pair(inf)]) == [pair(inf)]
    assert (looking.shown(), looking.shown("andon.alerting")) == (inf, None)


def test_a_kafka_that_does_not_answer_is_asked_again_later():
    looking = Looking()
    assert looking.look(0, Broken("away")) is None
    assert looking.look(30) is None
    assert looking.look(30, [pair(700)]) == [pair(700)]


def test_who_loses_the_first_partition_leaves_looking_to_its_next_owner():
    looking = Looking()
    looking.look(0, [pair(700)])
    looking.ours = False
    assert looking.look(60) is None
    assert (looking.board.risk, looking.shown()) == (None, None)
    looking.ours = True
    assert looking.look(1, [pair(700)]) == [pair(700)]
    assert looking.began == 2
