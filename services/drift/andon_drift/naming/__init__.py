"""Names what drifted: from the pattern of all numbers of a place to a cause, and one sentence for people. Pure.

number(watched, after, mean_z, ...)     one number of a `Seen`, from its reference
name(seen) -> Drift                     what it is
sentence(seen, drift) -> str            how it began, in one line; what did not change, too
ended(station, cause, since, at) -> str that it is over
History                                 the past of a place: the points and pictures that a drift is shown with
"""

from andon_drift.naming.gathering import Gathering, spot
from andon_drift.naming.history import History
from andon_drift.naming.named import name
from andon_drift.naming.seen import Number, Seen
from andon_drift.naming.told import ended, sentence

__all__ = ["Gathering", "History", "Number", "Seen", "ended", "name", "sentence", "spot"]
