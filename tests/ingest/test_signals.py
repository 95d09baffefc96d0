"""`andon signals` and the readings it sends: from a table, from a pipe."""

import json
import os
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from typer.testing import CliRunner

import andon_ingest.signals.main as command
from andon.cli import build
from andon.errors import Broken, Invalid, Mistake
from andon.memory import MemoryKafka, MemorySink
from andon.records import read_reading
from andon.topics import SIGNALS
from andon_ingest.signals.lenient import parse, parse_json
from andon_ingest.signals.lines import Lines
from andon_ingest.signals.replay import Replay, paced
from andon_ingest.signals.send import MOST, Sending, send_all
from andon_ingest.signals.table import Row, Seen

AT = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)


@pytest.fixture
def kafka():
    return MemoryKafka(partitions=1)


@pytest.fixture
def run(kafka, monkeypatch):
    """The command over Kafka's twin."""
    monkeypatch.setattr(command, "reach", lambda _kafka: None)
    monkeypatch.setattr(command, "KafkaSink", lambda _kafka, compression: MemorySink(kafka))
    return lambda *words, **given: CliRunner().invoke(build("signals"), ["signals", *words], **given)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "Weld 07.csv"
    path.write_text(
        "time;Spindle Temperature [K];force\n"
        + "".join(f"2026-11-22 14:02:{n:02};34{n};{'nan' if n else 3}\n" for n in range(5))
    )
    return path


def sent(kafka):
    return [read_reading(record) for record in kafka.records(SIGNALS)]


def test_a_table_is_sent_with_its_own_times_its_units_and_its_name_as_source(run, kafka, file):
    result = run(str(file), "-s", "weld-07")
    assert result.exit_code == 0, result.output
    assert [each.values["spindle_temperature"] for each in sent(kafka)] == [340, 341, 342, 343, 344]
    first = sent(kafka)[0]
    assert (first.station, first.source, first.units, first.at) == (
        "weld-07",
        "weld_07",
        {"spindle_temperature": "K"},
        datetime(2026, 11, 22, 14, 2, tzinfo=UTC),
    )
    assert kafka.records(SIGNALS)[0].key == b"weld-07"


def test_a_run_goes_on_after_the_last_reading_that_was_sent(run, kafka, file):
    said = json.loads(run(str(file), "-s", "weld-07", "--json", "--after", "2026-11-22T14:02:02Z").stdout)
    assert (said["readings"], said["last"], said["left_out"]) == (2, "2026-11-22T14:02:04Z", 4)
    assert "0 readings sent" in run(str(file), "-s", "weld-07", "--after", said["last"]).stderr


def test_a_dry_run_shows_what_was_understood_and_sends_nothing(run, kafka, file):
    result = run(str(file), "-s", "weld-07", "--dry-run", "--without", "force")
    assert result.exit_code == 0, result.output
    assert "spindle_temperature" in result.stdout
    assert (
        "semicolons; time in 'time'; 5 readings, 2026-11-22 14:02:00 to 2026-11-22 14:02:04 UTC, one every 1 s"
        in result.stderr
    )
    assert sent(kafka) == []


def test_nothing_of_a_table_with_a_mistake_at_its_end_is_sent(run, kafka, file):
    file.write_text(file.read_text() + "2026-11-22 14:03:00;warm;1\n")
    result = run(str(file), "-s", "weld-07")
    assert isinstance(result.exception, Mistake)
    assert ":7: column 2: 'warm' is no number" in str(result.exception)
    assert sent(kafka) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-s", "Weld 07"), "try 'weld-07'"),
        (("-s", "weld-07", "--rate", "2", "--as-now"), "give one of the two"),
        (("-s", "weld-07", "--zone", "Mars"), "no such time zone"),
        (("-s", "weld-07", "--units", "K"), "write NAME=UNIT"),
        (("-s", "weld-07", "--after", "soon"), "--after: 'soon' is no time"),
    ],
)
def test_what_cannot_be_done_is_told(run, file, words, told):
    assert told in str(run(str(file), *words).exception)


def test_a_pipe_is_sent_and_its_bad_lines_are_told_without_ending_it(run, kafka):
    good = '{"at": "2026-11-22T14:02:07Z", "values": {"Pressure": 1.5, "flow": NaN}, "source": "plc"}'
    result = run("-", "-s", "weld-07", "--json", input=f"{good}\nwhat?\n\n{good.replace(':07Z', ':08Z')}\n")
    assert result.exit_code == 1
    assert "line 2: no JSON (line 1, column 1" in result.stderr
    assert [(each.values, each.source) for each in sent(kafka)] == [({"pressure": 1.5}, "plc")] * 2
    assert json.loads(result.stdout)["left_out"] == 2


def test_what_a_pipe_brings_is_sent_while_it_is_silent(kafka, time):
    """A bridge that says something every minute is not kept waiting for its next word."""
    read, write = os.pipe()
    told = []
    sending = Sending(MemorySink(kafka), told.append, clock=iter(range(1000)).__next__)
    lines = Lines("weld-07", "", Seen(), lambda *_: None, time.clock)

    def silent():
        sending.turn()
        if sent(kafka):
            os.close(write)

    os.write(write, b'{"values": {"a": 1}}\n')
    with os.fdopen(read, "rb") as pipe:
        for reading in lines.readings(pipe, silent):
            sending.add(reading)
    assert len(sent(kafka)) == 1


def test_a_reading_from_a_pipe_without_a_time_is_of_now(time):
    lines = Lines("weld-07", "", Seen(), lambda *_: None, time.clock)
    (reading,) = lines.readings(BytesIO(b'{"values": {"a": 1}}\n'), lambda: None)
    assert reading.at == time.clock.utc()


def rows_of(count):
    return [Row(AT + timedelta(seconds=2 * n), {"a": float(n)}) for n in range(count)]


def test_as_now_keeps_the_pace_of_the_table_and_begins_now(time):
    begin = time.clock.utc()
    found = [
        (row.at - begin, time.clock.utc() - begin) for row in paced(rows_of(3), Replay(as_now=True), time.clock, int)
    ]
    assert found == [(timedelta(seconds=s), timedelta(seconds=s)) for s in (0, 2, 4)]


def test_a_rate_gives_the_pace(time):
    begin = time.clock.utc()
    found = [row.at - begin for row in paced(rows_of(3), Replay(rate=4), time.clock, int)]
    assert found == [timedelta(seconds=s) for s in (0, 0.25, 0.5)]


def test_while_a_row_is_not_due_what_waits_is_sent(time):
    turns = []
    list(paced(rows_of(2), Replay(as_now=True), time.clock, lambda: turns.append(1)))
    assert len(turns) >= 10


def test_readings_go_in_batches_and_the_last_ones_at_the_end(kafka):
    counts = []
    sending = Sending(MemorySink(kafka), lambda done: counts.append(done.readings), clock=lambda: 0.0)
    send_all((parse({"at": AT.isoformat(), "values": {"a": n}}, "w").reading for n in range(MOST + 3)), sending)
    assert counts == [MOST, MOST + 3]
    assert len(sent(kafka)) == MOST + 3


def test_what_kafka_does_not_take_is_not_counted_as_sent(kafka):
    kafka.down = True
    sending = Sending(MemorySink(kafka), lambda _: None)
    with pytest.raises(Broken):
        send_all([parse({"at": AT.isoformat(), "values": {"a": 1}}, "w").reading], sending)
    assert sending.sent.readings == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("5", "no reading, and no list of some"),
        ("[]", "no reading, and no list of some"),
        ("{", "line 1, column 2"),
        ('{"at": "2026-11-22T14:02:07", "values": {"a": 1}}', "needs a time zone"),
        ('{"at": "2026-11-22T14:02:07Z"}', "values must be names and numbers"),
        ('{"at": "2026-11-22T14:02:07Z", "values": {"a": "1"}}', "no finite number"),
        ('{"values": {"a": 1}}', "is no time"),
        ('{"at": "2026-11-22T14:02:07Z", "values": {"a": 1}, "source": "' + "x" * 65 + '"}', "source"),
        ('{"at": "2026-11-22T14:02:07Z", "station": "press-1", "values": {"a": 1}}', "not of 'weld-07'"),
    ],
)
def test_a_reading_that_cannot_be_is_told(text, told):
    with pytest.raises(Invalid, match=told):
        [parse(each, "weld-07") for each in parse_json(text)]


@pytest.mark.parametrize(
    "text",
    [
        b"\xff{}",
        b"[" * 100_000,
        b'{"at": 1795356127, "values": {"a": ' + b"9" * 5000 + b"}}",
        b'{"at": 1795356127, "values": {"a": ' + b"9" * 400 + b"}}",
        b'{"at": 1795356127, "values": {"a": 1}, "source": "\\ud800"}',
        b'{"at": 1795356127, "values": {"a": 1}, "units": {"a": "\\ud800"}}',
        b'{"at": 1e300, "values": {"a": 1}}',
        b'{"at": 1795356127, "values": {' + b", ".join(b'"a%d": 1' % n for n in range(65)) + b"}}",
        b'{"at": 1795356127, "values": {"\\u0000": 1}}',
        b'{"at": {}, "values": {"a": 1}}',
    ],
)
def test_what_nobody_would_send_is_told_too(text):
    with pytest.raises(Invalid):
        [parse(each, "weld-07") for each in parse_json(text)]


def test_a_switch_is_a_number_and_unix_time_needs_no_zone():
    (given,) = parse_json('{"at": 1795356127, "values": {"doorOpen": true}, "units": {"doorOpen": "", "x": "K"}}')
    reading = parse(given, "weld-07").reading
    assert (reading.at, reading.values, reading.units) == (AT, {"door_open": 1.0}, {})


@pytest.mark.factory
def test_a_real_table_is_understood_and_sent(run, kafka, factory_images):
    table = factory_images / "sensors" / "skab_valve1_0.csv"
    result = run(str(table), "-s", "weld-07", "--without", "anomaly", "--without", "changepoint", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["readings"] == 1147
    first = sent(kafka)[0]
    assert first.at == datetime(2020, 3, 9, 10, 14, 33, tzinfo=UTC)
    assert first.values["volume_flow_rate_rms"] == 32.0
    assert len(first.values) == 8
