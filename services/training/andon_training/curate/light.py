"""Frames darker or brighter than the frames they look like."""

import numpy as np

from andon_training.curate.findings import Finding, Kind, Measure
from andon_training.curate.look import Look
from andon_training.curate.robust import Limits, limits
from andon_training.curate.stack import Stack

FAR = 5.0
LEAST = 0.07  # spread of ln brightness: less than 30 % darker, 42 % brighter is never remarked on
LEAST_WHITE = 0.02  # spread of the share of white: less than a tenth of the picture is never remarked on
DARKEST = 0.01  # of white: brightness below it is not told apart


def find_light(stack: Stack) -> list[Finding]:
    """Frames with more white than any usual one, and those whose bright parts are darker or brighter than their peers':
    parts of several tones in one set are no finding, nor is more or less of a bright background.
    """
    against = stack.against_peers(np.log([look.highlights + DARKEST for look in stack]))
    most_white = limits(np.array([look.health.clipped_high for look in stack]), FAR, LEAST_WHITE).high
    usual = limits(against, FAR, LEAST)
    found = []
    for i, look in enumerate(stack):
        if look.health.clipped_high > most_white:
            found.append(_white(look, most_white))
        elif stack.has_peers[i] and not usual.low <= against[i] <= usual.high:
            found.append(_level(look, float(against[i]), usual))
    return found


def _white(look: Look, most: float) -> Finding:
    says = f"overexposed: {look.health.clipped_high:.0%} of it is white; other frames stay under {most:.0%}"
    return Finding(Kind.OVEREXPOSED, look.name, says, Measure(look.health.clipped_high, most, "of it white"))


def _level(look: Look, against: float, usual: Limits) -> Finding:
    dark = against < usual.low
    ratio, limit = np.exp([against, usual.low if dark else usual.high]).tolist()
    says = (
        f"{'dark' if dark else 'bright'}: its bright parts have {ratio:.2f} times the light of the frames it looks like"
    )
    kind = Kind.DARK if dark else Kind.OVEREXPOSED
    return Finding(kind, look.name, says, Measure(ratio, limit, "times the light"))
