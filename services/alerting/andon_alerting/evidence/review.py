"""Reviewing: the frames that people answered are kept with what was said, in `reviewed/` of the evidence store."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from uuid import UUID

import structlog

from andon.evidence import Lost
from andon.folder import Folder
from andon.ids import drill_of
from andon.records import Answer, Told
from andon.reviewed import Reviewed, remove, reviewed_of, rewrite_answer, unfinished, write_reviewed
from andon.stage import Record
from andon_alerting.evidence.copying import Copying, Job
from andon_alerting.evidence.elsewhere import Elsewhere
from andon_alerting.evidence.fetch import Found
from andon_alerting.evidence.prove import Blobs, Unkept, answered_image, heat_map, score_of
from andon_alerting.evidence.shelf import told_away


class Became(StrEnum):
    """What became of the frame that an answer is about, where it was not lost."""

    KEPT = "kept"  # its image is kept, with what was said
    ANSWERED_AGAIN = "answered_again"  # it was kept before, and what was said of it is rewritten
    WITHDRAWN = "withdrawn"  # it is taken out: the answer was taken back
    KNOWN = "known"  # the answer came before, or is older than another: nothing is changed


Outcome = Became | Lost
Done = tuple[Answer, Outcome]


class Step(StrEnum):
    """What an answer asks for."""

    NOTHING = "nothing"
    FETCH = "fetch"
    REWRITE = "rewrite"
    REMOVE = "remove"


def step(known: Reviewed | None, answer: Answer) -> Step:
    """What is to be done, given what is kept of its frame: the last word counts, by its time. A withdrawal that comes
    again is done again: it may have been cut short."""
    if known is not None and known.answer.at > answer.at:
        return Step.NOTHING
    if answer.answer is Told.WITHDRAWN:
        return Step.REMOVE
    if known is None or known.withdrawn:
        return Step.FETCH
    return Step.NOTHING if known.answer == answer else Step.REWRITE


class Reviewing:
    """Does the work of a turn, as `Keeper` does for incidents. Raises StoreAway when a store fails."""

    def __init__(
        self, store: Folder, copying: Copying, blobs: Blobs, elsewhere: Elsewhere, pool: ThreadPoolExecutor
    ) -> None:
        self._store = store
        self._copying = copying
        self._blobs = blobs
        self._elsewhere = elsewhere
        self._pool = pool

    def keep(self, answers: Sequence[Answer]) -> list[Outcome]:
        """Keeps what `answers` say; what became of each frame they are about. Raises Broken when Kafka is silent."""
        rehearsed: list[Done] = [(each, Lost.REHEARSAL) for each in answers if drill_of(each.station) is not None]
        words = last_words(each for each in answers if drill_of(each.station) is None)
        begun = list(zip(words, self._pool.map(self._begun, words), strict=True))
        done: list[Done] = [(answer, became) for answer, became in begun if became is not None]
        done += self._fetched([answer for answer, became in begun if became is None])
        _tell(done)
        return [outcome for _, outcome in (*rehearsed, *done)]

    def _begun(self, answer: Answer) -> Became | None:
        """Does what needs no image; None where one must be fetched. Runs in the pool."""
        with told_away():
            known = reviewed_of(self._store, answer.station, answer.frame_id)
            what = step(known, answer)
            if what is Step.REMOVE:
                remove(self._store, answer)
                return Became.KNOWN if known is not None and known.answer == answer else Became.WITHDRAWN
            if what is Step.REWRITE and known is not None:
                rewrite_answer(self._store, known, answer)
                return Became.ANSWERED_AGAIN
            return None if what is Step.FETCH else Became.KNOWN

    def _fetched(self, answers: Sequence[Answer]) -> Iterable[Done]:
        """From Kafka; and where that has forgotten, from what an incident shows."""
        jobs = [Job(each.frame, each.scored, partial(self._one, each)) for each in answers]
        done = list(self._copying(jobs))
        incidents = self._elsewhere({answer.frame_id for answer, outcome in done if outcome in ELSEWHERE})
        return self._pool.map(partial(self._mended, incidents), done)

    def _mended(self, incidents: Mapping[UUID, str], done: Done) -> Done:
        """What was lost is taken from the incident that shows it, if one does; runs in the pool."""
        answer, outcome = done
        incident = incidents.get(answer.frame_id)
        found = self._elsewhere.read(incident, answer.frame_id) if incident else None
        return self._write(answer, *found) if found else (answer, outcome)

    def _one(self, answer: Answer, found: Found, scored: Record | None) -> Done:
        """Keeps one frame; runs in the pool."""
        score = score_of(scored, answer)
        try:
            image = answered_image(answer, found, score, self._blobs)
        except Unkept as unkept:
            return answer, self._unfinished(answer) or unkept.why
        text = scored.value if scored is not None and score is not None else b""
        return self._write(answer, image, heat_map(score), text)

    def _unfinished(self, answer: Answer) -> Became | None:
        """We were stopped after its image was written, and before its answer was."""
        with told_away():
            return Became.KEPT if unfinished(self._store, answer) else None

    def _write(self, answer: Answer, image: bytes, heat: bytes, score: bytes) -> Done:
        with told_away():
            write_reviewed(self._store, answer, image, heat, score)
        return answer, Became.KEPT


ELSEWHERE = frozenset({Lost.EXPIRED, Lost.NO_TOPIC, Lost.OTHER_FRAME, Lost.MISSING_DATA, Lost.NO_PLACE})
"""Losses that kept evidence may make good."""


def last_words(answers: Iterable[Answer]) -> list[Answer]:
    """The last answer on each frame by its time; of two of one time, the one that came later."""
    last: dict[tuple[str, UUID], Answer] = {}
    for each in answers:
        before = last.get((each.station, each.frame_id))
        if before is None or before.at <= each.at:
            last[each.station, each.frame_id] = each
    return list(last.values())


def _tell(done: Sequence[Done]) -> None:
    """One line in the log for a turn, a warning where frames were lost."""
    lost = [(answer, why) for answer, why in done if isinstance(why, Lost) and why is not Lost.REHEARSAL]
    kept = sum(outcome is Became.KEPT for _, outcome in done)
    if lost:
        structlog.get_logger().warning(
            "reviewed_frames_lost",
            frames=len(lost),
            why=sorted({why.value for _, why in lost}),
            stations=sorted({answer.station for answer, _ in lost})[:10],
            next="they are counted all the same; their images cannot be exported or learned from",
        )
    if kept:
        structlog.get_logger().info("reviewed_frames_kept", frames=kept)
