"""What people said of frames, and what it makes of two judges: false calls among good parts, escapes among bad ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from andon.comparing.pairing import Pairing
from andon.comparing.table import Ids
from andon.errors import Invalid
from andon.rates.intervals import Rate, rate
from andon.records import DEFECTIVE, SOUND, Answer, Told, read_event
from andon.stage import Record


@dataclass(frozen=True)
class Answers:
    """The last answer on each frame of a station; `refused` counts records that are no answer."""

    by_frame: Mapping[UUID, Told]
    refused: int = 0

    def which(self, ids: Ids, *wanted: Told) -> NDArray[np.bool_]:
        """For each of `ids`, whether the answer on it is one of `wanted`."""
        chosen = np.array([frame.bytes for frame, said in self.by_frame.items() if said in wanted], ids.dtype)
        return np.isin(ids, chosen)


@dataclass(frozen=True)
class Judge:
    """One bundle against people's answers: good parts it calls, bad parts it lets pass. None: no such answers."""

    false_calls: Rate | None
    escapes: Rate | None


def read_answers(station: str, records: Iterable[Record]) -> Answers:
    """The answers on frames of `station`. What is no answer is counted and passed over."""
    found: dict[UUID, Told] = {}
    refused, key = 0, station.encode()
    for record in records:
        if record.key != key:
            continue
        try:
            answer = read_event(Answer, record.value)
        except Invalid:
            refused += 1
            continue
        if answer.station == station:
            found[answer.frame_id] = answer.answer
    found = {frame: said for frame, said in found.items() if said is not Told.WITHDRAWN}
    return Answers(found, refused)


def judges(pairing: Pairing, answers: Answers) -> tuple[Judge, Judge]:
    """Both judges against people's answers, over the frames that both scored."""
    both = pairing.both
    good = answers.which(pairing.first.ids, *SOUND)[both]
    defective = answers.which(pairing.first.ids, *DEFECTIVE)[both]
    return judge(pairing.first.called[both], good, defective), judge(pairing.second.called[both], good, defective)


def judge(called: NDArray[np.bool_], good: NDArray[np.bool_], defective: NDArray[np.bool_]) -> Judge:
    """Over the same frames, bool [n] each: which were called anomalous, and which people say are good or defective."""
    return Judge(_rate(called[good]), _rate(~called[defective]))


def _rate(which: NDArray[np.bool_]) -> Rate | None:
    return rate(int(which.sum()), len(which)) if len(which) else None
