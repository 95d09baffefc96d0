"""What is wrong with a line file, and where."""

from collections.abc import Iterable
from dataclasses import dataclass

from andon.errors import Mistake

MOST_TOLD = 100


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column, from 1, as editors count them."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One mistake."""

    place: Place
    text: str


def about(path: tuple[str | int, ...], text: str) -> str:
    """`text`, told of what it is about: the station, and the names below it."""
    at_station = path[:1] == ("stations",) and len(path) > 1
    named = [f"station '{shown(str(path[1]))}'", *path[2:]] if at_station else list(path)
    words = [shown(each) for each in named if isinstance(each, str) and (each != "policy" or each is named[-1])]
    return ": ".join([*words, text])


def shown(text: str) -> str:
    """A text in a message: on one line, and not too long."""
    one = " ".join(text.split())
    return one if len(one) <= 60 else f"{one[:57]}..."


class LineMistake(Mistake):
    """Everything that is wrong with the file called `name`, in its order."""

    def __init__(self, name: str, found: Iterable[Found]) -> None:
        self.found = tuple(sorted(set(found)))
        told = [f"{name}:{each.place.line}:{each.place.column}: {each.text}" for each in self.found[:MOST_TOLD]]
        if len(self.found) > MOST_TOLD:
            told.append(f"{name}: and {len(self.found) - MOST_TOLD} more")
        super().__init__("\n".join(told))
        self.lines = tuple(told)
