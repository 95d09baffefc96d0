"""`andon dead-letters show`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from andon.commands.letters import desk
from andon.commands.letters.rows import letter_record, turn_words
from andon.commands.words import paper, print_json, say, size_words
from andon.errors import Mistake
from andon.incidents.when import stamp
from andon.letters import Letter, Way, advice, read_letter, shown, way
from andon.letters.bytes import bytes_of, kind_of, look_of
from andon.letters.headers import headers_shown
from andon.letters.letter import letter_place
from andon.records import LetterTurn
from andon.stage import Record
from andon.topics import DEAD_LETTERS


def show(
    letter: Annotated[str, typer.Argument(metavar="LETTER", help="Which: partition/offset.")],
    save: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write its bytes there, as they came; a folder: under its name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show all that is known of one dead letter: why it was refused, what to do, where it came from; and its picture.

    Example: andon dead-letters show 3/17 --save .
    """
    partition, offset = letter_place(letter)
    with desk.posted() as (post, settings):
        record = post.at(DEAD_LETTERS, partition, offset)
        if record is None:
            raise Mistake(f"dead letter {letter}: there is none such, or it has expired; see andon dead-letters list")
        found = read_letter(record)
        turn = post.handled().of(found)
        alike = sum(_alike(each, found) for each in post.letters(None, partition))
    if as_json:
        print_json(_object(found, record, turn, alike, settings.frames))
    else:
        _print(found, record, turn, alike, settings)
    if save is not None:
        say(f"saved as {_saved(save, found, record, settings)}")


def _alike(other: Letter, letter: Letter) -> bool:
    return (other.station, other.reason) == (letter.station, letter.reason)


def facts(letter: Letter, turn: LetterTurn | None, alike: int, frames: str) -> Iterator[tuple[str, str]]:
    """What there is to say of it, a name and a value each."""
    told = advice(letter.reason)
    how = way(letter, frames)
    yield "reason", f"{shown(letter.reason, 64)}: it {told.means}"
    yield "detail", shown(letter.detail)
    yield "what to do", told.do
    yield "refused", f"{stamp(letter.at)} UTC by {shown(letter.service, 64)} {shown(letter.version, 64)}"
    yield "came from", shown(letter.came_from, 300)
    yield "station", letter.station or "nobody can tell"
    yield "frame", str(letter.frame_id or "")
    yield "sent again", f"{letter.repeats} times before" if letter.repeats else ""
    yield "alike", f"{alike:,} of this station and reason, this one among them"
    yield "since then", turn_words(turn)
    yield "replay", "andon dead-letters replay " + letter.name if isinstance(how, Way) else f"no: {shown(how, 300)}"


def _print(letter: Letter, record: Record, turn: LetterTurn | None, alike: int, settings: desk.LetterSettings) -> None:
    console = paper()
    console.print(f"dead letter {letter.name}", style="bold", markup=False)
    for name, value in facts(letter, turn, alike, settings.frames):
        if value:
            console.print(f"  {name:<11} {value}", markup=False, soft_wrap=True)
    console.print(f"  {'bytes':<11} {size_words(letter.size)}: {look_of(record.value)}", markup=False, soft_wrap=True)
    for name, value in headers_shown(record.headers):
        console.print(f"    {name}: {value}", markup=False, soft_wrap=True)
    link = settings.console.public_url
    if link:
        console.print(f"  {'picture':<11} {link.rstrip('/')}/letters/{letter.name}", markup=False, soft_wrap=True)
    else:
        console.print(f"  {'picture':<11} --save PATH writes its bytes", markup=False, soft_wrap=True)


def _object(letter: Letter, record: Record, turn: LetterTurn | None, alike: int, frames: str) -> dict[str, object]:
    told, how = advice(letter.reason), way(letter, frames)
    return letter_record(letter, turn) | {
        "means": told.means,
        "do": told.do,
        "looks_like": look_of(record.value),
        "alike": alike,
        "replay": how.value if isinstance(how, Way) else None,
        "no_replay": None if isinstance(how, Way) else how,
        "headers": dict(headers_shown(record.headers)),
    }


def _from_store(url: str, dataref: str) -> bytes:
    """Raises Mistake where this environment has no store, Invalid, Broken."""
    try:
        from andon.store import BlobStore
    except ImportError as error:
        raise Mistake(f"its image lies in the store, which needs the package {error.name}") from None
    return BlobStore(url).get(dataref)


def _saved(path: Path, letter: Letter, record: Record, settings: desk.LetterSettings) -> Path:
    """Writes the bytes, with the ending they deserve where `path` is a folder or has none. Raises Mistake."""
    data = bytes_of(record, partial(_from_store, settings.store.frames))
    ending = kind_of(data).ending
    name = f"letter-{letter.partition}-{letter.offset}.{ending}"
    target = path / name if path.is_dir() else path if path.suffix else path.with_suffix(f".{ending}")
    try:
        target.write_bytes(data)
    except OSError as error:
        raise Mistake(f"--save {target}: {error.strerror}") from None
    return target
