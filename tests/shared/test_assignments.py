"""The table of assignments: the last word of each key, and who it took over from."""

from datetime import UTC, datetime

import pytest

from andon.assignments import Assignments, Serving
from andon.errors import Invalid
from andon.reasons import Reason
from andon.records import Assignment, Proof, write_event
from andon.stage import Record
from andon.topics import MODELS

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
A, B, C = (letter * 64 for letter in "abc")


def given(bundle: str, station: str = "*", product: str | None = None, second: int = 0) -> Assignment:
    return Assignment(station=station, product=product, bundle=bundle, at=AT.replace(second=second))


def record(assignment: Assignment, key: bytes | None = None) -> Record:
    return Record(MODELS, 0, 0, assignment.key if key is None else key, write_event(assignment))


def table(*assignments: Assignment) -> Assignments:
    made = Assignments()
    for assignment in assignments:
        assert made.apply(record(assignment))
    return made


def proof(bundle: str, station: str = "*", key: bytes | None = None) -> Record:
    made = Proof(station=station, bundle=bundle, at=AT)
    return Record(MODELS, 0, 0, made.key if key is None else key, write_event(made))


def active(serving: Serving | None) -> str | None:
    return serving.active.bundle if serving else None


def test_nothing_serves_where_nothing_is_assigned() -> None:
    assert table(given(A, "press-1")).lookup("weld-07", "cup") is None


@pytest.mark.parametrize(
    ("assigned", "station", "product", "bundle"),
    [
        ([given(A)], "weld-07", None, A),
        ([given(A), given(B, "weld-07")], "weld-07", "cup", B),
        ([given(A), given(B, "weld-07")], "press-1", "cup", A),
        ([given(A, "weld-07"), given(B, "weld-07", "cup")], "weld-07", "cup", B),
        ([given(A, "weld-07"), given(B, "weld-07", "cup")], "weld-07", "plate", A),
        ([given(A, "weld-07"), given(B, "weld-07", "cup")], "weld-07", None, A),
        ([given(A, "weld-07"), given(B, product="cup")], "weld-07", "cup", A),
        ([given(A), given(B, product="cup")], "weld-07", "cup", B),
        ([given(A, "weld-07", "cup")], "weld-07", None, None),
    ],
)
def test_a_stations_own_goes_before_everybodys_and_a_products_before_any(
    assigned: list[Assignment], station: str, product: str | None, bundle: str | None
) -> None:
    assert active(table(*assigned).lookup(station, product)) == bundle
    assert active(table(*reversed(assigned)).lookup(station, product)) == bundle


def test_the_last_word_counts_and_remembers_the_one_before() -> None:
    serving = table(given(A), given(B), given(C)).lookup("weld-07", None)
    assert serving == Serving(given(C), B)


def test_a_repeat_changes_nothing() -> None:
    made = table(given(A), given(B))
    assert not made.apply(record(given(B)))
    assert made.lookup("weld-07", None) == Serving(given(B), A)


def test_the_same_bundle_assigned_again_is_news_but_takes_over_from_nobody() -> None:
    made = table(given(A), given(B), given(B, second=7))
    assert made.lookup("weld-07", None) == Serving(given(B, second=7), A)


def test_going_back_is_an_assignment_like_any_other() -> None:
    assert table(given(A), given(B), given(A)).lookup("weld-07", None) == Serving(given(A), B)


def test_an_empty_record_withdraws_an_assignment() -> None:
    made = table(given(A), given(B, "weld-07"))
    assert made.apply(Record(MODELS, 0, 1, b"weld-07/*", b""))
    assert active(made.lookup("weld-07", None)) == A
    assert not made.apply(Record(MODELS, 0, 2, b"weld-07/*", b""))


def test_every_bundle_in_use_is_named_the_ones_before_too() -> None:
    assert table(given(A), given(B), given(C, "weld-07")).bundles() == {A, B, C}
    assert table(given(A), given(B), given(C)).bundles() == {B, C}
    assert Assignments().bundles() == set()


@pytest.mark.parametrize(
    "bad",
    [
        record(given(A, "weld-07"), key=b"press-1/*"),
        record(given(A), key=b""),
        Record(MODELS, 0, 0, b"*/*", b"{}"),
        Record(MODELS, 0, 0, b"*/*", b'{"bundle": "../../etc", "at": "2026-01-01T00:00:00Z"}'),
        Record(MODELS, 0, 0, b"*/*", b"\xff"),
    ],
)
def test_what_is_no_assignment_is_refused_and_changes_nothing(bad: Record) -> None:
    made = table(given(B))
    with pytest.raises(Invalid) as told:
        made.apply(bad)
    assert told.value.reason is Reason.BAD_RECORD
    assert active(made.lookup("weld-07", None)) == B


def test_frames_are_prepared_for_the_last_proven_bundle_until_the_active_one_is_proven() -> None:
    made = table(given(A))
    assert made.apply(proof(A))
    made.apply(record(given(B, second=1)))
    serving = made.lookup("weld-07", None)
    assert serving is not None
    assert (serving.wanted, serving.bundles) == ((A, B), (B, A))
    assert [each.bundle for each in made.unproven()] == [B]
    assert made.apply(proof(B))
    serving = made.lookup("weld-07", None)
    assert serving is not None
    assert serving.wanted == (B, A)
    assert made.unproven() == []


def test_before_anything_is_proven_frames_are_prepared_for_what_is_assigned() -> None:
    serving = table(given(A)).lookup("weld-07", None)
    assert serving is not None
    assert serving.wanted == (A,)


def test_a_proof_may_come_before_its_assignment_and_be_taken_back() -> None:
    made = Assignments()
    assert made.apply(proof(A))
    made.apply(record(given(B)))
    assert made.bundles() == {A, B}
    assert made.apply(Record(MODELS, 0, 0, proof(A).key, b""))
    assert made.bundles() == {B}


def test_a_proof_said_again_changes_nothing_and_one_under_another_key_is_refused() -> None:
    made = table(given(A))
    assert made.apply(proof(A))
    assert not made.apply(proof(A))
    with pytest.raises(Invalid) as refused:
        made.apply(proof(B, key=b"proven:press-1/*"))
    assert refused.value.reason is Reason.BAD_RECORD


def test_after_a_bundle_that_nobody_proved_the_next_takes_over_from_the_one_that_served() -> None:
    made = table(given(A))
    made.apply(proof(A))
    made.apply(record(given(B, second=1)))  # refused: nobody proves it
    made.apply(record(given(C, second=2)))
    serving = made.lookup("weld-07", None)
    assert serving is not None
    assert (serving.before, serving.wanted) == (A, (A, C))


def test_frames_under_way_find_the_bundle_they_were_prepared_for_when_the_next_is_proven() -> None:
    made = table(given(A))
    made.apply(proof(A))
    made.apply(record(given(B, second=1)))
    made.apply(record(given(C, second=2)))
    made.apply(proof(C))
    serving = made.lookup("weld-07", None)
    assert serving is not None
    assert serving.bundles == (C, A)
