"""Incidents as people meet them: put together from their events, told in words, and answered. Pure."""

from andon.incidents.chronicle import Chronicle, Incident, Wanted, standing, taken_by, turn_words
from andon.incidents.read import read_turn
from andon.incidents.sifting import named, sifted
from andon.incidents.turns import BY_A_PERSON, acknowledged, ended_by_a_person, refuse_over, resolved
from andon.incidents.when import spoken, stamp

__all__ = [
    "BY_A_PERSON",
    "Chronicle",
    "Incident",
    "Wanted",
    "acknowledged",
    "ended_by_a_person",
    "named",
    "read_turn",
    "refuse_over",
    "resolved",
    "sifted",
    "spoken",
    "stamp",
    "standing",
    "taken_by",
    "turn_words",
]
