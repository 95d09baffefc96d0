"""What events say of evidence: the dossier, the frames it lacks, and what may go."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.evidence import Dossier, KeptFrame, Lost, LostFrame, extension
from andon.records import Cause, Evidence, FramePlace, IncidentEvent, IncidentKind, Severity
from andon_alerting.evidence.story import lacking, told, too_old, with_frames
from andon_alerting.evidence.tidy import Bounds, Kept, Leaves, choose, may_go

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SPACE = UUID(int=7)
DAY = timedelta(days=1)
BOUNDS = Bounds(max_age=90 * DAY, max_bytes=100, drill_age=DAY)
OPENED, UPDATED, RESOLVED = IncidentKind.OPENED, IncidentKind.UPDATED, IncidentKind.RESOLVED
ACKNOWLEDGED, PAGED = IncidentKind.ACKNOWLEDGED, IncidentKind.PAGED


def frame(number: int) -> Evidence:
    place = FramePlace(topic="camera.frames", partition=0, offset=number)
    return Evidence(frame_id=uuid5(SPACE, str(number)), frame=place, captured_at=NOW)


def kept(number: int) -> KeptFrame:
    return KeptFrame(frame_id=frame(number).frame_id, name=f"{number}.jpg", size=10, sha256="0" * 64, heat=2, score=1)


def event(kind: IncidentKind, at: int = 0, shown: Sequence[int] = (), **other: object) -> IncidentEvent:
    fields: dict[str, object] = {
        "event_id": SPACE,
        "incident_id": SPACE,
        "kind": kind,
        "station": "weld-07",
        "cause": Cause.DEFECT_SURGE,
        "severity": Severity.CRITICAL,
        "reason": "test",
        "at": NOW + timedelta(seconds=at),
        "opened_at": NOW,
        "summary": f"{kind} at {at}",
        "evidence": tuple(frame(each) for each in shown),
    }
    return IncidentEvent.model_validate(fields | other)


def after(*events: IncidentEvent) -> Dossier | None:
    dossier = None
    for each in events:
        dossier = told(dossier, each)
    return dossier


@pytest.mark.parametrize("kind", [OPENED, UPDATED, RESOLVED])
def test_the_first_turn_that_shows_something_begins_a_dossier(kind: IncidentKind):
    assert after(event(kind, shown=[1])) == Dossier(sentence=f"{kind} at 0", turn=event(kind, shown=[1]))


def test_an_incident_that_shows_nothing_has_no_evidence_to_keep():
    assert after(event(OPENED), event(PAGED, 1), event(ACKNOWLEDGED, 2), event(RESOLVED, 3)) is None


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ([event(OPENED, 0, [1]), event(UPDATED, 5)], UPDATED),
        ([event(OPENED, 0, [1]), event(UPDATED, 5), event(RESOLVED, 9)], RESOLVED),
        ([event(OPENED, 0, [1]), event(RESOLVED, 0)], RESOLVED),  # at the same moment
        ([event(OPENED, 0, [1]), event(UPDATED, 5), event(UPDATED, 2)], UPDATED),  # an older one
        ([event(OPENED, 0, [1]), event(RESOLVED, 9), event(UPDATED, 99)], RESOLVED),  # over is over
        ([event(OPENED, 0, [1]), event(RESOLVED, 9), event(OPENED, 0, [1])], RESOLVED),  # said again
        ([event(OPENED, 0, [1]), event(PAGED, 9)], OPENED),  # nothing about the parts
    ],
)
def test_a_dossier_holds_the_last_turn_and_how_it_began(events: list[IncidentEvent], last: IncidentKind):
    dossier = after(*events)
    assert dossier is not None
    assert (dossier.turn.kind, dossier.sentence) == (last, "opened at 0")


def test_the_first_who_took_it_on_is_named():
    dossier = after(event(OPENED, 0, [1]), event(ACKNOWLEDGED, 3, by="mira"), event(ACKNOWLEDGED, 4, by="jo"))
    assert dossier is not None
    assert (dossier.acknowledged_by, dossier.acknowledged_at) == ("mira", NOW + timedelta(seconds=3))
    assert dossier.turn.kind is OPENED


def test_only_frames_of_which_nothing_is_known_are_asked_for():
    dossier = after(event(OPENED, 0, [1, 2, 3]))
    assert dossier is not None
    lost = LostFrame(frame_id=frame(2).frame_id, frame=frame(2).frame, why=Lost.EXPIRED)
    dossier = with_frames(dossier, [kept(1), lost])
    assert lacking(dossier, event(UPDATED, 1, [1, 2, 3, 4, 4])) == [frame(3), frame(4)]
    assert lacking(dossier, event(PAGED, 1, [5])) == []
    assert with_frames(dossier, [kept(1), kept(2)]) == dossier
    assert dossier.size == 13


@pytest.mark.parametrize(
    ("days", "drill", "old"), [(89, False, False), (91, False, True), (0.9, True, False), (1.1, True, True)]
)
def test_what_would_go_at_once_is_not_kept(days: float, drill: bool, old: bool):
    assert too_old(timedelta(days=days), event(OPENED, drill=drill), 90 * DAY, DAY) is old


@pytest.mark.parametrize(
    ("image", "name"),
    [(b"\xff\xd8\xff\xe0..", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"\x93NUMPY", "npy"), (b"", "bin")],
)
def test_a_file_ends_as_its_bytes_begin(image: bytes, name: str):
    assert extension(image) == name


def lying(name: str, days: float | None, size: int = 40, **other: object) -> Kept:
    at = None if days is None else NOW - timedelta(days=days)
    return Kept(name, size, at, **{"over": True, **other})  # type: ignore[arg-type]


LABELLED = {frame(1).frame_id}
ANSWERED = frozenset(LABELLED)


@pytest.mark.parametrize(
    ("there", "leaves", "held"),
    [
        ([lying("a", 3), lying("b", 2)], {}, 0),  # it fits
        ([lying("a", 91), lying("b", 2)], {"a": Leaves.TOO_OLD}, 0),
        ([lying("b", 2), lying("a", 3), lying("c", 1)], {"a": Leaves.TOO_MUCH}, 0),  # the oldest
        ([lying("a", 3, 90), lying("b", 2), lying("c", 1, 90)], {"a": Leaves.TOO_MUCH, "b": Leaves.TOO_MUCH}, 0),
        ([lying("a", 99, over=False), lying("b", 2), lying("c", 1)], {"b": Leaves.TOO_MUCH}, 40),  # a is open
        ([lying("a", 99, frames=ANSWERED), lying("b", 2), lying("c", 1)], {"b": Leaves.TOO_MUCH}, 40),
        ([lying("a", 9, 101, over=False)], {}, 101),  # what may not go is too much
        ([lying("a", 1.1, drill=True), lying("b", 0.9, drill=True)], {"a": Leaves.DRILL_OVER}, 0),
        ([lying("a", 1.1, drill=True, over=False)], {"a": Leaves.DRILL_OVER}, 0),  # that nobody ended
        ([lying("a", 9, drill=True, frames=ANSWERED)], {}, 40),
        ([lying("a", 91, over=False, abandoned=True)], {"a": Leaves.ABANDONED}, 0),
        ([lying("a", 3, 200, over=False, abandoned=True)], {}, 0),  # perhaps it is being written
        ([lying("a", None, 200, over=False, abandoned=True)], {}, 0),
    ],
)
def test_what_goes_is_the_oldest_of_what_is_over_and_nobody_answered(
    there: list[Kept], leaves: dict[str, Leaves], held: int
):
    choice = choose(there, LABELLED, BOUNDS, NOW)
    assert {each.incident: why for each, why in choice.leaving} == leaves
    assert choice.held == held
    assert choice.stays == sum(each.size for each in there if each.incident not in leaves)


LYING = st.builds(
    lambda number, days, size, over, drill, answered: lying(
        str(number), days, size, over=over, drill=drill, frames=ANSWERED if answered else frozenset()
    ),
    *(st.integers(), st.floats(0, 120), st.integers(0, 90), st.booleans(), st.booleans(), st.booleans()),
)


@given(st.lists(LYING, max_size=12, unique_by=lambda each: each.incident))
def test_nothing_that_must_stay_ever_goes_and_the_rest_fits(there: list[Kept]):
    choice = choose(there, LABELLED, BOUNDS, NOW)
    leaving = [each for each, _ in choice.leaving]
    assert len({each.incident for each in leaving}) == len(leaving)
    assert [each for each in leaving if each.frames or not (each.over or each.drill)] == []
    stays = [each for each in there if each not in leaving]
    assert choice.stays == sum(each.size for each in stays)
    assert choice.stays <= BOUNDS.max_bytes or [each for each in stays if each.over and may_go(each, LABELLED)] == []
