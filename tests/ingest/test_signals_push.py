"""Readings pushed over HTTP, against the real server, with the stage turned by hand."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from time import monotonic

import pytest

from andon.asgi import serving
from andon.memory import MemoryDeadLetters, MemorySink
from andon.records import read_reading
from andon.stage import Stage
from andon.topics import SIGNALS
from andon_ingest.batch import BatchLimits
from andon_ingest.clock import Clock
from andon_ingest.inbox import Inbox
from andon_ingest.push import Push
from andon_ingest.settings import PushSettings
from andon_ingest.signals.inbox import ReadingTray, readings
from andon_ingest.signals.push import MOST, MOST_BYTES

PATH = "/signals/press-4"
IS_JSON = {"Content-Type": "application/json"}
ONE = {"at": "2026-11-22T14:02:07Z", "values": {"Spindle Temperature": 341.2}, "units": {"Spindle Temperature": "K"}}


class Pushing:
    """An ingest over HTTP whose stage a test turns."""

    def __init__(self, tray, line, port):
        self.tray, self.port = tray, port
        self.stage = Stage("signals", tray, readings, MemorySink(line.kafka), MemoryDeadLetters(line.kafka))
        self.kafka = line.kafka
        self.callers = ThreadPoolExecutor(4)

    def post(self, body, path=PATH, headers=IS_JSON):
        data = body if isinstance(body, bytes) else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", path, data, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def push(self, *args, **kwargs):
        """Posts, and turns the stage until the answer is there."""
        answer = self.callers.submit(self.post, *args, **kwargs)
        deadline = monotonic() + 10
        while not answer.done() and monotonic() < deadline:
            self.stage.step(Clock().utc)
        return answer.result(0)

    @property
    def sent(self):
        return [read_reading(record) for record in self.kafka.records(SIGNALS)]


@contextmanager
def running(line, capture, *, stations=(), **settings):
    tray = ReadingTray(BatchLimits(), Clock())
    inbox = Inbox(capture, BatchLimits(), Clock())
    push = Push(inbox, tray, PushSettings(**settings), 100_000, frozenset(stations), Clock())
    with serving("push", push.app(), "127.0.0.1", 0) as port:
        pushing = Pushing(tray, line, port)
        try:
            yield pushing
        finally:
            tray.close()
            inbox.close()
            pushing.callers.shutdown()


@pytest.fixture
def start(line, new_capture):
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(running(line, new_capture(), **given))


def test_a_reading_is_answered_202_once_kafka_has_it(start):
    pushing = start()
    assert pushing.push(ONE) == (202, {"station": "press-4", "readings": 1, "left_out": 0})
    (reading,) = pushing.sent
    assert (reading.station, reading.values) == ("press-4", {"spindle_temperature": 341.2})
    assert reading.units == {"spindle_temperature": "K"}
    assert pushing.kafka.records(SIGNALS)[0].key == b"press-4"


def test_a_list_is_sent_in_its_order_and_what_is_not_finite_is_left_out_and_counted(start):
    pushing = start()
    two = [{"at": f"2026-11-22T14:02:0{n}Z", "values": {"a": n, "b": float("nan")}} for n in (1, 2)]
    assert pushing.push(two) == (202, {"station": "press-4", "readings": 2, "left_out": 2})
    assert [each.values for each in pushing.sent] == [{"a": 1}, {"a": 2}]


def test_a_controller_without_a_clock_may_leave_out_the_time_of_one_reading(start):
    pushing = start()
    assert pushing.push({"values": {"a": 1}})[0] == 202
    assert abs((pushing.sent[0].at - Clock().utc()).total_seconds()) < 10
    status, told = pushing.post([{"values": {"a": 1}}, {"values": {"a": 2}}])
    assert (status, told["detail"][:10]) == (400, "reading 1:")


@pytest.mark.parametrize(
    ("body", "path", "headers", "status", "error"),
    [
        (b"{", PATH, IS_JSON, 400, "bad_record"),
        (b"", PATH, IS_JSON, 400, "bad_record"),
        ([ONE] * (MOST + 1), PATH, IS_JSON, 400, "too_large"),
        (b" " * (MOST_BYTES + 1), PATH, IS_JSON, 413, "too_large"),
        (ONE, "/signals/Press%204", IS_JSON, 400, "bad_station"),
        (ONE | {"station": "press-5"}, PATH, IS_JSON, 400, "bad_station"),
        (ONE, PATH, {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_format"),
    ],
)
def test_what_cannot_be_a_reading_is_refused_with_its_reason(start, body, path, headers, status, error):
    pushing = start()
    answer = pushing.post(body, path, headers)
    assert (answer[0], answer[1]["error"]) == (status, error)
    pushing.stage.step(Clock().utc)
    assert pushing.sent == []


def test_the_token_and_the_stations_of_frames_hold_for_readings_too(start):
    pushing = start(token="swordfish", stations=["press-4"])
    assert pushing.post(ONE)[0] == 401
    allowed = IS_JSON | {"Authorization": "Bearer swordfish"}
    assert pushing.push(ONE, headers=allowed)[0] == 202
    assert pushing.post(ONE, "/signals/press-5", allowed)[0] == 404


def test_413_is_said_before_the_body_is_sent(start):
    connection = http.client.HTTPConnection("127.0.0.1", start().port, timeout=5)
    connection.putrequest("POST", PATH)
    connection.putheader("Content-Length", str(MOST_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_poll_for_readings_keeps_no_frame_waiting():
    begin = monotonic()
    assert all(not ReadingTray(BatchLimits(), Clock()).poll() for _ in range(5))
    assert monotonic() - begin < 0.2


def test_503_while_kafka_does_not_answer_and_when_it_stops(start):
    pushing = start(answer_timeout_s=0.2)
    assert pushing.post(ONE)[1]["error"] == "kafka_slow"
    pushing.stage.step(Clock().utc)
    assert pushing.sent == []
    pushing.tray.close()
    assert pushing.post(ONE)[1]["error"] == "stopping"
