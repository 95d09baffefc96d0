"""The ledger of a line, read from its topics: what was captured, and what became of each frame.

It balances when every captured frame ended exactly one way: scored, or a dead letter. What ingest skipped never
became a frame; its own summary and the frames' `ce_skipped` tell of that.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from andon.errors import Invalid
from andon.ids import foreign_frame_id
from andon.records import Score, read_event, read_frame
from andon.stage import Record

Capture = tuple[str, int]


@dataclass
class Ledger:
    """Feed it the records of the frame topics, of `scores` and of `dead-letters`, in their order; repeats are counted.

    `captured`, `scores` and `dead` are by frame id; `scores` and the reasons in `dead` hold every repeat.
    """

    captured: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    scores: dict[UUID, list[Score]] = field(default_factory=lambda: defaultdict(list))
    dead: dict[UUID, list[str]] = field(default_factory=lambda: defaultdict(list))
    seqs: dict[Capture, set[int]] = field(default_factory=lambda: defaultdict(set))

    def frame(self, record: Record) -> None:
        """Takes in a record of a frame topic."""
        self.captured[self._identify(record)] += 1

    def score(self, record: Record) -> None:
        """Takes in a record of `scores`."""
        score = read_event(Score, record.value)
        self.scores[score.frame_id].append(score)

    def dead_letter(self, letter: Record) -> None:
        """Takes in a dead letter. One that ingest wrote is where its frame was captured, too."""
        frame = self._identify(_as_it_was(letter))
        self.dead[frame].append((letter.header("andon-reason") or b"").decode())
        if letter.header("andon-service") == b"ingest":
            self.captured[frame] += 1

    @property
    def lost(self) -> set[UUID]:
        """Captured, and nothing became of it."""
        return self.captured.keys() - self.scores.keys() - self.dead.keys()

    @property
    def both(self) -> set[UUID]:
        """Scored and a dead letter: ended twice."""
        return self.scores.keys() & self.dead.keys()

    @property
    def unknown(self) -> set[UUID]:
        """Ended, but never captured."""
        return (self.scores.keys() | self.dead.keys()) - self.captured.keys()

    @property
    def contradictions(self) -> set[UUID]:
        """Scored more than once, and not alike."""
        return {frame for frame, scores in self.scores.items() if len({_said(score) for score in scores}) > 1}

    @property
    def holes(self) -> dict[Capture, set[int]]:
        """Numbers missing from a capture (station, epoch)."""
        wanted = {capture: set(range(max(seqs) + 1)) for capture, seqs in self.seqs.items()}
        return {capture: missing for capture, seqs in self.seqs.items() if (missing := wanted[capture] - seqs)}

    @property
    def out_of_order(self) -> set[Capture]:
        """Captures whose frames were first scored in another order than they were captured."""
        firsts: dict[Capture, list[int]] = defaultdict(list)
        for scores in self.scores.values():
            firsts[scores[0].station, scores[0].epoch].append(scores[0].seq)
        return {capture for capture, seqs in firsts.items() if seqs != sorted(seqs)}

    @property
    def repeats(self) -> int:
        """Scores beyond the first of their frame: what at-least-once delivery cost."""
        return sum(len(scores) - 1 for scores in self.scores.values())

    @property
    def balanced(self) -> bool:
        """Whether every captured frame ended exactly one way."""
        return not (self.lost or self.both or self.unknown)

    def faults(self) -> dict[str, int]:
        """How many of each kind of fault; empty when all is as it must be."""
        kinds: dict[str, Iterable[object]] = {
            "lost": self.lost,
            "both": self.both,
            "unknown": self.unknown,
            "contradictions": self.contradictions,
            "holes": self.holes,
            "out_of_order": self.out_of_order,
        }
        return {kind: count for kind, found in kinds.items() if (count := len(list(found)))}

    def _identify(self, record: Record) -> UUID:
        """The frame's id; its place in Kafka where nothing in the record can be believed."""
        try:
            frame = read_frame(record)
        except Invalid:
            return foreign_frame_id(record.topic, record.partition, record.offset)
        if not frame.foreign:
            self.seqs[frame.station, frame.epoch].add(frame.seq)
        return frame.frame_id


def _as_it_was(letter: Record) -> Record:
    """The record that became `letter`."""
    told = {name: (letter.header(f"andon-{name}") or b"0").decode() for name in ("topic", "partition", "offset")}
    own = tuple(pair for pair in letter.headers if not pair[0].startswith("andon-"))
    return replace(
        letter, topic=told["topic"], partition=int(told["partition"]), offset=int(told["offset"]), headers=own
    )


def _said(score: Score) -> tuple[object, ...]:
    return score.verdict, score.score, score.bundle
