"""What the commands over dead letters share: settings, Kafka, which letters are meant, and asking first."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Protocol

import typer
from pydantic import ConfigDict, Field

from andon.commands.shelf import ShelfSettings
from andon.commands.words import moment, people
from andon.errors import Mistake
from andon.ids import station_id
from andon.incidents.when import past
from andon.letters import Handled, Letter, Mail, Wanted, letter_place, read_letter
from andon.reasons import Reason
from andon.settings import Group, load
from andon.topics import DEAD_LETTERS, FRAME_PATTERN

SHOW_EVERY = 500

ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only these, such as missing_data.")]
StationOption = Annotated[str | None, typer.Option("--station", help="Only those of this station.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Only those refused since: 2h, 3d, or a moment.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Those too that were replayed or discarded already.")]
ByOption = Annotated[str | None, typer.Option(metavar="NAME", help="Who does it; default: your user's name.")]
LettersArgument = Annotated[
    list[str] | None, typer.Argument(metavar="LETTER...", help="Which: partition/offset, as `list --letters` has it.")
]


class ConsoleLink(Group):
    """Where the console is. It knows more of itself."""

    model_config = ConfigDict(extra="ignore")

    public_url: str | None = Field(None, description="address by which people reach the console")


class LetterSettings(ShelfSettings):
    """What the commands over dead letters can be told."""

    frames: str = Field(FRAME_PATTERN, description="topics of frames: a name, or a pattern that begins with '^'")
    console: ConsoleLink = ConsoleLink()


class Post(Mail, Protocol):
    """`andon.letters.post.KafkaPost` is one."""

    def letters(self, since: datetime | None = None, partition: int | None = None) -> Iterator[Letter]:
        """Every letter since then, of one partition or of all."""

    def handled(self) -> Handled:
        """What became of them."""

    def span(self) -> int:
        """How many there are about."""

    def close(self) -> None:
        """Gives back the connections."""


def open_post(settings: LetterSettings) -> Post:
    """Over Kafka. Raises Broken when it cannot be reached."""
    from andon.letters.post import KafkaPost

    return KafkaPost(settings.kafka)


@contextmanager
def posted() -> Iterator[tuple[Post, LetterSettings]]:
    """The letters, and the settings; closed at the end."""
    settings = load(LetterSettings)
    post = open_post(settings)
    try:
        yield post, settings
    finally:
        post.close()


def wanted(reason: str | None, station: str | None, since: str | None, now: datetime, *, handled: bool) -> Wanted:
    """Which letters are meant. Raises Mistake for a reason that there is not."""
    if reason is not None and reason not in set(Reason):
        near = get_close_matches(reason, list(Reason), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(Reason)}"
        raise Mistake(f"--reason {reason[:40]!r}: nothing is refused for that{hint}")
    back = past(since, "--since", now) if since else None
    return Wanted(reason, station_id(station) if station else None, back, handled)


def found(post: Post, which: Wanted, handled: Handled) -> Iterator[Letter]:
    """Those letters; `handled` is what became of them. People are told how far the reading is."""
    for letter in _told(post, which.since):
        if which.has(letter, handled.of(letter)):
            yield letter


def _told(post: Post, since: datetime | None) -> Iterator[Letter]:
    if not sys.stderr.isatty():
        yield from post.letters(since)
        return
    span = post.span()
    with people().status("reading dead letters") as status:
        for number, letter in enumerate(post.letters(since)):
            if number % SHOW_EVERY == 0:
                status.update(f"reading dead letters: {number:,} of at most {span:,}")
            yield letter


def named(post: Post, names: Sequence[str], *, handled: bool) -> list[Letter]:
    """The letters that people name. Raises Mistake for one that is not there, or was handled already."""
    turns = post.handled()
    letters = []
    for name in dict.fromkeys(names):
        partition, offset = letter_place(name)
        record = post.at(DEAD_LETTERS, partition, offset)
        if record is None:
            raise Mistake(f"dead letter {name}: there is none such, or it has expired; see andon dead-letters list")
        letter = read_letter(record)
        turn = turns.of(letter)
        if turn is not None and not handled:
            when = f"{turn.by} {turn.kind} it at {moment(turn.at)} UTC"
            raise Mistake(f"dead letter {name}: {when}; say --all to do it all the same")
        letters.append(letter)
    return letters


def at_a_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def ask(question: str, *, yes: bool) -> None:
    """Raises Mistake where there is nobody to ask, Abort where they do not mean it."""
    if yes:
        return
    if not at_a_terminal():
        raise Mistake(f"{question} Say --yes if you mean it")
    typer.confirm(question, abort=True, err=True)
