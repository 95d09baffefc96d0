"""The audit log: what people did, sifted, and taken away as a file."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from worlds import PAGE, House, house

from andon.records import Deed, Did, write_event
from andon.stage import Record
from andon.topics import AUDIT
from andon_console.pages.audit import SHOWN, Since, Wanted, csv_of, harmless
from andon_console.safe.people import Role

NOW = datetime.now(UTC)


def deed(by: str = "mira", did: Did = Did.ANSWERED, ago: float = 1, **other: str) -> Deed:
    """Something that was done `ago` minutes ago."""
    return Deed(deed_id=uuid4(), at=NOW - timedelta(minutes=ago), did=did, by=by, role="reviewer", **other)


def with_deeds(*deeds: Deed) -> House:
    home = house()
    home.world.deeds.take([Record(AUDIT, 0, at, b"k", write_event(each), (), 0) for at, each in enumerate(deeds)])
    return home


def of(home: House, query: str = "") -> list[str]:
    found = home.signed_in(Role.ENGINEER).get(f"/audit.json?{query}").json()
    return [each["subject"] for each in found if each["did"] != "signed_in"]


@pytest.fixture
def home() -> House:
    return with_deeds(
        deed(subject="a", station="weld-07"),
        deed(subject="b", by="jonas", did=Did.SILENCED, ago=90, station="weld-08"),
        deed(subject="c", ago=60 * 24 * 3, station="weld-07"),
        deed(subject="d", ago=60 * 24 * 20),
    )


def test_the_newest_stand_first(home: House):
    assert of(home) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("since=1h", ["a"]),
        ("since=24h", ["a", "b"]),
        ("since=all", ["a", "b", "c", "d"]),
        ("person=jonas", ["b"]),
        ("what=answered", ["a", "c"]),
        ("station=weld-07", ["a", "c"]),
        ("station=weld-07&what=silenced", []),
        ("person=nobody", []),
    ],
)
def test_they_are_sifted_by_who_what_where_and_when(query: str, found: list[str], home: House):
    assert of(home, query) == found
    page = home.signed_in(Role.ENGINEER).get(f"/audit?{query}", headers=PAGE)
    assert page.status_code == 200
    assert [each for each in "abcd" if f'<td class="long">{each}</td>' in page.text] == sorted(found)


def test_a_page_shows_the_newest_and_the_files_have_all():
    home = with_deeds(*(deed(subject=str(number), ago=number / 100) for number in range(SHOWN + 50)))
    browser = home.signed_in(Role.ENGINEER)
    text = browser.get("/audit", headers=PAGE).text
    assert text.count('<td class="long">') == 2 * SHOWN
    assert f"The newest {SHOWN} of {SHOWN + 51} deeds" in text
    assert len(browser.get("/audit.csv").text.splitlines()) == 1 + SHOWN + 51


def test_a_download_keeps_what_was_asked_for(home: House):
    text = home.signed_in(Role.ENGINEER).get("/audit?person=jonas&since=24h", headers=PAGE).text
    assert 'href="/audit.csv?person=jonas&amp;what=&amp;station=&amp;since=24h"' in text


def test_what_people_wrote_is_text_on_the_page():
    hostile = '"><img src=x onerror=alert(1)>'
    home = with_deeds(deed(subject=hostile, detail=hostile, by=hostile, station=hostile, before=hostile, after=hostile))
    text = home.signed_in(Role.ENGINEER).get("/audit", headers=PAGE).text
    assert "<img" not in text
    assert text.count("&lt;img src=x") >= 6


def test_the_csv_is_read_back_as_it_was(home: House):
    rows = list(csv.DictReader(io.StringIO(csv_of([deed(subject='semi;colon, "quoted"\nline', detail="Grün")]))))
    assert (rows[0]["subject"], rows[0]["detail"], rows[0]["station"]) == ('semi;colon, "quoted"\nline', "Grün", "")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(cell: str):
    assert harmless(cell) == f"'{cell}"
    assert harmless("weld-07") == "weld-07"


def test_the_json_is_the_records(home: House):
    found = home.signed_in(Role.ENGINEER).get("/audit.json?person=jonas").json()
    assert Deed.model_validate_json(json.dumps(found[0])).did is Did.SILENCED


def test_an_empty_field_is_anything():
    assert Wanted(since=Since.ALL).of([deed(ago=10**5)], NOW) != []


@pytest.mark.parametrize("query", ["since=2h", "person=" + "x" * 200, "what=" + "x" * 40])
def test_what_cannot_be_asked_is_a_sentence(query: str, home: House):
    assert home.signed_in(Role.ENGINEER).get(f"/audit?{query}", headers=PAGE).status_code == 422
