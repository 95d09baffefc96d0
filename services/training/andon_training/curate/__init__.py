"""Good frames looked at before a bundle learns from them: which repeat others, which do not belong, and why."""

from andon_training.curate.curate import curate
from andon_training.curate.findings import DROPPED, Curation, Finding, Kind
from andon_training.curate.keep import read_keep
from andon_training.curate.look import Look, Unreadable, look, look_at, look_in

__all__ = [
    "DROPPED",
    "Curation",
    "Finding",
    "Kind",
    "Look",
    "Unreadable",
    "curate",
    "look",
    "look_at",
    "look_in",
    "read_keep",
]
