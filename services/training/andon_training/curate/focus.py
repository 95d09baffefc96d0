"""Frames out of focus, or smeared by motion."""

import numpy as np

from andon_training.curate.findings import Finding, Kind, Measure
from andon_training.curate.look import Look
from andon_training.curate.robust import Values, limits
from andon_training.curate.stack import Stack

FAR = 5.0
LEAST_FINENESS = 0.12  # spread of the ln of fine to coarse energy: a loss of less than 45 % is never remarked on
LEAST_CRISPNESS = 0.14  # spread of the logit of crispness: 33 % against 50 % is never remarked on
FINE, COARSE = 0, 2  # octaves of detail: blur takes the finest first, contrast takes all alike


def find_blurred(stack: Stack) -> list[Finding]:
    """Frames that have less fine detail, for their coarse detail, than the frames they look like, or whose edges give
    less to another blur: the first sees noise and texture go, the second edges, whatever way they are smeared.
    """
    fineness = _against(stack, np.array([float(look.detail[FINE] - look.detail[COARSE]) for look in stack]))
    crispness = _against(stack, np.array([logit(look.crispness) for look in stack]))
    least, least_crisp = limits(fineness, FAR, LEAST_FINENESS).low, limits(crispness, FAR, LEAST_CRISPNESS).low
    found = []
    for i, look in enumerate(stack):
        if stack.has_peers[i] and fineness[i] < least:
            found.append(_coarse(look, *np.exp([fineness[i], least]).tolist()))
        elif stack.has_peers[i] and crispness[i] < least_crisp:
            found.append(_smeared(look, float(crispness[i]), least_crisp))
    return found


def logit(share: float) -> float:
    """ln(share / (1 - share)), of a share kept off 0 and 1."""
    kept = min(max(share, 1e-3), 1 - 1e-3)
    return float(np.log(kept / (1 - kept)))


def _against(stack: Stack, values: Values) -> Values:
    """[n]: against peers, and 0 is usual."""
    against = stack.against_peers(values)
    centred: Values = against - np.median(against)
    return centred


def _coarse(look: Look, ratio: float, limit: float) -> Finding:
    says = f"blurred: {ratio:.0%} of the fine detail of the frames it looks like; usual is over {limit:.0%}"
    return Finding(Kind.BLURRED, look.name, says, Measure(ratio, limit, "times the fine detail"))


def _smeared(look: Look, against: float, least: float) -> Finding:
    peers = logit(look.crispness) - against
    limit, usual = (1 / (1 + np.exp(-np.array([peers + least, peers])))).tolist()
    says = f"blurred: another blur takes {look.crispness:.0%} of its edges, {usual:.0%} of the frames it looks like"
    return Finding(Kind.BLURRED, look.name, says, Measure(look.crispness, limit, "of its edges lost to another blur"))
