"""Changing an assignment: read the table, look at the bundle, write one word, wait for what scoring says of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from andon.assigning import expect, named
from andon.commands import desk as desks
from andon.commands.desk import Answer, Desk
from andon.commands.shelf import meant, open_store, shelf_settings
from andon.commands.words import moment, print_json, say, short
from andon.errors import Mistake
from andon.ids import label, station_id
from andon.records import Assignment, Proof, Refusal, Trial
from andon.records.assignment import EVERY

if TYPE_CHECKING:
    from andon.manifest import BundleManifest
    from andon.store import BundleStore

WAIT_S = 30.0


@dataclass(frozen=True)
class Where:
    """A station ('*': every one without its own) and, for an assignment of its own, a product."""

    station: str
    product: str | None

    @classmethod
    def of(cls, station: str, product: str | None) -> "Where":
        """Raises Invalid when either cannot be a name."""
        name = station if station == EVERY else station_id(station)
        return cls(name, label(product, "product") if product else None)

    def assigned(self, desk: Desk) -> Assignment | None:
        """What is assigned to exactly this."""
        serving = desk.table.of(self.station, self.product)
        return serving.active if serving else None

    def served_by(self, desk: Desk) -> Assignment | None:
        """What serves there now, if only for want of an assignment of its own."""
        serving = desk.table.lookup(self.station, self.product)
        return serving.active if serving else None


@dataclass(frozen=True)
class Outcome:
    """What was assigned before, what is now, and what scoring said of it (None: nothing, or nobody waited)."""

    before: Assignment | None
    after: Assignment
    answer: Answer | None
    waited_s: float

    @property
    def state(self) -> str:
        """One word for it."""
        if self.before and self.before.bundle == self.after.bundle and self.answer is None:
            return "unchanged"
        if self.answer is None:
            return "waiting"
        return {Proof: "proven", Refusal: "refused"}.get(type(self.answer), "overtaken")

    @property
    def ok(self) -> bool:
        """Whether it is as it was asked for, as far as anybody has said."""
        return self.state not in ("refused", "overtaken")


class Bench:
    """The store and the desk, opened when they are first asked for."""

    def __init__(self) -> None:
        self.settings = shelf_settings()

    @cached_property
    def store(self) -> "BundleStore":
        """The bundle store."""
        return open_store(self.settings)

    @cached_property
    def desk(self) -> Desk:
        """The table of assignments. Raises Broken when Kafka cannot be reached."""
        return desks.open_desk(self.settings.kafka)

    def bundle(self, text: str) -> str:
        """The digest that `text` means, once the store is seen to hold it, signed where that is asked for."""
        digest = meant(self.store, text)
        self.store.manifest(digest)
        return digest

    def card_of(self, serving: Assignment | None) -> "BundleManifest | None":
        """What the bundle that serves says of itself; None where none does, or the store has it no more."""
        from andon.bundle import BundleError

        try:
            return self.store.card(serving.bundle).manifest if serving else None
        except BundleError:
            return None

    def close(self) -> None:
        """Gives back what was opened."""
        if "desk" in self.__dict__:
            self.desk.close()


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench, closed at the end."""
    made = Bench()
    try:
        yield made
    finally:
        made.close()


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def carry_out(
    desk: Desk,
    where: Where,
    change: Callable[[Assignment | None], Assignment],
    *,
    expected: str | None = None,
    wait_s: float = 0.0,
) -> Outcome:
    """Changes what is assigned at `where`, and waits for the answer where another bundle is active then.

    Raises Mistake when the active one is not `expected` (its digest, or the beginning of it), or when `change` does.
    """
    before = where.assigned(desk)
    if expected is not None and not (before and len(expected) >= 6 and before.bundle.startswith(expected)):
        expect(before, expected)
    after = change(before)
    serving = desk.table.of(where.station, where.product)
    proven = serving is not None and serving.proven == after.bundle and serving.refused is None
    desk.write(after)
    if proven:
        answer: Answer | None = Proof(station=after.station, product=after.product, bundle=after.bundle, at=after.at)
    else:
        answer = desk.answer(after, wait_s)
    return Outcome(before, after, answer, wait_s)


def tell(outcome: Outcome, sentence: str, as_json: bool) -> None:
    """What was done, what scoring said of it, and with which exit status that ends."""
    say(sentence)
    said = _answer_sentence(outcome)
    if said:
        say(said)
    if as_json:
        print_json(_record(outcome))
    if not outcome.ok:
        raise typer.Exit(1)


def taken_over(outcome: Outcome, everybodys: Assignment | None = None) -> str:
    """Whom it took over from, as a sentence of its own; '' from nobody."""
    before = outcome.before
    if before is not None and before.bundle != outcome.after.bundle:
        return f"; it takes over from {short(before.bundle)}{signed(before)}"
    if before is None and everybodys is not None and everybodys.bundle != outcome.after.bundle:
        return f"; until now {named(everybodys)}'s bundle {short(everybodys.bundle)} served it{signed(everybodys)}"
    return ""


def signed(assignment: Assignment) -> str:
    """Who had assigned it, when and why."""
    who = f" by {assignment.by}" if assignment.by else ""
    why = f": {assignment.why}" if assignment.why else ""
    return f" (assigned {moment(assignment.at)}{who}{why})"


def trial(frames: int | None, budget: str | None, frames_option: str) -> Trial | None:
    """The trial that two options ask for. Raises Mistake for one without the other."""
    from andon.budget import parse_budget

    if frames is None and budget is None:
        return None
    if frames is None or budget is None:
        raise Mistake(f"a trial needs both: {frames_option} FRAMES and --budget '2 per 1000'")
    return Trial(frames=frames, budget=parse_budget(budget))


def _answer_sentence(outcome: Outcome) -> str:
    answer, bundle = outcome.answer, short(outcome.after.bundle)
    if isinstance(answer, Proof):
        return f"scoring has proven it: {bundle} serves"
    if isinstance(answer, Refusal):
        served = f"; {short(outcome.before.bundle)} serves on" if outcome.before else ""
        return f"scoring refuses {bundle}: {answer.why}{served}"
    if isinstance(answer, Assignment):
        return f"somebody was quicker: {short(answer.bundle)} is assigned there now{signed(answer)}"
    if outcome.state == "waiting" and outcome.waited_s > 0:
        return (
            f"no scoring process has said anything of {bundle} within {outcome.waited_s:g} s; "
            "it serves as soon as one has proven it (andon assignments)"
        )
    return ""


def _record(outcome: Outcome) -> dict[str, Any]:
    before, after, answer = outcome.before, outcome.after, outcome.answer
    return {
        "station": after.station,
        "product": after.product,
        "bundle": after.bundle,
        "before": before.bundle if before else None,
        "shadows": list(after.shadows),
        "past": [each.bundle for each in after.past],
        "state": outcome.state,
        "why": answer.why if isinstance(answer, Refusal) else None,
    }
