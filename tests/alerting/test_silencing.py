"""The gate that pagers ask: it follows `silences`."""

from datetime import UTC, datetime, timedelta

from incident_turns import opened

from andon.line import LineFile, Policy
from andon.records import Silence, write_event
from andon.stage import Record
from andon.topics import SILENCES
from andon_alerting.silencing import Silencing

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
PLANS = LineFile(None, Policy())


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


def silence(target: str) -> Silence:
    return Silence(target=target, since=hours(-1), until=hours(1), why="the lamp", by="mira")


class Topic:
    """`silences` in memory."""

    def __init__(self, *there: Silence | bytes) -> None:
        self.new = [self._record(each) for each in there]
        self.closed = False

    def say(self, *silences: Silence | bytes) -> None:
        self.new += [self._record(each) for each in silences]

    def read_to_end(self) -> list[Record]:
        return self.changes()

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        found, self.new = self.new, []
        return found

    def close(self) -> None:
        self.closed = True

    def _record(self, given: Silence | bytes) -> Record:
        value = given if isinstance(given, bytes) else write_event(given)
        return Record(SILENCES, 0, len(getattr(self, "new", ())), b"weld-07", value)


def test_the_last_word_on_a_target_counts_from_the_moment_it_is_written():
    topic, about = Topic(silence("weld-07")), opened("weld-07", NOW)
    gate = Silencing(topic, PLANS)
    assert gate.until(about, NOW) == hours(1)
    ended = silence("weld-07").model_copy(update={"until": NOW})
    topic.say(silence("weld-08"), ended)
    assert gate.until(about, NOW) is None
    assert gate.until(opened("weld-08", NOW), NOW) == hours(1)


def test_a_pager_never_sees_a_table_that_changes_under_it():
    topic = Topic(silence("weld-07"))
    gate = Silencing(topic, PLANS)
    before = gate._table
    topic.say(silence("weld-08"))
    gate.refresh()
    assert set(before) == {"weld-07"}
    assert set(gate._table) == {"weld-07", "weld-08"}


def test_closing_gives_the_connection_back():
    topic = Topic()
    Silencing(topic, PLANS).close()
    assert topic.closed
