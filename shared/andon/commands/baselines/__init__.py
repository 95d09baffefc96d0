"""`andon baselines`: how each station looks when all is well, as far as it is learned; and a copy inside a bundle."""

import typer

from andon.commands.baselines.freeze import freeze
from andon.commands.baselines.listing import list_baselines
from andon.commands.baselines.show import show

app = typer.Typer(invoke_without_command=True)
app.callback()(list_baselines)
app.command("show")(show)
app.command("freeze")(freeze)
