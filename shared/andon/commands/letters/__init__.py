"""`andon dead-letters`: what was refused, why, and what to do about it."""

import typer

from andon.commands.letters.discard import discard
from andon.commands.letters.listing import list_letters
from andon.commands.letters.replay import replay
from andon.commands.letters.show import show

app = typer.Typer(help="What the line refused: why, the picture, and sending it again.", no_args_is_help=True)
app.command("list")(list_letters)
app.command("show")(show)
app.command("replay")(replay)
app.command("discard")(discard)
