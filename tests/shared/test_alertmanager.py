"""The same silence in Alertmanager."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fake_alertmanager import FakeAlertmanager

from andon.alertmanager import AlertmanagerSettings, Silences, matchers
from andon.errors import Broken
from andon.records import Silence

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


def silence(target: str, hours: float = 1) -> Silence:
    return Silence(target=target, since=NOW, until=NOW + timedelta(hours=hours), why="the lamp", by="Mira")


def silences(fake: FakeAlertmanager) -> Silences:
    settings = AlertmanagerSettings(url="http://am:9093/")
    return Silences(settings, httpx.Client(transport=httpx.MockTransport(fake)))


def test_a_silence_has_its_station_its_reason_and_its_name() -> None:
    fake = FakeAlertmanager()
    assert silences(fake).keep(silence("weld-07")) == "s0"
    (there,) = fake.active
    assert (there["comment"], there["createdBy"], there["matchers"]) == ("the lamp", "Mira", matchers("weld-07"))


def test_a_longer_one_replaces_it_and_the_end_ends_it_and_no_other() -> None:
    fake = FakeAlertmanager()
    ours = silences(fake)
    for each in (silence("weld-07"), silence("weld-07", 2), silence("weld-08")):
        ours.keep(each)
    assert len(fake.active) == 2
    assert ours.end("weld-07") == 1
    assert [each["matchers"] for each in fake.active] == [matchers("weld-08")]
    assert ours.end("weld-07") == 0


def test_a_silence_of_everything_leaves_the_watchdog_firing() -> None:
    everything = matchers("*")
    assert {"name": "alertname", "value": "AndonWatchdog", "isRegex": False, "isEqual": False} in everything
    assert all(each["name"] == "alertname" for each in everything)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: httpx.Response(503, text="not yet"), "refused it: 503 not yet"),
        (lambda: (_ for _ in ()).throw(httpx.ConnectError("no")), "cannot be reached"),
        (lambda: (_ for _ in ()).throw(httpx.ReadTimeout("slow")), "did not answer in time"),
    ],
)
def test_one_that_is_away_or_refuses_is_told_without_its_address(
    answer: Callable[[], httpx.Response], said: str
) -> None:
    fake = FakeAlertmanager(answer=answer)
    with pytest.raises(Broken, match=said) as told:
        silences(fake).keep(silence("weld-07"))
    assert "am:9093" not in str(told.value)


@pytest.mark.parametrize("url", ["alertmanager:9093", "ftp://alertmanager", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        AlertmanagerSettings(url=url)
