"""Dead letters that people can handle: what each is, what to do about it, and sending it again as the same frame."""

from andon.letters.advice import ADVICE, Advice, advice
from andon.letters.again import Again, again
from andon.letters.handled import Handled
from andon.letters.letter import Letter, letter_place, read_letter, shown
from andon.letters.piles import Pile, Piles, Wanted
from andon.letters.replaying import Mail, Outcome, Who, discard, replay
from andon.letters.way import Way, way

__all__ = [
    "ADVICE",
    "Advice",
    "Again",
    "Handled",
    "Letter",
    "Mail",
    "Outcome",
    "Pile",
    "Piles",
    "Wanted",
    "Way",
    "Who",
    "advice",
    "again",
    "discard",
    "letter_place",
    "read_letter",
    "replay",
    "shown",
    "way",
]
