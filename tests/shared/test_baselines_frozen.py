"""What stations have learned, inside a bundle."""

import pytest

from andon.bundle import MAX_JSON_BYTES, MODEL, REFERENCE, bundle_bytes, parse_bundle
from andon.errors import Mistake
from andon.freezing import frozen
from andon.testing.baselines import UNTIL, small_baseline, watched
from andon.testing.models import proven_bundle

BEFORE = proven_bundle()
LEARNED = small_baseline(bundle=BEFORE.digest)


def test_the_reference_travels_and_everything_else_is_the_same_bytes():
    after = frozen(BEFORE, [LEARNED], UNTIL)
    assert parse_bundle(bundle_bytes(after), digest=after.digest).reference.baselines == (LEARNED,)
    changed = {name for name in after.members if after.members[name] != BEFORE.members.get(name)}
    assert changed == {REFERENCE, "bundle.json"}
    assert after.members[MODEL] == BEFORE.members[MODEL]
    assert after.created_at == UNTIL


def test_it_says_which_bundle_it_was_learned_under():
    after = frozen(BEFORE, [LEARNED])
    assert after.digest != BEFORE.digest
    assert after.manifest.provenance.frozen_from == BEFORE.digest
    kept = after.manifest.model_dump(exclude={"members", "provenance"})
    assert kept == BEFORE.manifest.model_dump(exclude={"members", "provenance"})


def test_what_other_stations_and_products_froze_into_it_before_stays():
    other = small_baseline("weld-08", bundle=BEFORE.digest)
    cup = small_baseline(product="cup", bundle=BEFORE.digest)
    once = frozen(BEFORE, [other, cup, LEARNED])
    again = small_baseline(bundle=once.digest, frames=20_000)
    found = frozen(once, [again]).reference.baselines
    assert found == (again, cup, other)


def test_what_was_learned_under_another_bundle_is_refused():
    with pytest.raises(Mistake, match=f"learned under bundle cdcdcdcdcdcd, not {BEFORE.digest[:12]}"):
        frozen(BEFORE, [small_baseline(bundle="cd" * 32)])


def test_a_reference_that_no_bundle_could_hold_is_refused_before_it_is_written():
    large = {f"reading_{n}": watched() for n in range(MAX_JSON_BYTES // 200)}
    with pytest.raises(Mistake, match="a bundle holds at most"):
        frozen(BEFORE, [small_baseline(bundle=BEFORE.digest, watched=large)])


def test_the_same_reference_makes_the_same_bundle_on_any_day():
    assert frozen(BEFORE, [LEARNED], UNTIL).digest == frozen(BEFORE, [LEARNED]).digest


def test_it_has_the_golden_frames_of_the_one_before():
    after = frozen(BEFORE, [LEARNED])
    assert after.manifest.golden == BEFORE.manifest.golden
    assert [after.golden_image(each) for each in after.manifest.golden] == [
        BEFORE.golden_image(each) for each in BEFORE.manifest.golden
    ]
