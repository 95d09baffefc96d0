"""A frame that was a dead letter for days says nothing of how the station looks today."""

from collections.abc import Callable, Sequence

from andon.records import FramePlace, Score
from andon_drift.detect import Why, decide
from andon_drift.limits import Limits
from andon_drift.settings import FaultSettings
from andon_drift.state import Seen, State

Scores = Callable[..., Sequence[Score]]
RULES = FaultSettings(k=3, n=5, clear_after=4, frozen_after=4, frozen_s=2)
PLACE = FramePlace(topic="scores", partition=0, offset=7)


def decided(scores: Sequence[Score], limits: Limits) -> tuple[State, list[Why]]:
    state, why = State("weld-07"), []
    for score in scores:
        step = decide(state, Seen(score, PLACE), limits, RULES)
        state = step.state
        why += [each.why for each in step.decisions]
    return state, why


def test_dark_pictures_that_were_sent_again_are_no_fault_of_today(scores: Scores, limits: Limits):
    assert Why.K_OF_N_REACHED in decided(scores("ddddd"), limits)[1], "in their time they were"
    state, why = decided(scores("ddddd", replayed=True), limits)
    assert (state, set(why)) == (State("weld-07"), {Why.STALE})


def test_the_same_old_picture_sent_again_and_again_is_no_frozen_camera(scores: Scores, limits: Limits):
    assert Why.FROZEN in decided(scores("o=====", epoch=1), limits)[1], "in its time it was"
    again = [each.model_copy(update={"replayed": True}) for each in scores("o=====")]
    assert set(decided(again, limits)[1]) == {Why.STALE}
