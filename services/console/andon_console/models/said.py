"""What people said of some frames, beside what bundles say of them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon.comparing.table import Ids
from andon.rates.intervals import Rate, rate
from andon.records import Answer, Told
from andon.records.answer import DEFECTIVE, SOUND
from andon_console.models.heard import key_of

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class People:
    """For n frames: which people called defective, and which sound."""

    defective: Bools
    sound: Bools


@dataclass(frozen=True)
class Judged:
    """One bundle over frames that people have judged. None where there are no such frames."""

    found: Rate | None
    false_calls: Rate | None


def people_on(ids: Ids, answers: Iterable[Answer]) -> People:
    """What `answers` say of the frames `ids`, in their order."""
    told = {key_of(each.frame_id): each.answer for each in answers if each.answer in DEFECTIVE | SOUND}
    if not told:
        return People(np.zeros(len(ids), bool), np.zeros(len(ids), bool))
    said = [told.get(bytes(each)) for each in ids]
    return People(_which(said, DEFECTIVE), _which(said, SOUND))


def judged(called: Bools, people: People) -> Judged:
    """How a bundle that calls `called` anomalous stands against people."""
    return Judged(_share(called, people.defective), _share(called, people.sound))


def _which(said: Sequence[Told | None], kinds: frozenset[Told]) -> Bools:
    return np.array([each in kinds for each in said], bool)


def _share(called: Bools, of: Bools) -> Rate | None:
    count = int(of.sum())
    return rate(int((called & of).sum()), count) if count else None
