"""docs/rates.md says of the two rates what is so."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from andon.metrics import Metrics
from andon.rates import Counted, Estimate, Standing, against, escape_rate, false_call_rate

PAGE = (Path(__file__).parents[2] / "docs" / "rates.md").read_text()


def numbers(pattern: str) -> list[float]:
    """The numbers in the one place of the page that reads so; N stands for each."""
    (found,) = re.findall(pattern.replace("N", r"([\d.,]*\d)"), PAGE)
    return [float(each.replace(",", "")) for each in found]


def told(estimate: Estimate | None) -> list[float]:
    """As the page says it: per 1,000."""
    assert estimate is not None
    assert estimate.value is not None
    return [round(1000 * each, 1) for each in (estimate.value, estimate.low, estimate.high)]


def test_the_example_of_false_calls_is_worked_as_it_is_told() -> None:
    words = "scored N frames, called N; people answered N of the calls: N real, N false"
    scored, called, answered, real, false = map(int, numbers(words))
    found = false_call_rate(Counted(scored, called, real, false))
    assert found is not None
    assert answered == real + false
    assert [found.count, found.of] == numbers("so N false calls among N frames that are spoken for")
    assert told(found) == numbers("false-call rate: N per 1,000, between N and N\n")
    (budget,) = re.findall(r"The budget is (\d) per 1,000\. .* is \*\*unclear\*\*", PAGE.replace("\n", " "))
    assert against(found, int(budget) / 1000) is Standing.UNCLEAR


def test_the_example_of_escapes_is_worked_as_it_is_told() -> None:
    words = "asked of N frames called ok; people answered N of them: N good, N missed, and were unsure of N"
    asked, answered, good, missed, unsure = map(int, numbers(words))
    found = escape_rate(Counted(audited_good=good, audited_missed=missed, audited_unsure=unsure))
    assert (asked, answered) == (good + missed + unsure, good + missed)
    assert told(found) == numbers("escape estimate: N per 1,000, between N and N\n")


def test_so_many_good_looks_prove_as_much_as_the_page_says() -> None:
    for looks, most in ((400, 10), (4000, 1)):
        found = escape_rate(Counted(audited_good=looks))
        assert found is not None
        assert 0.9 * most < 1000 * found.high < most


def test_the_page_names_every_gauge_of_the_two_rates() -> None:
    families = Metrics(CollectorRegistry()).registry.collect()
    names = [each.name for each in families if each.name.startswith(("andon_false_call", "andon_escape"))]
    assert len(names) == 7
    assert [name for name in names if f"`{name}`" not in PAGE] == []
