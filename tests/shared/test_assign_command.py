"""`andon assign`, `rollback`, `shadow`, `promote`, `assignments`: what they write to `models`, and what they tell."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from andon.bundle import Bundle, BundleError, write_bundle
from andon.errors import Broken, Invalid, Mistake
from andon.preparation import Box, Preparation
from andon.records import Assignment, FramePlace, Past, Swap
from andon.testing.models import proven_bundle, tiny_model

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
A, B, C = (proven_bundle(threshold=level) for level in (100.0, 110.0, 120.0))
Line = Any


@pytest.fixture
def line(small_line: Line) -> Line:
    small_line.proves()
    for bundle in (A, B, C):
        small_line.put(bundle)
    return small_line


def test_a_bundle_is_assigned_by_its_first_digits_and_proven_by_scoring(line: Line) -> None:
    told = line.run("assign", "weld-07", A.digest[:6], "--why", "new lighting")
    assert told.exit_code == 0
    given = line.assigned("weld-07")
    assert (given.bundle, given.why, given.state) == (A.digest, "new lighting", "serving")
    assert given.by
    assert f"weld-07: {A.digest[:12]} is assigned" in told.stderr
    assert "scoring has proven it" in told.stderr


def test_a_file_is_put_into_the_store_first(line: Line, tmp_path: Path) -> None:
    new = proven_bundle(threshold=90.0)
    write_bundle(new, tmp_path / "weld.andon")
    assert line.run("assign", "weld-07", str(tmp_path / "weld.andon")).exit_code == 0
    assert line.assigned("weld-07").bundle == line.store.get(new.digest).digest


def test_a_bundle_that_the_store_does_not_hold_is_refused_and_nothing_written(line: Line) -> None:
    told = line.run("assign", "weld-07", "0" * 64)
    assert isinstance(told.exception, BundleError)
    assert "does not hold it" in str(told.exception)
    assert line.kafka.records("models") == []


def test_a_beginning_that_is_nearly_right_says_which_may_be_meant(line: Line) -> None:
    typed = A.digest[:7] + ("0" if A.digest[7] != "0" else "1")
    told = line.run("assign", "weld-07", typed)
    assert f"did you mean {A.digest[:16]}?" in str(told.exception)


def test_it_says_whom_it_takes_over_from_and_remembers_the_past(line: Line) -> None:
    line.run("assign", "weld-07", A.digest, "--why", "the first")
    told = line.run("assign", "weld-07", B.digest)
    assert f"it takes over from {A.digest[:12]} (assigned" in told.stderr
    assert "the first)" in told.stderr
    assert [each.bundle for each in line.assigned("weld-07").past] == [A.digest]


def test_a_first_bundle_of_a_station_says_that_everybodys_served_it_until_now(line: Line) -> None:
    line.run("assign", "*", A.digest)
    told = line.run("assign", "weld-07", B.digest)
    assert f"until now every station's bundle {A.digest[:12]} served it" in told.stderr
    assert line.assigned("weld-07").past == ()


def test_a_refused_bundle_is_exit_status_1_with_the_reason_and_what_serves_on(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    line.refuses("score of good-1.png is 5, not 10")
    told = line.run("assign", "weld-07", B.digest, "--json")
    assert told.exit_code == 1
    assert "score of good-1.png is 5, not 10" in told.stderr
    assert f"{A.digest[:12]} serves on" in told.stderr
    record = json.loads(told.stdout)
    assert (record["state"], record["why"], record["before"]) == (
        "refused",
        "score of good-1.png is 5, not 10",
        A.digest,
    )


def test_scoring_that_says_nothing_is_told_and_no_failure(line: Line) -> None:
    line.says = lambda given: None
    told = line.run("assign", "weld-07", A.digest, "--wait", "0.1")
    assert told.exit_code == 0
    assert "no scoring process has said anything" in told.stderr
    assert json.loads(line.run("assign", "weld-07", B.digest, "--wait", "0", "--json").stdout)["state"] == "waiting"


def test_a_word_about_another_bundle_or_station_is_no_answer(line: Line) -> None:
    line.says = lambda given: Assignment(station="press-1", bundle=C.digest, at=AT)
    assert "no scoring process" in line.run("assign", "weld-07", A.digest, "--wait", "0.1").stderr


def test_somebody_who_assigns_another_meanwhile_is_told(line: Line) -> None:
    line.says = lambda given: Assignment(station="weld-07", bundle=C.digest, by="bo", at=AT)
    told = line.run("assign", "weld-07", A.digest, "--wait", "5")
    assert told.exit_code == 1
    assert f"somebody was quicker: {C.digest[:12]} is assigned there now" in told.stderr


def test_the_last_word_wins_unless_somebody_expected_another(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    line.run("assign", "weld-07", B.digest)
    told = line.run("assign", "weld-07", C.digest, "--expect", A.digest)
    assert isinstance(told.exception, Mistake)
    assert f"it is {B.digest[:12]}" in str(told.exception)
    assert line.assigned("weld-07").bundle == B.digest
    assert line.run("assign", "weld-07", C.digest, "--expect", B.digest[:8]).exit_code == 0


def test_a_product_has_an_assignment_of_its_own(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    line.run("assign", "weld-07", B.digest, "--product", "cup")
    assert line.assigned("weld-07").bundle == A.digest
    assert (line.assigned("weld-07", "cup").bundle, line.assigned("weld-07", "cup").past) == (B.digest, ())


@pytest.mark.parametrize(
    ("bundle", "words", "doubt"),
    [
        (proven_bundle(product="cup"), (), "it was made for product 'cup', and will judge every product"),
        (proven_bundle(product="cup"), ("--product", "plate"), "'cup', and is assigned for product 'plate'"),
        (
            proven_bundle(preparation=Preparation(width=8, height=8, channels=3), model=tiny_model((8, 8, 3))),
            (),
            "it takes 3 channels, what serves now takes 1",
        ),
        (
            proven_bundle(
                preparation=Preparation(width=8, height=8, channels=1, crop=Box(x=1, y=2, width=30, height=20))
            ),
            (),
            "it looks at 30x20 pixels at (1, 2), what serves now at the whole image",
        ),
    ],
)
def test_a_bundle_that_looks_wrong_for_the_station_is_warned_of(
    line: Line, bundle: Bundle, words: tuple[str, ...], doubt: str
) -> None:
    line.run("assign", "weld-07", A.digest)
    told = line.run("assign", "weld-07", line.put(bundle), *words)
    assert told.exit_code == 0
    assert told.stderr.startswith("warning: it ")
    assert doubt in told.stderr


def test_nothing_is_warned_of_where_all_is_right(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    right = line.put(proven_bundle(product="cup"))
    assert "warning" not in line.run("assign", "weld-07", right, "--product", "cup").stderr


def test_shadows_are_kept_named_anew_or_dropped(line: Line) -> None:
    line.run("assign", "weld-07", A.digest, "--shadow", B.digest[:8], "--shadow", C.digest)
    assert line.assigned("weld-07").shadows == (B.digest, C.digest)
    line.run("assign", "weld-07", B.digest)
    assert line.assigned("weld-07").shadows == (C.digest,)
    line.run("assign", "weld-07", B.digest, "--drop-shadows")
    assert line.assigned("weld-07").shadows == ()
    told = line.run("assign", "weld-07", A.digest, "--shadow", A.digest)
    assert "its own shadow" in str(told.exception)


def test_names_that_cannot_be_are_told_before_anything_is_asked(line: Line) -> None:
    line.down = True
    assert isinstance(line.run("assign", "Weld 07", A.digest).exception, Invalid)
    assert isinstance(line.run("assign", "weld-07", A.digest, "--product", "cup\n").exception, Invalid)
    assert isinstance(line.run("assign", "weld-07", A.digest).exception, Broken)


def test_a_rollback_says_where_it_goes_and_what_it_leaves(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    line.run("assign", "weld-07", B.digest)
    told = line.run("rollback", "weld-07", "--why", "calls everything")
    assert told.exit_code == 0
    assert f"back to {A.digest[:12]} (assigned" in told.stderr
    assert f"it leaves {B.digest[:12]}" in told.stderr
    assert (line.assigned("weld-07").bundle, line.assigned("weld-07").past) == (A.digest, ())
    assert "first bundle it ever had" in str(line.run("rollback", "weld-07").exception)


def test_a_rollback_to_what_the_store_no_longer_holds_is_refused(line: Line) -> None:
    gone = Past(bundle="0" * 64, at=AT)
    line.write(Assignment(station="weld-07", bundle=A.digest, past=(gone,), at=AT))
    assert "does not hold it" in str(line.run("rollback", "weld-07").exception)
    assert line.assigned("weld-07").bundle == A.digest


def test_going_back_to_a_bundle_that_is_still_proven_needs_no_answer(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    line.says = lambda given: None
    line.run("assign", "weld-07", B.digest, "--wait", "0")
    assert json.loads(line.run("rollback", "weld-07", "--json").stdout)["state"] == "proven"


def test_a_shadow_with_a_trial_is_promoted_with_a_probation(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    told = line.run("shadow", "weld-07", B.digest, "--promote-after", "5000", "--budget", "2 per 1000")
    assert f"{B.digest[:12]} shadows {A.digest[:12]}" in told.stderr
    assert "for 5000 frames, at most 2 per 1000" in told.stderr
    promotion = line.assigned("weld-07").promotion
    assert (promotion.frames, promotion.budget) == (5000, 0.002)
    told = line.run("promote", "weld-07", "--probation", "100", "--budget", "1%")
    given = line.assigned("weld-07")
    assert (given.bundle, given.shadows, given.promotion) == (B.digest, (A.digest,), None)
    assert (given.probation.frames, given.probation.budget) == (100, 0.01)
    assert f"{A.digest[:12]} shadows it for 100 frames" in told.stderr


def test_half_a_trial_is_a_mistake(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    for words in (("--promote-after", "5"), ("--budget", "1%")):
        assert "needs both" in str(line.run("shadow", "weld-07", B.digest, *words).exception)


def test_a_shadow_is_taken_away_though_the_store_has_it_no_more(line: Line) -> None:
    line.write(Assignment(station="weld-07", bundle=A.digest, shadows=("0" * 64, B.digest), at=AT))
    told = line.run("shadow", "weld-07", "000000", "--remove")
    assert "000000000000 is a shadow no more" in told.stderr
    assert line.assigned("weld-07").shadows == (B.digest,)


def test_which_shadow_is_promoted_must_be_said_where_there_are_several(line: Line) -> None:
    line.run("assign", "weld-07", A.digest, "--shadow", B.digest, "--shadow", C.digest)
    assert "which shadow? There are 2" in str(line.run("promote", "weld-07").exception)
    assert line.run("promote", "weld-07", C.digest[:6]).exit_code == 0
    assert (line.assigned("weld-07").bundle, line.assigned("weld-07").shadows) == (C.digest, (B.digest,))
    assert "not a shadow" in str(line.run("promote", "weld-07", A.digest).exception)


def test_assignments_show_what_became_of_each(line: Line) -> None:
    line.run("assign", "weld-07", A.digest, "--shadow", C.digest)
    line.write(
        Swap(station="weld-07", bundle=A.digest, frame=FramePlace(topic="camera.frames", partition=3, offset=77), at=AT)
    )
    line.refuses("fails its gate")
    line.run("assign", "press-1", B.digest, "--why", "try it")
    shown = line.run("assignments").stdout
    assert "camera.frames/3/77" in shown
    assert "refused: fails its gate" in shown
    assert "try it" in shown
    press, weld = json.loads(line.run("assignments", "--json").stdout)
    assert (press["station"], press["proven"], press["refused"]) == ("press-1", False, "fails its gate")
    assert (weld["proven"], weld["serves"], weld["shadows"]) == (True, A.digest, [C.digest])
    assert weld["swap"]["frame"] == {"topic": "camera.frames", "partition": 3, "offset": 77}


def test_a_refused_bundle_that_is_withdrawn_is_refused_no_more(line: Line) -> None:
    line.run("assign", "weld-07", A.digest)
    line.refuses()
    line.run("assign", "weld-07", B.digest)
    line.proves()
    line.run("rollback", "weld-07")
    (weld,) = json.loads(line.run("assignments", "--json").stdout)
    assert (weld["bundle"], weld["refused"], weld["proven"]) == (A.digest, None, True)


def test_no_assignments_is_said(line: Line) -> None:
    assert "nothing is assigned yet" in line.run("assignments").stderr
