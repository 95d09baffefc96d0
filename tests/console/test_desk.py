"""What somebody does is written together with the deed that tells of it, or not at all."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from andon.errors import Broken
from andon.records import Deed, Did, Silence, read_event, write_event
from andon.stage import Idle, Message, Record
from andon.topics import AUDIT, SILENCES
from andon_console.live.deeds import Deeds
from andon_console.live.desk import Desk
from andon_console.live.silences import Silences
from andon_console.safe.people import Person, Role

AT = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
MIRA = Person("mira", Role.REVIEWER, "s1", "10.0.0.7")
QUIET = Silence(target="weld-07", since=AT, until=AT.replace(hour=8), why="lamp", by="mira")


class Sent:
    def __init__(self, broken: bool = False) -> None:
        self.messages: list[Message] = []
        self.broken = broken

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        if self.broken:
            raise Broken("2 messages undelivered after 10 s")
        self.messages += messages

    def close(self) -> None:
        pass


def test_the_change_and_the_deed_are_sent_together_the_change_first():
    sent = Sent()
    change = Message(SILENCES, b"weld-07", write_event(QUIET))
    Desk(sent, {}, lambda: AT).write(MIRA, Did.SILENCED, [change], station="weld-07", subject="weld-07", detail="lamp")
    assert [each.topic for each in sent.messages] == [SILENCES, AUDIT]
    deed = read_event(Deed, sent.messages[1].value)
    assert (deed.did, deed.by, deed.role, deed.station, deed.detail) == (
        "silenced",
        "mira",
        "reviewer",
        "weld-07",
        "lamp",
    )
    assert (deed.at, deed.address) == (AT, "10.0.0.7")
    assert sent.messages[1].key == b"mira"


def test_the_page_shows_what_was_done_without_waiting_for_kafka_to_tell():
    silences, deeds = Silences(), Deeds()
    desk = Desk(Sent(), {SILENCES: silences, AUDIT: deeds}, lambda: AT)
    desk.write(MIRA, Did.SILENCED, [Message(SILENCES, b"weld-07", write_event(QUIET))])
    assert silences.on("weld-07", AT) == QUIET
    assert [each.did for each in deeds.newest()] == [Did.SILENCED]


def test_what_kafka_did_not_take_is_not_shown_as_done():
    silences = Silences()
    desk = Desk(Sent(broken=True), {SILENCES: silences}, lambda: AT)
    with pytest.raises(Broken):
        desk.write(MIRA, Did.SILENCED, [Message(SILENCES, b"weld-07", write_event(QUIET))])
    assert silences.on("weld-07", AT) is None


def test_two_deeds_alike_are_two():
    sent = Sent()
    desk = Desk(sent, {}, lambda: AT)
    for _ in range(2):
        desk.write(MIRA, Did.SIGNED_IN)
    assert len({read_event(Deed, each.value).deed_id for each in sent.messages}) == 2


def test_a_deed_that_comes_again_from_kafka_is_shown_once():
    sent, deeds = Sent(), Deeds()
    Desk(sent, {AUDIT: deeds}, lambda: AT).write(MIRA, Did.SIGNED_IN)
    deeds.take([Record(AUDIT, 0, 5, b"mira", sent.messages[0].value)])
    assert len(deeds.newest()) == 1


def test_a_silence_of_everything_keeps_a_station_quiet_and_the_longer_one_is_told():
    silences = Silences()
    of_all = QUIET.model_copy(update={"target": "*", "until": AT.replace(hour=12)})
    silences.take([Record(SILENCES, 0, n, each.key, write_event(each)) for n, each in enumerate((QUIET, of_all))])
    assert silences.on("weld-07", AT) == of_all
    assert silences.on("press-1", AT.replace(hour=9)) == of_all
    assert silences.on("press-1", AT.replace(hour=13)) is None
