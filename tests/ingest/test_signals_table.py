"""What a table of readings holds, found out from itself; and what is said of one that cannot be read."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from andon.errors import Invalid, Mistake
from andon_ingest.signals.names import name_and_unit, snake
from andon_ingest.signals.table import Seen, rows, understand
from andon_ingest.signals.times import read_time

AT = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)


@pytest.fixture
def table(tmp_path):
    """Understands a text as a file."""

    def make(text, encoding="utf-8", **given):
        path = tmp_path / "weld-07.csv"
        path.write_bytes(text.encode(encoding))
        return understand(path, **given)

    return make


def read(table):
    seen = Seen()
    return list(rows(table, seen)), seen


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Volume Flow RateRMS", "volume_flow_rate_rms"),
        ("Accelerometer1RMS", "accelerometer1_rms"),
        ("spindleTemperature", "spindle_temperature"),
        ("Ölstand-A", "oelstand_a"),
        ("1. Druck", "n1_druck"),
        ("x" * 80, "x" * 64),
    ],
)
def test_any_header_becomes_lower_snake_case(header, name):
    assert snake(header) == name


def test_a_header_without_letters_names_no_number():
    with pytest.raises(Invalid, match="cannot name a number"):
        snake("§ %")


@pytest.mark.parametrize(
    "header", ["Spindle Temperature [K]", "spindle_temperature (K)", " Spindle temperature [ K ] "]
)
def test_a_header_may_say_the_unit(header):
    assert name_and_unit(header) == ("spindle_temperature", "K")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T14:02:07Z",
        "2026-11-22 14:02:07",
        "22.11.2026 14:02:07",
        "1795356127",
        "1795356127000",
        "1795356127.0",
    ],
)
def test_times_are_read_as_people_and_machines_write_them(text):
    assert read_time(text) == AT


def test_a_time_without_a_zone_is_in_the_one_that_was_named():
    assert read_time("2026-11-22 15:02:07", ZoneInfo("Europe/Berlin")) == AT


@pytest.mark.parametrize("text", ["14:02", "yesterday", "42", "2026-13-01 00:00:00", ""])
def test_what_is_no_time_is_told(text):
    with pytest.raises(Invalid, match="is no time; write it as"):
        read_time(text)


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_the_separator_and_the_time_are_found(table, separator):
    text = "Pressure [bar];Time;Flow\n1.5;2026-11-22T14:02:07Z;32\n1.25;2026-11-22T14:02:08Z;33\n"
    found, _ = read(table(text.replace(";", separator)))
    assert [row.values for row in found] == [{"pressure": 1.5, "flow": 32}, {"pressure": 1.25, "flow": 33}]
    assert found[0].at == AT


def test_the_time_is_the_column_that_was_named(table):
    made = table("made;read;x\n2026-11-22 10:00:00;2026-11-22 14:02:07;1\n", time="Read")
    assert read(made)[0][0].at == AT


def test_decimal_commas_are_read_where_the_separator_is_another(table):
    found, _ = read(table("t;druck\n2026-11-22T14:02:07Z;1.234,5\n2026-11-22T14:02:08Z;7\n"))
    assert [row.values["druck"] for row in found] == [1234.5, 7]


def test_a_file_of_an_old_windows_is_read_too(table):
    assert table("Zeit;Öl [°C]\n22.11.2026 14:02:07;90\n", "cp1252").columns[0].name == "oel"


def test_what_is_missing_or_not_finite_is_left_out_and_counted(table):
    found, seen = read(table("t,a,b\n2026-11-22T14:02:07Z,1,nan\n2026-11-22T14:02:08Z,,2\n2026-11-22T14:02:09Z,inf,\n"))
    assert [row.values for row in found] == [{"a": 1}, {"b": 2}]
    assert (seen.left_out, seen.empty, seen.missing) == (4, 1, {"a": 2, "b": 2})


def test_a_row_that_is_not_newer_than_the_one_before_is_left_out_and_counted(table):
    found, seen = read(table("t,a\n2026-11-22T14:02:08Z,1\n2026-11-22T14:02:07Z,2\n2026-11-22T14:02:08Z,3\n"))
    assert ([row.values["a"] for row in found], seen.late) == ([1], 2)


def test_columns_of_words_and_those_not_wanted_are_not_read(table):
    made = table("t,state,a,label\n2026-11-22T14:02:07Z,run,1,0\n", without=["Label"])
    assert ([each.name for each in made.columns], made.not_read) == (["a"], ("state", "label"))


def test_units_may_be_given_by_name(table):
    made = table("t,a,b [V]\n2026-11-22T14:02:07Z,1,2\n", units={"a": "bar"})
    assert [each.unit for each in made.columns] == ["bar", "V"]


@pytest.mark.parametrize(
    ("text", "given", "told"),
    [
        ("t,a\n2026-11-22T14:02:07Z,1\n2026-11-22T14:02:08Z,on\n", {}, r"csv:3: column 2: 'on' is no number"),
        ("t,a\n2026-11-22T14:02:07Z,1\nsoon,1\n", {}, r"csv:3: column 1: 'soon' is no time"),
        ("t,a\n2026-11-22T14:02:07Z,1\n2026-11-22T14:02:08Z,1,2\n", {}, r"csv:3: 3 cells, but the header has 2"),
        ("a,b\n1,2\n", {}, r"csv:1: no column holds times; name it with --time, there are a, b"),
        ("t,a\n2026-11-22T14:02:07Z,1\n", {"time": "when"}, r"no column is called 'when'; there are t, a"),
        ("t,A b,a_B\n2026-11-22T14:02:07Z,1,2\n", {}, r"csv:1: column 3: 'A b' and 'a_B' are both a_b"),
        ("t,state\n2026-11-22T14:02:07Z,run\n", {}, "0 columns hold numbers"),
        ("t,a\n2026-11-22T14:02:07Z,1\n", {"units": {"b": "K"}}, "no such number; there are a"),
        ("t,a\n2026-11-22T14:02:07Z,1\n", {"without": ["b"]}, "--without b: no such column"),
        ("one\n2\n", {}, "csv:1: no separator found"),
        ("t,a\n", {}, "a line of headers and at least one row"),
        ("a\0b\n", {}, "this is no text"),
    ],
)
def test_a_mistake_in_a_table_is_told_with_its_line_and_column(table, text, given, told):
    with pytest.raises(Mistake, match=told):
        list(rows(table(text, **given), Seen()))


@pytest.mark.parametrize("hostile", [b"9" * 200_000, b"\xff\xfe\x00", b"1\n2026-11-22T14:02:09Z;1;1"])
def test_rows_far_below_that_cannot_be_read_are_told_with_their_line(tmp_path, hostile):
    path = tmp_path / "far.csv"
    good = "".join(f"2026-11-22T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z;1\n" for n in range(4000))
    path.write_bytes(b"t;a\n" + good.encode() + b"2026-11-22T14:02:08Z;" + hostile)
    with pytest.raises(Mistake, match=r"far\.csv:400[123]: "):
        list(rows(understand(path), Seen()))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Mistake, match="cannot be read"):
        understand(tmp_path / "none.csv")
