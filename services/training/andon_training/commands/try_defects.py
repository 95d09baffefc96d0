"""What a new bundle makes of the defects that people know: said beside what was made, to people and to programs."""

from rich.console import Console

from andon.bundle import Bundle
from andon_training.commands.gather import Reviewed


def tried_on(console: Console, bundle: Bundle, reviewed: Reviewed | None) -> dict[str, object]:
    """Tells how many known defects `bundle` finds, and which it misses; for programs, by name. {} without any said.

    None of them was learned from.
    """
    from andon_training.memory.report import Judge, rescored
    from andon_training.memory.words import named

    if reviewed is None:
        return {}
    found = rescored(reviewed.defects, lambda _: True, Judge.of(bundle).calls)
    if not found.defects:
        console.print(f"no known defect of {reviewed.station} has been reviewed: nothing shows what it misses")
    else:
        missed = f"; it misses {named(found.lost)}" if found.lost else ""
        console.print(f"finds {found.found_after} of {found.defects} known defects of {reviewed.station}{missed}")
    missed_ids = [str(each) for each in found.lost]
    known = {"defects": found.defects, "found": found.found_after, "missed": missed_ids, "missing": found.missing}
    return {"known_defects": known}
