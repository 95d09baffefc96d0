"""The line file: what each station gets of it, and what is told of one that is wrong."""

from pathlib import Path

import pytest

from andon.errors import Mistake
from andon.line import Burst, Plans, Policy
from andon.line.found import LineMistake
from andon.line.line import Line
from andon.line.parse import bytes_of, parse
from andon.records import Cause, Severity

EXAMPLE = Path(__file__).parents[2] / "deploy" / "line.yaml"


def line(text: str, policy: Policy | None = None) -> Line:
    return parse(text.encode(), "line.yaml", policy)


def told(text: str) -> list[str]:
    """What is told of a file that is wrong."""
    with pytest.raises(LineMistake) as mistake:
        line(text)
    return str(mistake.value).splitlines()


# What a station gets


def test_the_example_that_is_deployed_is_right_and_says_everything_a_line_file_can() -> None:
    plan = parse(EXAMPLE.read_bytes(), "line.yaml").of("weld-07")
    assert (plan.site, plan.area, plan.line) == ("Northfield", "body", "body-shop-2")
    assert (plan.policy.k, plan.policy.n, plan.policy.settle) == (2, 5, 2)
    assert (plan.budget, plan.budget_of("door-right"), plan.budget_of("door-left")) == (0.002, 0.005, 0.002)
    assert plan.severities == {Cause.DRIFT: Severity.INFO, Cause.FALSE_CALLS: Severity.CRITICAL}
    assert (plan.route, plan.heartbeat_s, len(plan.maintenance)) == ("body-shift", 300.0, 4)
    assert plan.camera is not None
    assert plan.camera.source == "rtsp://10.0.3.21/stream1"


def test_the_defaults_of_the_example_are_what_is_built_in() -> None:
    assert parse(EXAMPLE.read_bytes(), "line.yaml").of("nobody-named-it").policy == Policy()


def test_an_exact_name_goes_before_a_pattern_and_the_first_pattern_counts() -> None:
    found = line("stations: {weld-1*: {route: a}, weld-*: {route: b}, weld-17: {route: c}}")
    assert [found.of(name).route for name in ("weld-17", "weld-18", "weld-2", "press-1")] == ["c", "a", "b", None]


def test_an_unknown_station_gets_the_defaults() -> None:
    found = line("defaults: {route: anyone, budget: 1 per 100}\nstations: {weld-07: }")
    for name in ("weld-07", "appeared-by-itself"):
        assert (found.of(name).route, found.of(name).budget) == ("anyone", 0.01)


def test_what_an_entry_does_not_say_comes_from_the_defaults_sentence_by_sentence() -> None:
    found = line(
        """
        defaults: {policy: {open: 2 of 4 frames, silent after: never}, severity: {drift: info}, heartbeat: never}
        stations: {weld-07: {policy: {open: 1 of 1}, severity: {false calls: critical}}}
        """,
        Policy(clear_after=7),
    )
    plan = found.of("weld-07")
    assert plan.policy == Policy(k=1, n=1, silent_after_s=None, clear_after=7)
    assert plan.severities == {Cause.DRIFT: Severity.INFO, Cause.FALSE_CALLS: Severity.CRITICAL}
    assert plan.heartbeat_s is None


def test_maintenance_of_a_station_stands_instead_of_that_of_the_defaults() -> None:
    found = line(
        "time zone: UTC\ndefaults: {maintenance: Sundays all day}\n"
        "stations: {a: {maintenance: [Mondays all day, every day 12:00 to 13:00]}, b: {maintenance: never}}"
    )
    assert [len(found.of(name).maintenance) for name in ("a", "b", "c")] == [2, 0, 1]


def test_products_may_have_budgets_of_their_own() -> None:
    plan = line("stations: {weld-07: {budget: 2 per 1000, products: {door: 1 per 100, roof: }}}").of("weld-07")
    assert (plan.budget_of("door"), plan.budget_of("roof"), plan.budget_of("other")) == (0.01, 0.002, 0.002)
    assert plan.products == ("door", "roof")
    assert line("stations: {weld-07: {products: [door, roof]}}").of("weld-07").products == ("door", "roof")


def test_a_station_may_belong_to_another_line_than_the_file() -> None:
    found = line("line: body\nsite: North\nstations: {press-*: {line: press}}")
    assert [(found.of(name).line, found.of(name).site) for name in ("press-1", "weld-1")] == [
        ("press", "North"),
        ("body", "North"),
    ]


def test_a_drill_copy_has_the_plan_of_its_station_under_its_own_name() -> None:
    plan = line("stations: {weld-07: {route: body}}").of("drill.weld-07")
    assert (plan.station, plan.route) == ("drill.weld-07", "body")


def test_bursts_are_of_the_whole_line() -> None:
    assert line("burst: 5 stations within 30 s").burst == Burst(5, 30)
    assert line("line: a").burst == Burst(3, 60)
    assert line("burst: never").burst.stations > 100_000


def test_the_shortest_silence_is_that_of_any_station() -> None:
    off = "defaults: {policy: {silent after: never}}\n"
    assert line(off).shortest_silence_s is None
    assert line(off + "stations: {a: {policy: {silent after: 30 s}}, b: }").shortest_silence_s == 30
    assert line("stations: {a: {policy: {silent after: 5 min}}}").shortest_silence_s == 60


def test_a_line_is_the_plans_that_services_ask_for() -> None:
    plans: Plans = line("line: a")
    assert plans.of("weld-07") is plans.of("weld-07"), "asked for with every score"


def test_texts_mean_what_they_say_and_not_what_yaml_makes_of_them() -> None:
    found = line("line: no\nsite: 1e3\narea: 012\nstations: {2: {route: on}}")
    assert (found.of("2").line, found.of("2").site, found.of("2").area, found.of("2").route) == (
        "no",
        "1e3",
        "012",
        "on",
    )


# What is told


def test_every_mistake_is_told_with_its_line_and_column() -> None:
    assert told(
        """\
line: a
budgets: 2 per 1000
stations:
  weld 07:
    budget: 2 per never
  weld-*:
    policy:
      open: 5 of 3 frames
      opne at once: 3 times
    severity: {drfit: info, drift: bad}
"""
    ) == [
        "line.yaml:2:1: there is no 'budgets' here; 'budget' belongs under a station, or under 'defaults'",
        "line.yaml:4:3: station 'weld 07': a station id may hold a-z, 0-9, '-', '.', '_' (at most 64); try 'weld-07'",
        "line.yaml:5:13: station 'weld 07': budget: '2 per never': "
        "say how many good frames may be called anomalous, such as '2 per 1000'",
        "line.yaml:8:13: station 'weld-*': open: '5 of 3 frames': 5 of 3 can never be; did you mean '3 of 5 frames'?",
        "line.yaml:9:7: station 'weld-*': policy: there is no 'opne at once' here; try 'open at once'",
        "line.yaml:10:16: station 'weld-*': severity: 'drfit': there is no such cause; try 'drift'",
        "line.yaml:10:36: station 'weld-*': severity: drift: 'bad': "
        "there is no such severity; there are critical, warning, info",
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("silent after: 60 s", "1:1", "'silent after' belongs under 'policy'"),
        ("stations: {a: {open: 1 of 1}}", "1:16", "'open' belongs under 'policy'"),
        ("defaults: {burst: never}", "1:12", "'burst' belongs at the top"),
        ("time_zone: UTC", "1:1", "try 'time zone'"),
        ("time zone: Europe/Berln", "1:12", "'Europe/Berln': is no time zone; try 'Europe/Berlin'"),
        ("time zone: ../../etc/passwd", "1:12", "is no time zone"),
        ("time zone: Europe", "1:12", "is no time zone"),
        ("stations: {a: {budget: }}", "1:16", "station 'a': budget: says nothing"),
        ("stations: {a: {camera: }}", "1:16", "station 'a': camera: says nothing"),
        ("stations: {a: {policy: tight}}", "1:24", "station 'a': policy: needs names beneath it"),
        ("stations: {a: {maintenance: {on: Sundays}}}", "1:29", "station 'a': maintenance: takes a list"),
        ("stations: [a, b]", "1:11", "stations: needs names beneath it"),
        ("burst: {of: 3}", "1:8", "burst: takes one text, nothing beneath"),
        ("stations: {a: {route: two words}}", "1:23", "a route is one word"),
        ("line: a/b", "1:7", "1 to 64 characters, without '/', '+' and '#'"),
        ("stations: {a: {products: {'x\u00e4': 1 per 9}}}", "1:27", "1 to 128 letters, digits"),
        ("stations: {a: {camera: {kind: webcam}}}", "1:31", "'webcam' is no kind of camera; there are folder, video"),
        ("stations: {a: {camera: {kind: rtsp}}}", "1:24", "needs from: the address"),
        ("stations: {a: {camera: {kind: rtsp, from: 10.0.0.1}}}", "1:24", "is reached at rtsp://HOST/"),
        ("stations: {a: {camera: {from: x}}}", "1:16", "camera: kind: is missing"),
        ("stations: {drill.a: }", "1:12", "a drill copy has the plan of 'a'"),
        ("stations: {'weld-[0-9]*': }", "1:12", "a pattern may hold a-z, 0-9, '-', '.', '_' and '*'"),
        ("stations: {a: {maintenance: Sundays all day}}", "1:29", "in which time zone?"),
        (
            "time zone: Europe/Berlin\ndefaults: {maintenance: [2026-03-29 02:10 to 02:50]}",
            "2:26",
            "the clocks jump over it, so it never is",
        ),
        ("time zone: UTC\ndefaults: {maintenance: 2026-12-24 to 2026-12-23}", "2:25", "so it never is"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_to_do(text: str, place: str, words: str) -> None:
    (found,) = told(text)
    assert found.startswith(f"line.yaml:{place}: ")
    assert words in found


def test_a_name_that_stands_twice_is_told_with_where_it_stood_first() -> None:
    assert told("stations:\n  a: {route: b}\n  c:\n  a: {route: d}") == [
        "line.yaml:4:3: 'a' stands here twice, first in line 2"
    ]


def test_two_stations_that_people_would_take_for_one_are_told() -> None:
    assert told("stations: {weld-7: , weld_07: }") == [
        "line.yaml:1:22: station 'weld_07': people will take it for 'weld-7' in line 1; name one of them otherwise"
    ]
    line("stations: {weld-7: , weld-70: , weld-1-1: , weld-11: , weld.a: , weld-b: }")


def test_a_pattern_that_an_earlier_one_hides_is_told() -> None:
    assert told("stations:\n  weld-*:\n  weld-0*:\n") == [
        "line.yaml:3:3: station 'weld-0*': 'weld-*' in line 2 takes all of its stations; put this one before it"
    ]
    assert len(told("stations: {'*': , a*: , '*b': }")) == 2
    line("stations: {weld-0*: , weld-*: , '*-7': , a*b: , a*: , a*c*: }".replace("a*: , a*c*: ", "a*c*: , a*: "))


@pytest.mark.parametrize("name", ["password", "token", "api key", "API_KEY", "client-secret", "credentials", "auth"])
def test_a_name_that_looks_like_a_secret_is_refused_with_the_reason(name: str) -> None:
    (found,) = told(f"stations: {{a: {{camera: {{kind: http, {name}: hush}}}}}}")
    assert "a secret never stands in the line file" in found
    assert "hush" not in found


@pytest.mark.parametrize("text", ["rtsp://admin:hush@10.0.3.21/1", "rtsp://10.0.3.21/1?token=hush", "rtsp://:hush@x/"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    found = told(f"stations: {{a: {{camera: {{kind: rtsp, from: '{text}'}}}}}}")
    assert any("a secret never stands in the line file" in each for each in found)
    assert not any("hush" in each for each in found)


def test_many_mistakes_are_told_up_to_a_hundred() -> None:
    lines = told("\n".join(f"k{number}: 1" for number in range(300)))
    assert len(lines) == 101
    assert lines[-1].endswith("more")


# Files that are none


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1:1", "says nothing; a line file begins with names such as 'stations:'"),
        ("# only a comment", "1:1", "says nothing"),
        ("- a\n- b", "1:1", "says nothing"),
        ("stations:\n\tweld-07:", "2:1", "a tab; YAML indents by spaces"),
        ("stations:\n  weld-07:\n   route: a\n  budget: 1 per 9: 3", "4:18", "a ':' where none can be"),
        ("stations:\n  weld-07\n  weld-08:", "3:10", "the line above lacks one"),
        ("stations:\n  weld-07:\n  weld-08\n", "3:3", "this line needs a ':' after its name"),
        ("stations:\n  a: {}\n b: {}", "3:2", "indented otherwise than the lines around it"),
        ("line: 'a\nstations:", "1:7", "a quote or a bracket is opened and never closed"),
        ('line: "C:\\zone"', "1:7", "use single quotes for plain text"),
        ("line: @a", "1:7", "put it in quotes"),
        ("stations:\n  *-cam: {}", "2:3", "a name that begins with '*' is quoted"),
        ("a: &a 1\nb: *a", "1:4", "an anchor, '&a'; 'defaults' and patterns say what stations share"),
        ("stations: {a: {<<: {}}}", "1:16", "'<<' is refused"),
        ("line: !!python/object/apply:os.system [ls]", "1:7", "a tag"),
        ("line: a\n---\nline: b", "2:1", "a second document"),
        ("? [a]\n: b", "1:3", "a name is a word"),
        ("line: \x07", "1:7", "a character that cannot be shown, '\\x07'"),
        ('line: "\\e[2J"', "1:7", "a character that cannot be shown, '\\x1b'"),
        ("? |\n two\n lines\n: 3", "1:3", "there is no 'two lines' here"),
    ],
)
def test_what_is_no_line_file_is_told_in_words_and_with_its_place(text: str, place: str, words: str) -> None:
    (found,) = told(text)
    assert found.startswith(f"line.yaml:{place}: ")
    assert words in found


def test_a_file_that_is_not_utf_8_is_told_where_it_is_not() -> None:
    with pytest.raises(Mistake, match=r"line.yaml:2:8: not UTF-8"):
        parse("line: a\nsite: K\u00f6ln".encode("latin-1"), "line.yaml")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    assert parse(b"\xef\xbb\xbfline: a\r\nsite: b\r\n", "line.yaml").of("x").site == "b"


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"line.yaml: there is no such file$"):
        bytes_of(tmp_path / "line.yaml")
    with pytest.raises(Mistake, match=r"is a folder; name the file in it, such as .*line.yaml$"):
        bytes_of(tmp_path)
    with pytest.raises(Mistake, match="is no ordinary file"):
        bytes_of(Path("/dev/zero"))
