"""`andon console people`: who may come in by a token."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from andon.commands.words import paper, print_json, say
from andon.errors import Mistake
from andon.ids import sha256_hex
from andon.settings import load
from andon_console.safe.people import Role
from andon_console.safe.roster import Entry, checked_name, new_token, read_roster, write_roster
from andon_console.settings import ConsoleSettings

people = typer.Typer(help="Who may sign in to the console by a token of their own.", no_args_is_help=True)


def _file() -> Path:
    path = load(ConsoleSettings).console.people
    if path is None:
        raise Mistake("say where the people stand: ANDON_CONSOLE__PEOPLE=people.yaml")
    return path


@people.command("add")
def add(
    name: Annotated[str, typer.Argument(help="As everybody will read it beside what they did.")],
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
) -> None:
    """Let somebody in, or give them a new token or another role; prints the token, once.

    viewer: look. reviewer: answer, acknowledge, resolve, silence, too. engineer: say which bundle serves, too.
    The file holds only the token's hash; a running console sees the change at once.

    Example: ANDON_CONSOLE__PEOPLE=people.yaml andon console people add mira --role reviewer
    """
    path, token = _file(), new_token()
    entries = read_roster(path) if path.exists() else {}
    entry = Entry(checked_name(name), role, sha256_hex(token.encode()))
    write_roster(path, {**entries, entry.name: entry})
    say(f"{entry.name} may come in as {role}; their token, which is shown only now:")
    sys.stdout.write(token + "\n")


@people.command("remove")
def remove(name: Annotated[str, typer.Argument(help="Who is to be let in no more.")]) -> None:
    """Let somebody in no more; they are signed out at once.

    Example: andon console people remove mira
    """
    path = _file()
    entries = read_roster(path)
    if name not in entries:
        raise Mistake(f"{name!r} is not in {path}; there are: {', '.join(sorted(entries)) or 'nobody'}")
    write_roster(path, {each: entry for each, entry in entries.items() if each != name})
    say(f"{name} is let in no more")


@people.command("list")
def listing(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False) -> None:
    """Show who may come in, and as what.

    Example: andon console people list
    """
    entries = sorted(read_roster(_file()).values(), key=lambda each: each.name)
    if as_json:
        print_json([{"name": each.name, "role": each.role.value} for each in entries])
        return
    table = Table("person", "role", box=SIMPLE_HEAD)
    for each in entries:
        table.add_row(escape(each.name), each.role.value)
    paper().print(table)
