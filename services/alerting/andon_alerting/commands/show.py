"""`andon incidents show`: the whole story of one incident, turn by turn, and its frames."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from andon.commands.words import paper, print_json
from andon.incidents.chronicle import Chronicle, Incident, standing, turn_words
from andon.incidents.sifting import named, sifted
from andon.incidents.when import spoken, stamp
from andon.records import Change, ChangeKind, Drift, Evidence, IncidentEvent, Moved
from andon.settings import KafkaSettings, load
from andon.topics import INCIDENTS
from andon_alerting.commands import desk as desks
from andon_alerting.commands.frames import Frames, Saved
from andon_alerting.commands.reading import shown
from andon_alerting.commands.rows import row
from andon_alerting.drift_words import moved_words, odds_words


def show(
    incident: Annotated[str, typer.Argument(help="Its first 6 digits or more; or a station: its open or last one.")],
    evidence: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Save its frames there, with heat maps where they are kept.")
    ] = None,
    since: Annotated[int, typer.Option("--days", min=1, help="How many days back to look for it.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell the whole story of one incident: turn by turn, what changed before it, the frames that show it.

    The frames come from the evidence store (ANDON_EVIDENCE__URL), or from Kafka for as long as it keeps them.

    Example: andon incidents show 4be1a3 --evidence ./frames
    """
    now, settings = datetime.now(UTC), load(desks.PeopleSettings)
    desk = desks.open_desk(settings.kafka)
    records = sifted(shown(desk.log(INCIDENTS, now - timedelta(days=since))), now, named(incident))
    found = Chronicle().read(records).meant(incident, or_over=True)
    saved = list(save(settings.kafka, found, evidence)) if evidence is not None else []
    if as_json:
        print_json(record(found, saved, now))
        return
    _print(paper(), found, saved, now)


def save(kafka: KafkaSettings, incident: Incident, folder: Path) -> list[Saved]:
    """Saves its frames to `folder`. Raises Mistake when that cannot be written."""
    with open_frames(kafka) as frames:
        return list(frames.save(incident.id, incident.evidence, folder))


@contextmanager
def open_frames(kafka: KafkaSettings) -> Iterator[Frames]:
    """Where frames lie, as the settings of `andon evidence` say."""
    from andon.folder import Folder
    from andon.store import BlobStore
    from andon_alerting.evidence.fetch import RecordsAt
    from andon_alerting.evidence.settings import EvidenceSettings

    settings = load(EvidenceSettings)
    with closing(RecordsAt(kafka)) as fetch:
        yield Frames(Folder(settings.evidence.url), BlobStore(settings.store.frames), fetch)


def _print(console: Console, incident: Incident, saved: list[Saved], now: datetime) -> None:
    for line in lines(incident, saved, now):
        console.print(line, markup=False, soft_wrap=True)


def lines(incident: Incident, saved: list[Saved], now: datetime) -> Iterator[str]:
    """The story as lines of text; times are UTC."""
    last = incident.last
    yield f"{incident.id}{'  DRILL' if last.drill else ''}"
    yield f"{last.cause} at {incident.where}, {last.severity}, {standing(incident, now)}"
    yield incident.sentence
    measure = last.measure
    if measure:
        yield f"{measure.name} {measure.value:.4g} against {measure.limit:.4g} {measure.unit}".rstrip()
    yield from _facts(incident, last)
    yield ""
    for each in incident.turns:
        yield f"  {stamp(each.at)}  {turn_words(each)}"
    yield from _frames(incident, saved)


def _facts(incident: Incident, last: IncidentEvent) -> Iterator[str]:
    if last.drift:
        yield from drift_lines(last.drift)
    if last.changed:
        yield f"changed before: {change_words(last.changed, incident.since)}"
    if last.product:
        yield f"product {last.product}"
    if last.bundle:
        yield f"judged by bundle {last.bundle[:12]}"
    action = next((each.first_action for each in incident.turns if each.first_action), "")
    if action and incident.resolved is None:
        yield f"first: {action}"


def drift_lines(drift: Drift) -> Iterator[str]:
    """What drifted, number by number, and what moved with it."""
    yield f"drifted: {drift.named}, since {stamp(drift.since)}"
    for each in drift.moved:
        yield f"  {moved_words(each)} ({each.sigmas:+.1f} standard deviations{_by_chart(each)})"
    for each in drift.sensors:
        yield f"  beside it: {moved_words(each)}"
    if drift.rejects:
        yield f"  called: {drift.rejects.after:.2%} of the parts, usually {drift.rejects.before:.2%}"
    if odds := odds_words(drift):
        yield odds[0].lower() + odds[1:].removesuffix(".")


def _by_chart(moved: Moved) -> str:
    if moved.chart is None or moved.statistic is None or moved.limit is None:
        return ""
    return f"; {moved.chart} {moved.statistic:.4g} against {moved.limit:.4g}"


def _frames(incident: Incident, saved: list[Saved]) -> Iterator[str]:
    if not incident.evidence:
        return
    files = {each.frame.frame_id: each.words for each in saved}
    yield ""
    yield _how_many(len(incident.evidence), incident.last.count)
    for each in incident.evidence:
        yield f"  {stamp(each.captured_at)}  {_score(each)}  {_place(each)}"
        if each.frame_id in files:
            yield f"      {files[each.frame_id]}"


def _how_many(shown: int, bad: int) -> str:
    return f"evidence: {shown} frame{'s' if shown > 1 else ''}" + (f" of {bad} bad ones" if bad > shown else "")


def change_words(change: Change, began: datetime) -> str:
    """`bundle 4be1a3… replaced 77c012…, 12 min before`."""
    when = f"{spoken(began - change.at)} before"
    before, after = change.before or "nothing", change.after or "nothing"
    match change.kind:
        case ChangeKind.SWAP:
            return f"bundle {after[:12]} took over from {before[:12]}, {when}"
        case ChangeKind.CHANGEOVER:
            return f"product {after} instead of {before}, {when}"
        case ChangeKind.DRIFT:
            return f"{change.sentence or 'it drifted'}, {when}"
    return f"scored by {after} instead of {before}, {when}"


def _score(frame: Evidence) -> str:
    if frame.score is None or frame.threshold is None:
        return "not scored"
    return f"score {frame.score:.4g} against {frame.threshold:.4g}"


def _place(frame: Evidence) -> str:
    place = f"{frame.frame.topic}/{frame.frame.partition}/{frame.frame.offset}"
    return f"{place}  frame {frame.frame_id}" + (f"  {frame.dataref}" if frame.dataref else "")


def record(incident: Incident, saved: list[Saved], now: datetime) -> dict[str, Any]:
    """The story, as --json tells it."""
    files = {each.frame.frame_id: each for each in saved}
    return row(incident, now) | {
        "changed": incident.last.changed.model_dump(mode="json") if incident.last.changed else None,
        "measure": incident.last.measure.model_dump(mode="json") if incident.last.measure else None,
        "drift": incident.last.drift.model_dump(mode="json") if incident.last.drift else None,
        "product": incident.last.product,
        "bundle": incident.last.bundle,
        "turns": [
            each.model_dump(mode="json", exclude={"evidence", "drift", "schema_version"}) for each in incident.turns
        ],
        "evidence": [_evidence_record(each, files.get(each.frame_id)) for each in incident.evidence],
    }


def _evidence_record(frame: Evidence, saved: Saved | None) -> dict[str, Any]:
    file = {"file": str(saved.path) if saved.path else None, "problem": saved.problem or None} if saved else {}
    return frame.model_dump(mode="json") | file
