"""The `andon` command. Each installed service adds its own sub-commands by entry point `andon.commands`."""

import sys
from importlib.metadata import entry_points

import typer
from rich.console import Console

from andon.errors import AndonError, Broken
from andon.logs import set_up_logs
from andon.run import andon_version

HELP = """Andon watches factory lines: camera frames in, verdicts and pages out.

Every sub-command tells its own story: [bold]andon COMMAND --help[/bold].
Settings come from ANDON_ variables (docs/settings.md).
"""


PANELS = {
    "The line": (
        "ingest",
        "signals",
        "preprocess",
        "scoring",
        "shadow-scoring",
        "drift",
        "alerting",
        "evidence",
        "ledger-watch",
        "heartbeat",
        "machines",
        "drill",
        "trainer",
        "console",
        "topics",
        "check",
    ),
    "When you are on call": (
        "doctor",
        "incidents",
        "acknowledge",
        "resolve",
        "silence",
        "silences",
        "ledger",
        "dead-letters",
    ),
    "Making bundles": ("fit", "train", "curate", "calibrate", "remember", "quantise", "evaluate", "verify"),
    "Letting them serve": ("bundles", "assign", "assignments", "shadow", "promote", "rollback", "baselines", "relearn"),
    "Looking back": ("trace", "rescore", "compare", "explain", "reviewed"),
    "Trying it on one machine": ("demo", "servers"),
}
"""How `andon --help` is ordered; what is installed and not named here comes first."""


def build(wanted: str | None) -> typer.Typer:
    """The command with whatever is installed; only `wanted` is loaded when it is one of them, for a quick start."""
    app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)
    app.command("version")(version)
    installed = sorted(entry_points(group="andon.commands"), key=lambda point: point.name)
    chosen = [point for point in installed if point.name == wanted] or sorted(installed, key=lambda p: _place(p.name))
    for point in chosen:
        command, panel = point.load(), _panel(point.name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=point.name, rich_help_panel=panel)
        else:
            app.command(point.name, rich_help_panel=panel)(command)
    return app


def _panel(name: str) -> str | None:
    return next((panel for panel, names in PANELS.items() if name in names), None)


def _place(name: str) -> int:
    order = [each for names in PANELS.values() for each in names]
    return order.index(name) if name in order else -1


def version() -> None:
    """Print the version."""
    sys.stdout.write(f"andon {andon_version()}\n")


def main() -> None:
    """Runs the command; what goes wrong is told in a sentence, never a traceback: exit status 1 where we, or what we
    need, are broken, and 2 for a mistake.
    """
    set_up_logs("andon", "warning", "console")  # for commands that are no service: what they say is theirs alone
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else None)()
    except AndonError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print("error:", style="red", end=" ")
        console.print(str(error), markup=False)
        sys.exit(1 if isinstance(error, Broken) else 2)
