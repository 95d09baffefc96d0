"""`andon heartbeat`: golden frames through the live topics, and what came of them to `drift`. Wiring only."""

from typing import Annotated

import typer

from andon.errors import Invalid, Mistake
from andon.ids import station_id
from andon.kafka.dead_letters import KafkaDeadLetters
from andon.kafka.sink import KafkaSink
from andon.line import LineFile
from andon.run import Service, andon_version, serve, utc_now
from andon.settings import load
from andon.stage import Handler, Sink, Stage
from andon_ingest.capture import frames
from andon_ingest.heartbeat.answers import Answers
from andon_ingest.heartbeat.beats import Beats
from andon_ingest.heartbeat.board import Every, Judging
from andon_ingest.heartbeat.observe import counted
from andon_ingest.heartbeat.parts import parts
from andon_ingest.heartbeat.settings import HeartbeatSettings


def heartbeat(
    once: Annotated[
        bool,
        typer.Option("--once", help="One heartbeat now; wait for it, tell of each station. 1 unless all are right."),
    ] = False,
    station: Annotated[str | None, typer.Option("--station", "-s", help="With --once: only this station.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: one JSON array instead of a table.")] = False,
) -> None:
    """Try the inspection itself: send golden frames of the bundles that serve, and look at their verdicts.

    Every 5 minutes each station gets one known-good and one known-bad frame of its bundle, through camera.frames,
    preprocess, scoring and scores, as any frame of its camera. Two heartbeats in a row with a wrong, late or missing
    verdict begin `inspector_broken`: the inspection is wrong, not the parts. Two right ones end it. Where most stations
    get no verdict, that is one finding about the line. Golden frames stand in no statistic and open no other incident.

    One heartbeat serves all stations; a second one doubles the frames, not the findings.

    Example: ANDON_STORE__BUNDLES=s3://factory/bundles andon heartbeat

    Example, after a deploy: andon heartbeat --once --station weld-07
    """
    if once:
        from andon_ingest.heartbeat.once import beat_once

        raise typer.Exit(beat_once(load(HeartbeatSettings), _checked(station), as_json=as_json))
    if station or as_json:
        raise Mistake(
            "--station and --json go with --once; the line file says which stations get a heartbeat, and when"
        )
    serve("heartbeat", HeartbeatSettings, wire)


def wire(service: Service, settings: HeartbeatSettings) -> None:
    """Builds the stages from the real things and runs them. The answers' turn is first: it knows what is open."""
    line = LineFile(settings.line, metrics=service.metrics)
    with parts(settings, every(settings, line)) as made:
        judging = counted(Judging(made.board), made.board, service.metrics)
        service.run(
            _stage(
                service,
                settings,
                "heartbeat-answers",
                made.answers,
                judging,
                KafkaSink(settings.kafka, compression="zstd"),
            ),
            _stage(service, settings, "heartbeat", made.beats, frames, made.sink),
            each_turn=[made.follow, lambda: line.refresh(utc_now())],
        )


def every(settings: HeartbeatSettings, line: LineFile) -> Every:
    """How often: as the line file says; where there is none, as the setting does."""
    if settings.line is None:
        return lambda _station: settings.heartbeat.every_s
    return lambda station: line.of(station).heartbeat_s


def _stage(
    service: Service, settings: HeartbeatSettings, name: str, source: Answers | Beats, handle: Handler, sink: Sink
) -> Stage:
    dead_letters = KafkaDeadLetters(settings.kafka, settings.dead_letters, service.name, andon_version())
    return Stage(name, source, handle, sink, dead_letters)


def _checked(station: str | None) -> str | None:
    try:
        return None if station is None else station_id(station)
    except Invalid as invalid:
        raise Mistake(f"--station: {invalid.detail}") from None
