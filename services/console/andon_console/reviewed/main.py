"""The console. Wiring only."""

import typer

app = typer.Typer()


@app.callback(invoke_without_command=True)
def console() -> None:
    """Show the andon board, incidents and models to people, and take their answers."""
