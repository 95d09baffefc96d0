"""What scoring has to say about bundles: records for `models`, notices for people.

They go out with the results of the turn after, before its commit. Every id derives from the assignment that it is
about, and each record is the last word under its key: what replicas or restarts repeat changes nothing.
"""

from datetime import datetime
from uuid import UUID

from andon.assignments import Assignments, Serving
from andon.ids import notice_id
from andon.records import Assignment, Notice, NoticeKind, Proof, Refusal, Swap, write_event
from andon.stage import Message
from andon.topics import MODELS, NOTICES

MOST_WORDS = 600  # characters of a reason in a notice; the refusal has all of it


class News:
    """Collects; `take` hands out once."""

    def __init__(self, table: Assignments) -> None:
        self._table = table
        self._proven: dict[bytes, tuple[str, datetime]] = {}  # by whose word: one withdrawn and given again is news
        self._said: set[UUID] = set()
        self._waiting: list[Message] = []

    def take(self) -> list[Message]:
        """What is to be sent now."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def proven(self, digests: frozenset[str], now: datetime) -> None:
        """These are loaded here and passed their gate: from then on frames are prepared for them."""
        for given in self._table.unproven():
            word = given.bundle, given.at
            if given.bundle in digests and self._proven.get(given.key) != word:
                self._proven[given.key] = word
                proof = Proof(station=given.station, product=given.product, bundle=given.bundle, at=now)
                self._waiting.append(Message(MODELS, proof.key, write_event(proof)))
        for serving in self._table.all():
            self._take_back(serving, digests)

    def refused(self, digest: str, why: str, runtime: str, now: datetime) -> None:
        """An active bundle cannot serve here: told for each assignment that names it."""
        for serving in self._table.all():
            if serving.active.bundle == digest:
                self._refuse(serving, _disagreeing(serving, why, runtime), now)

    def shadow_refused(self, digest: str, why: str, now: datetime) -> None:
        """A shadow cannot be looked at here."""
        for serving in self._table.all():
            if digest in serving.active.shadows:
                sentence = f"Shadow {digest[:12]} of {_of(serving.active)} scores nothing: {why[:MOST_WORDS]}"
                self._notice(NoticeKind.SHADOW_REFUSED, serving.active, digest, sentence, now)

    def swapped(self, swap: Swap) -> None:
        """From a frame on another bundle serves."""
        self._waiting.append(Message(MODELS, swap.key, write_event(swap)))

    def serves(self, serving: Serving, now: datetime) -> None:
        """The active bundle scores: it took over, or one that was refused was named again and is not refused now."""
        sentence = f"Bundle {serving.active.bundle[:12]} serves {_of(serving.active)}."
        self._notice(NoticeKind.BUNDLE_SERVES, serving.active, serving.active.bundle, sentence, now)

    def _take_back(self, serving: Serving, loaded: frozenset[str]) -> None:
        """A bundle that was refused, then assigned anew, and now passes, is refused no longer."""
        refusal, active = serving.refused, serving.active
        if refusal is not None and active.bundle in loaded and refusal.at < active.at:
            self._waiting.append(Message(MODELS, refusal.key, b""))

    def _refuse(self, serving: Serving, why: str, now: datetime) -> None:
        active, known = serving.active, serving.refused
        if known is not None and known.at >= active.at and known.why == why:
            return
        refusal = Refusal(station=active.station, product=active.product, bundle=active.bundle, why=why, at=now)
        self._waiting.append(Message(MODELS, refusal.key, write_event(refusal)))
        fallback = "the one before serves on" if serving.bundles[1:] else "there is no other: its frames are unscorable"
        sentence = f"Bundle {active.bundle[:12]} for {_of(active)} was refused, {fallback}. {why[:MOST_WORDS]}"
        self._notice(NoticeKind.BUNDLE_REFUSED, active, active.bundle, sentence, now)

    def _notice(self, kind: NoticeKind, about: Assignment, bundle: str, sentence: str, now: datetime) -> None:
        """Once an assignment and kind, in this process; elsewhere and later it has the same id."""
        given = notice_id(kind, about.station, about.product, bundle, about.at.isoformat())
        if given in self._said:
            return
        self._said.add(given)
        notice = Notice(
            notice_id=given,
            kind=kind,
            station=about.station,
            product=about.product,
            bundle=bundle,
            sentence=sentence,
            at=now,
        )
        self._waiting.append(Message(NOTICES, about.station.encode(), write_event(notice)))


def _disagreeing(serving: Serving, why: str, runtime: str) -> str:
    if serving.proven != serving.active.bundle:
        return why
    return f"{why}; another process proved it, this one runs {runtime}"


def _of(about: Assignment) -> str:
    where = "every station" if about.station == "*" else about.station
    return f"{where}, product {about.product}" if about.product else where
