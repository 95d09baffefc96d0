"""What another threshold would have said of a bundle's live frames. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from andon.comparing.pairing import Side
from andon.comparing.table import Rows
from andon.records import Answer, Told
from andon_console.models.heard import Heard, frame_of
from andon_console.models.said import Judged, judged, people_on
from andon_console.shots import Shot

SHOWN = 12
MOST_LOST = 100


@dataclass(frozen=True, slots=True)
class Flip:
    """A frame that would be judged otherwise. `ratio` is its score against the other threshold."""

    shot: Shot
    ratio: float
    said: Told | None


@dataclass(frozen=True)
class Preview:
    """`before` and `after` count calls among `frames`. `spared` would be called no more, `called` would be called now:
    the furthest from the threshold first, SHOWN at most. `lost` are known defects that it would call no more, all of
    them (MOST_LOST at most)."""

    threshold: float
    frames: int
    before: int
    after: int
    spared_count: int
    called_count: int
    spared: tuple[Flip, ...]
    called: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    lost_count: int
    gained_count: int
    avoided: int
    new_false: int
    judged: tuple[Judged, Judged]


def previewed(heard: Heard, bundle: str, threshold: float, answers: Sequence[Answer]) -> Preview:
    """What `bundle` would have called with `threshold`, over the frames that it gave a score."""
    known = heard.side(bundle)
    side = known.at(np.flatnonzero(np.isfinite(known.scores)))
    after, before = side.scores > threshold, side.called
    spared, called = before & ~after, after & ~before
    people, told = people_on(side.ids, answers), {each.frame_id: each.answer for each in answers}
    lost = spared & people.defective

    def flips(which: Rows, most: int) -> tuple[Flip, ...]:
        return _flips(heard, side, which, threshold, told, most)

    return Preview(
        threshold=threshold,
        frames=len(side),
        before=int(before.sum()),
        after=int(after.sum()),
        spared_count=int(spared.sum()),
        called_count=int(called.sum()),
        spared=flips(np.flatnonzero(spared), SHOWN),
        called=flips(np.flatnonzero(called), SHOWN),
        lost=flips(np.flatnonzero(lost), MOST_LOST),
        lost_count=int(lost.sum()),
        gained_count=int((called & people.defective).sum()),
        avoided=int((spared & people.sound).sum()),
        new_false=int((called & people.sound).sum()),
        judged=(judged(before, people), judged(after, people)),
    )


def _flips(
    heard: Heard, side: Side, places: Rows, threshold: float, told: dict[UUID, Told], most: int
) -> tuple[Flip, ...]:
    worst = places[np.argsort(-np.abs(side.scores[places] - threshold), kind="stable")[:most]]
    live = heard.live_rows(side.ids[worst])
    found = []
    for at in worst.tolist():
        key = bytes(side.ids[at])
        ratio = float(side.scores[at]) / threshold if threshold else float("nan")
        found.append(Flip(heard.shot(int(side.rows[at]), live.get(key)), ratio, told.get(frame_of(key))))
    return tuple(found)
