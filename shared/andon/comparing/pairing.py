"""Two judges over the same frames: where they agree, who calls what, and what they disagree on most. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon.comparing.table import VERDICTS, Floats, Ids, Rows, ScoreTable, joined
from andon.rates.intervals import Rate, rate
from andon.records.score import Verdict

OK, ANOMALOUS, UNSCORABLE = (VERDICTS.index(each) for each in (Verdict.OK, Verdict.ANOMALOUS, Verdict.UNSCORABLE))
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Side:
    """What one judge says of n frames, ordered by `ids`: verdicts (places in VERDICTS), raw scores and thresholds.

    NaN where there is no score. `rows` are places in the table or list it came from.
    """

    ids: Ids
    verdicts: NDArray[np.int8]
    scores: Floats
    thresholds: Floats
    rows: Rows

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, places: Rows) -> "Side":
        """Only these frames."""
        return Side(
            self.ids[places], self.verdicts[places], self.scores[places], self.thresholds[places], self.rows[places]
        )

    @property
    def called(self) -> Bools:
        """Which it calls anomalous."""
        called: Bools = self.verdicts == ANOMALOUS
        return called

    @property
    def scored(self) -> Bools:
        """Which it has a score for."""
        scored: Bools = self.verdicts != UNSCORABLE
        return scored


@dataclass(frozen=True)
class Agreement:
    """The frames that both scored, by who calls them anomalous: the 2x2 table."""

    both_ok: int
    only_first: int
    only_second: int
    both_anomalous: int

    @property
    def frames(self) -> int:
        """How many both scored."""
        return self.both_ok + self.only_first + self.only_second + self.both_anomalous

    @property
    def flips(self) -> int:
        """How many the two judge differently."""
        return self.only_first + self.only_second

    @property
    def called(self) -> tuple[Rate | None, Rate | None]:
        """The share that each calls anomalous, the first judge's first."""
        return self.share(self.only_first + self.both_anomalous), self.share(self.only_second + self.both_anomalous)

    def share(self, count: int) -> Rate | None:
        """`count` of them, with its exact interval; None where there are none."""
        return rate(count, self.frames) if self.frames else None


@dataclass(frozen=True)
class Pairing:
    """Two sides over the same frames, in the same order; `first` is what the line said."""

    first: Side
    second: Side

    def __len__(self) -> int:
        return len(self.first)

    @property
    def both(self) -> Bools:
        """Which frames both scored."""
        return self.first.scored & self.second.scored

    def agreement(self) -> Agreement:
        """The 2x2 table."""
        first, second = self.first.called[self.both], self.second.called[self.both]
        counts = ((~first & ~second).sum(), (first & ~second).sum(), (~first & second).sum(), (first & second).sum())
        return Agreement(*map(int, counts))

    def worst(self, most: int) -> Rows:
        """The frames the two disagree on: the largest difference of strength first, at most so many."""
        return self._ranked(self.both & (self.first.called != self.second.called), most)

    def widest(self, most: int) -> Rows:
        """The frames on which verdicts agree and strengths differ most."""
        return self._ranked(self.both & (self.first.called == self.second.called), most)

    def _ranked(self, which: Bools, most: int) -> Rows:
        places = np.flatnonzero(which)
        apart = np.abs(strengths(self.first) - strengths(self.second))[places]
        ranked: Rows = places[np.argsort(-apart, kind="stable")[:most]]
        return ranked


def of_table(table: ScoreTable, bundle: str | None = None) -> Side:
    """The last word on each frame of the table; with `bundle`, that bundle's."""
    return of_rows(table, table.last(bundle))


def of_rows(table: ScoreTable, rows: Rows) -> Side:
    """These rows of the table: one a frame, ordered by frame id."""
    return Side(table.ids[rows], table.verdicts[rows], table.scores[rows], table.thresholds[rows], rows)


def paired(first: Side, second: Side) -> Pairing:
    """The frames that both sides know."""
    here, there = joined(first.ids, second.ids)
    return Pairing(first.at(here), second.at(there))


def strengths(side: Side) -> Floats:
    """Scores in units that two bundles share: 1 is the threshold.

    Where scores and thresholds are positive, the ratio of the two. Else, since a ratio would mean nothing, the way
    from the side's median score (0) to the threshold (1).
    """
    known = side.scores[np.isfinite(side.scores)]
    plain = not len(known) or (known.min() >= 0 and np.nanmin(side.thresholds) > 0)
    base = 0.0 if plain else float(np.median(known))
    ways = side.thresholds - base
    strong: Floats = 1 + (side.scores - side.thresholds) / np.where(ways > 0, ways, 1.0)
    return strong
