"""HTTP push against the real server, on a free port, with the stage turned by hand."""

import http.client
import json
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

import pytest

from andon.asgi import serving
from andon.errors import Broken, Mistake
from andon.records import read_frame
from andon.testing import hostile
from andon_ingest.batch import BatchLimits
from andon_ingest.clock import Clock
from andon_ingest.inbox import Inbox
from andon_ingest.push import Push
from andon_ingest.settings import PushSettings
from andon_ingest.signals.inbox import ReadingTray

JPEG, PNG = b"\xff\xd8\xff\xe0 a part \xff\xd9", b"\x89PNG\r\n\x1a\n a part"
PATH = "/stations/press-4/frames"
IS_JPEG = {"Content-Type": "image/jpeg"}


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Ingest:
    """An ingest over HTTP whose stage a test turns."""

    def __init__(self, inbox, line, port):
        self.inbox, self.line, self.port = inbox, line, port
        self.callers = ThreadPoolExecutor(8)

    def post(self, body=JPEG, path=PATH, headers=IS_JPEG, method="POST"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def posting(self, *args, **kwargs) -> "Future[Answer]":
        return self.callers.submit(self.post, *args, **kwargs)

    def turn_until(self, *answers):
        """Turns the stage until the requests are answered."""
        deadline = monotonic() + 10
        while not all(answer.done() for answer in answers) and monotonic() < deadline:
            self.line.turn(self.inbox)
        return [answer.result(0) for answer in answers]


@contextmanager
def running(line, capture, *, max_image_bytes=100_000, stations=(), limits=None, **settings):
    inbox = Inbox(capture, limits or BatchLimits(), Clock())
    readings = ReadingTray(BatchLimits(), Clock())
    push = Push(inbox, readings, PushSettings(**settings), max_image_bytes, frozenset(stations), Clock())
    with serving("push", push.app(), "127.0.0.1", 0) as port:
        ingest = Ingest(inbox, line, port)
        try:
            yield ingest
        finally:
            inbox.close()
            ingest.callers.shutdown()


@pytest.fixture
def start(line, new_capture):
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(running(line, new_capture(), **given))


def waits(future, seconds=0.3):
    sleep(seconds)
    return not future.done()


def test_202_comes_only_after_kafka_has_the_frame(start, line):
    ingest = start()
    answer = ingest.posting(headers=IS_JPEG | {"Andon-Part": "A-17", "Andon-Product": "valve"})
    assert waits(answer)
    (done,) = ingest.turn_until(answer)
    (record,) = line.frames
    frame = read_frame(record)
    assert done.status == 202
    assert done.json == {"frame_id": str(frame.frame_id), "station": "press-4", "epoch": frame.epoch, "seq": 0}
    assert (frame.product, frame.part, record.value) == ("valve", "A-17", JPEG)


def test_product_and_part_may_stand_in_the_address(start, line):
    ingest = start()
    ingest.turn_until(ingest.posting(PNG, PATH + "?product=valve&part=A-18", {"Content-Type": "image/png"}))
    frame = read_frame(line.frames[0])
    assert (frame.product, frame.part, frame.content_type) == ("valve", "A-18", "image/png")


@pytest.mark.parametrize("headers", [{"Content-Type": "application/x-npy"}, {}])
def test_an_array_of_planes_is_taken_as_what_it_is(start, line, headers):
    ingest, planes = start(), hostile.npy_of("(2, 3, 8)", pixels=bytes(48))
    assert ingest.turn_until(ingest.posting(planes, PATH, headers))[0].status == 202
    assert read_frame(line.frames[0]).content_type == "application/x-npy"
    assert line.frames[0].value == planes


def test_a_trace_of_the_caller_goes_on(start, line):
    ingest, trace = start(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ingest.turn_until(ingest.posting(headers=IS_JPEG | {"traceparent": trace}))
    assert read_frame(line.frames[0]).traceparent == trace


def test_many_callers_of_many_stations_are_numbered_without_holes(start, line):
    ingest = start()
    answers = [ingest.posting(path=f"/stations/cam-{n % 3}/frames") for n in range(30)]
    assert {answer.status for answer in ingest.turn_until(*answers)} == {202}
    for station in ("cam-0", "cam-1", "cam-2"):
        assert line.seqs(station) == list(range(10))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"GIF89a....", {}),
        (b"GIF89a....", IS_JPEG),
        (PNG, IS_JPEG),
        (PNG, {"Content-Type": "application/x-npy"}),
        (hostile.NPY_MAGIC, IS_JPEG),
        (JPEG, {"Content-Type": "application/x-www-form-urlencoded"}),
        (JPEG, {"Content-Type": "text/html"}),
    ],
)
def test_415_for_what_is_not_an_image_of_ours_by_word_and_by_bytes(start, line, body, headers):
    ingest = start()
    assert ingest.post(body, headers=headers).status == 415
    line.turn(ingest.inbox)
    assert line.frames == []


def test_bytes_speak_for_themselves_when_no_type_is_declared(start):
    ingest = start()
    (done,) = ingest.turn_until(ingest.posting(PNG, headers={}))
    assert done.status == 202


@pytest.mark.parametrize("station", ["Press%204", "..%2F..%2Fetc", "x" * 65, "%C3%BC", "x" * 10_000])
def test_400_for_a_name_that_no_station_can_have(start, station):
    answer = start().post(path=f"/stations/{station}/frames")
    assert answer.status == 400
    assert answer.json["error"] == "bad_station"
    assert len(answer.body) < 400


def test_a_station_with_a_line_break_is_no_address_at_all(start):
    assert start().post(path="/stations/a%0Ab/frames").status == 404


@pytest.mark.parametrize("name", ["Andon-Product", "Andon-Part"])
@pytest.mark.parametrize("text", ["a\tb", "x" * 129, "\xfc"])
def test_400_for_a_product_or_part_that_cannot_be(start, name, text):
    assert start().post(headers=IS_JPEG | {name: text}).status == 400


def test_400_for_an_empty_body(start):
    answer = start().post(b"")
    assert (answer.status, answer.json["error"]) == (400, "empty")


def test_413_is_said_before_the_body_is_sent(start):
    connection = http.client.HTTPConnection("127.0.0.1", start().port, timeout=5)
    connection.putrequest("POST", PATH)
    connection.putheader("Content-Length", "100001")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_413_for_a_body_that_grows_without_saying_how_long_it_is(start, line):
    ingest = start()
    chunks = (bytes(10_000) for _ in range(12))
    answer = ingest.post(chunks)
    assert answer.status == 413
    assert "at most 100000" in answer.json["detail"]
    assert line.frames == []


def test_429_with_retry_after_when_too_many_wait(start):
    ingest = start(max_waiting=2)
    waiting = [ingest.posting(), ingest.posting()]
    assert all(waits(answer) for answer in waiting)
    refused = ingest.post()
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1"
    assert [answer.status for answer in ingest.turn_until(*waiting)] == [202, 202]
    assert [answer.status for answer in ingest.turn_until(ingest.posting())] == [202]


def test_429_when_too_many_bytes_wait_and_one_large_image_always_passes(start):
    ingest = start(max_waiting_bytes=50_000)
    waiting = ingest.posting(JPEG + bytes(60_000))
    assert waits(waiting)
    assert ingest.post(JPEG + bytes(20_000)).status == 429
    assert [answer.status for answer in ingest.turn_until(waiting)] == [202]


def test_408_for_a_client_that_never_finishes(start):
    with socket.create_connection(("127.0.0.1", start(body_timeout_s=0.3).port), timeout=5) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n\xff".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 408")


def test_a_client_that_goes_away_in_the_middle_leaves_no_frame_and_no_place_taken(start, line):
    ingest = start(max_waiting=1)
    with socket.create_connection(("127.0.0.1", ingest.port), timeout=5) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n\xff".encode())
        sleep(0.2)
    sleep(0.2)
    assert [answer.status for answer in ingest.turn_until(ingest.posting())] == [202]
    assert len(line.frames) == 1


def test_503_when_kafka_does_not_answer_and_the_frame_is_then_never_captured(start, line):
    ingest = start(answer_timeout_s=0.2)
    answer = ingest.post()
    assert (answer.status, answer.json["error"]) == (503, "kafka_slow")
    assert answer.headers["Retry-After"] == "1"
    line.turn(ingest.inbox)
    assert line.frames == []
    assert [answer.status for answer in ingest.turn_until(ingest.posting())] == [202]
    assert line.seqs("press-4") == [0]


def test_503_for_everyone_who_waits_when_it_stops_and_for_who_comes_then(start, line):
    ingest = start()
    waiting = [ingest.posting() for _ in range(3)]
    assert all(waits(answer) for answer in waiting)
    ingest.inbox.close()
    assert [answer.result(5).status for answer in waiting] == [503] * 3
    assert ingest.post().json["error"] == "stopping"
    assert line.frames == []


def test_503_when_the_delivery_fails(start, line):
    ingest = start()
    answer = ingest.posting()
    assert waits(answer, 0.2)
    line.kafka.down = True
    with pytest.raises(Broken):
        line.turn(ingest.inbox)
    ingest.inbox.close()
    assert answer.result(5).status == 503


def test_answers_are_finished_before_the_server_ends(line, new_capture):
    """SIGTERM under load: who is in hand is answered, not cut off."""
    stop, statuses, lock = threading.Event(), [], threading.Lock()
    with running(line, new_capture()) as ingest:

        def push():
            while not stop.is_set():
                try:
                    status = ingest.post().status
                except (OSError, http.client.HTTPException) as error:
                    status = type(error).__name__
                with lock:
                    statuses.append(status)
                    if status != 202:
                        return

        pushers = [threading.Thread(target=push) for _ in range(4)]
        for pusher in pushers:
            pusher.start()
        deadline = monotonic() + 10
        while len(statuses) < 40 and monotonic() < deadline:
            line.turn(ingest.inbox)
    stop.set()
    for pusher in pushers:
        pusher.join(5)
    assert statuses.count(202) == len(line.frames)
    assert set(statuses) <= {202, 503, "ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"}


def test_only_the_stations_it_was_given_may_push(start):
    answer = start(stations=["press-4"]).post(path="/stations/press-5/frames")
    assert answer.status == 404
    assert "press-4" in answer.json["detail"]


def test_stations_cannot_multiply_without_bound(start):
    ingest = start(max_stations=2)
    ingest.turn_until(*[ingest.posting(path=f"/stations/s{n}/frames") for n in range(2)])
    assert ingest.post(path="/stations/s2/frames").json["error"] == "too_many_stations"
    assert [done.status for done in ingest.turn_until(ingest.posting(path="/stations/s0/frames"))] == [202]


def test_401_without_the_token_when_one_is_set(start):
    ingest = start(token="swordfish")
    assert ingest.post().status == 401
    assert ingest.post(headers=IS_JPEG | {"Authorization": "Bearer guess"}).status == 401
    (done,) = ingest.turn_until(ingest.posting(headers=IS_JPEG | {"Authorization": "Bearer swordfish"}))
    assert done.status == 202


def test_the_front_page_tells_how_to_push(start):
    ingest = start()
    answer = ingest.post(None, "/", {}, "GET")
    assert (
        f"curl -H 'Content-Type: image/jpeg' --data-binary @part.jpg http://127.0.0.1:{ingest.port}"
        in answer.body.decode()
    )
    assert ingest.post(None, PATH, {}, "GET").status == 405


def test_an_address_that_is_taken_is_a_mistake(start):
    with pytest.raises(Mistake, match="--port"), serving("push", None, "127.0.0.1", start().port):
        pass
