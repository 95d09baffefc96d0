"""`andon heartbeat --once`: one heartbeat now, and what came of it; a smoke test after a deploy."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from andon.commands.words import paper, print_json, say, short
from andon.errors import Mistake
from andon.run import utc_now
from andon.stage import Message, Record
from andon_ingest.capture import frames
from andon_ingest.heartbeat.board import Board, Judging
from andon_ingest.heartbeat.judging import Outcome
from andon_ingest.heartbeat.parts import Parts, parts
from andon_ingest.heartbeat.rounds import Done
from andon_ingest.heartbeat.schedule import Due
from andon_ingest.heartbeat.settings import HeartbeatSettings


def beat_once(settings: HeartbeatSettings, station: str | None, *, as_json: bool) -> int:
    """Sends, waits and tells; the exit status. Writes no finding. Raises Mistake where there is nothing to try."""
    with parts(settings, lambda _station: None) as made:  # nobody's turn comes by itself
        try:
            done = _beat(made, station)
        finally:
            made.answers.close()
            made.sink.close()
    tell(done, as_json=as_json)
    return 0 if all(each.outcome is Outcome.RIGHT for each in done) else 1


def _beat(made: Parts, station: str | None) -> list[Done]:
    board, judge = made.board, Judging(made.board)
    judge(made.answers.poll(), utc_now())
    wanted = chosen(board, station, utc_now())
    made.beats.now(wanted)
    done: list[Done] = []
    while len(done) < len(wanted):
        made.sink.send(send(made.beats.poll()), lambda: None)
        judge(made.answers.poll(), utc_now())
        done += board.news
    return sorted(done, key=lambda each: each.station)


def send(records: Sequence[Record]) -> list[Message]:
    """The frames as they go to Kafka; a golden frame is never refused."""
    return [each for each in frames(records, utc_now()) if isinstance(each, Message)]


def chosen(board: Board, station: str | None, now: datetime) -> list[Due]:
    """Whom to try: all, or that one. The slot moves on every second, and with it the golden frames that are chosen."""
    known = sorted(board.targets)
    if station is not None and station not in known:
        raise Mistake(f"station {station}: no bundle serves it; andon assignments shows what serves where")
    if not known:
        raise Mistake(
            "no bundle serves any station that sent a frame lately, and none is assigned to a station by name; "
            "andon assignments shows what serves where"
        )
    return [Due(each, int(now.timestamp()), now) for each in ([station] if station else known)]


def tell(done: Sequence[Done], *, as_json: bool) -> None:
    """A table, or one JSON array."""
    if as_json:
        print_json([told(each) for each in done])
        return
    shown = Table("station", "outcome", "frame", "expected", "got", "seconds", "why")
    for each in done:
        for row in _rows(each):
            shown.add_row(*map(escape, row))
    paper().print(shown)
    right = sum(each.outcome is Outcome.RIGHT for each in done)
    say(f"{right} of {len(done)} stations are inspected as their bundles were proven")


def told(done: Done) -> dict[str, Any]:
    """One station, as --json tells it."""
    shown = [
        {
            "outcome": each.outcome,
            "why": each.why,
            "golden": each.sent.golden.name,
            "bundle": each.sent.bundle,
            "product": each.sent.product,
            "expected": {"verdict": each.sent.golden.verdict, "score": each.sent.golden.score},
            "verdict": each.score.verdict if each.score else None,
            "score": each.score.score if each.score else None,
            "latency_s": each.latency_s,
            "frame_id": str(each.sent.frame_id),
            "detail": each.detail,
        }
        for each in done.judged
    ]
    return {"station": done.station, "outcome": done.outcome, "detail": done.detail, "frames": shown}


def _rows(done: Done) -> list[tuple[str, ...]]:
    if not done.judged:
        return [(done.station, done.outcome, "", "", "", "", done.detail)]
    return [
        (
            done.station,
            each.outcome,
            f"{short(each.sent.bundle)} {each.sent.golden.name}",
            f"{each.sent.golden.score:.4g} ({each.sent.golden.verdict})",
            f"{each.score.score:.4g} ({each.score.verdict})" if each.score and each.score.score is not None else "",
            f"{each.latency_s:.2f}" if each.latency_s is not None else "",
            f"{each.why}{': ' if each.detail else ''}{each.detail}",
        )
        for each in done.judged
    ]
