"""`andon doctor`: looks at all that Andon stands on, and says what to do about what it finds."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from andon.commands.words import paper, print_json
from andon.errors import Mistake
from andon.logs import set_up_logs
from andon.settings import load

DEFAULT_S = 30.0
AREAS_WORDS = (
    "Only these areas, of settings, kafka, topics, groups, redis, alertmanager, stores, bundles, clocks and line."
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="AREA,...",
            help=AREAS_WORDS,
        ),
    ] = None,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", metavar="S", min=1, max=600, help="Ends after so many seconds, whatever answers."),
    ] = DEFAULT_S,
    probe: Annotated[
        bool, typer.Option("--probe/--no-probe", help="Whether to write a small object into each store, and remove it.")
    ] = True,
) -> None:
    """Check all that Andon stands on - Kafka and its topics, groups, Redis, Alertmanager, stores, bundles, clocks, the
    line file - and say what to do about each finding.

    It works where half of it is down, and changes nothing but for the probe. Run it where a service runs, with the
    settings of that service. The exit status is 0 where nothing is bad, 1 where something is or could not be checked,
    and 2 for a mistake in the settings.

    Example: andon doctor

    Example, before a shift, from cron: andon doctor --json --no-probe > /var/lib/andon/doctor.json
    """
    from andon_alerting.doctor.settings import DoctorSettings
    from andon_alerting.doctor.show import Discretion, record, show
    from andon_alerting.doctor.wiring import looks

    set_up_logs("doctor", "critical", "console")  # what clients say of their connections is in the findings
    settings, checks = load(DoctorSettings), chosen(only)
    discreet = Discretion(settings)
    found = [discreet.outcome(each) for each in examine(checks, looks(settings, os.environ, probe=probe), timeout_s)]
    if as_json:
        print_json(record(found, datetime.now(UTC)))
    else:
        show(paper(), found)
    raise typer.Exit(status(found))


def chosen(only: str | None) -> Sequence[Any]:
    """The checks of the areas that are named. Raises Mistake for one that there is not."""
    from andon_alerting.doctor.table import AREAS, CHECKS

    wanted = AREAS if only is None else tuple(each.strip() for each in only.split(",") if each.strip())
    unknown = [each for each in wanted if each not in AREAS]
    if unknown or not wanted:
        raise Mistake(f"--only {only}: there is no area {', '.join(unknown) or 'named'}; there are {', '.join(AREAS)}")
    return [check for check in CHECKS if check.area in wanted]


def examine(checks: Sequence[Any], looks: Any, within_s: float) -> list[Any]:
    """How each check came out; all within the time."""
    from andon_alerting.doctor.ask import Ask
    from andon_alerting.doctor.finding import come_out

    ask = Ask(looks, within_s)
    for check in checks:
        ask.begin(check.of)
    return [come_out(check, ask) for check in checks]


def status(found: Sequence[Any]) -> int:
    """The exit status: what could not be checked is not known to be well."""
    from andon_alerting.doctor.finding import Level

    return int(any(each.level in (Level.BAD, Level.UNKNOWN) for each in found))
