"""`andon shadow` and `andon promote`: a bundle beside the one that serves, and in its place."""

from typing import Annotated

import typer

from andon.assigning import named, promoted, shadowed, unshadowed
from andon.budget import budget_words
from andon.commands.changing import WAIT_S, Bench, Where, bench, carry_out, now, taken_over, tell, trial
from andon.commands.words import short, who
from andon.errors import Mistake
from andon.records import Assignment, Trial

BUDGET = "Share of those frames that only the newer bundle may call anomalous, such as '2 per 1000'."


def shadow(
    station: Annotated[str, typer.Argument(help="The station, or '*' for every station without one of its own.")],
    bundle: Annotated[str, typer.Argument(help="Digest, its first 6 digits or more, or a file, which is stored then.")],
    product: Annotated[str | None, typer.Option(help="Only for this product.")] = None,
    promote_after: Annotated[
        int | None, typer.Option(min=1, metavar="FRAMES", help="Promote it when it kept within --budget so long.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="It is a shadow no more.")] = False,
    why: Annotated[str, typer.Option(help="Why; kept with the assignment.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a bundle score the same frames as the one that serves, without paging anybody.

    With --promote-after it takes over by itself when it kept within its budget (`andon trainer` does it).

    Example: andon shadow weld-07 4be1a3 --promote-after 5000 --budget "2 per 1000"
    """
    where, asked = Where.of(station, product), trial(promote_after, budget, "--promote-after")
    if remove and asked:
        raise Mistake("--remove takes a shadow away; --promote-after and --budget are for one that stays")
    with bench() as at:
        digest = None if remove else at.bundle(bundle)

        def change(before: Assignment | None) -> Assignment:
            if digest is None:
                return unshadowed(before, _shadow_meant(before, bundle), by=who(), why=why, at=now())
            return shadowed(before, digest, promotion=asked, by=who(), why=why, at=now())

        outcome = carry_out(at.desk, where, change)
    tell(outcome, _shadow_sentence(outcome.before, outcome.after, digest, asked), as_json)


def promote(
    station: Annotated[str, typer.Argument(help="The station, or '*' for every station without one of its own.")],
    bundle: Annotated[str | None, typer.Argument(help="Which shadow; needed where there are several.")] = None,
    product: Annotated[str | None, typer.Option(help="What is assigned for this product only.")] = None,
    probation: Annotated[
        int | None, typer.Option(min=1, metavar="FRAMES", help="Frames beside the one it takes over from.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    why: Annotated[str, typer.Option(help="Why; kept with the assignment.")] = "",
    expected: Annotated[
        str | None, typer.Option("--expect", metavar="DIGEST", help="Only if this one is active there now.")
    ] = None,
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for what scoring says.")] = WAIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a shadow serve. With --probation, the one it takes over from shadows it for so many frames, and comes back
    when the new one breaks its budget (`andon trainer` does it).

    Example: andon promote weld-07 --probation 5000 --budget "2 per 1000"
    """
    where, asked = Where.of(station, product), trial(probation, budget, "--probation")
    with bench() as at:

        def change(before: Assignment | None) -> Assignment:
            digest = _stored(at, _shadow_meant(before, bundle))
            return promoted(before, digest, probation=asked, by=who(), why=why, at=now())

        outcome = carry_out(at.desk, where, change, expected=expected, wait_s=wait_s)
    done = f"{named(outcome.after)}: {short(outcome.after.bundle)} is promoted{taken_over(outcome)}"
    tell(outcome, done + (f"; {short(outcome.after.shadows[0])} shadows it {_words(asked)}" if asked else ""), as_json)


def _stored(at: Bench, digest: str) -> str:
    return at.bundle(digest)


def _shadow_meant(before: Assignment | None, text: str | None) -> str:
    """The digest of the shadow that `text` begins, or of the only one. Raises Mistake; what is no shadow stays `text`,
    for the change to refuse.
    """
    shadows = before.shadows if before else ()
    if text is None and len(shadows) != 1:
        names = ", ".join(short(each) for each in shadows)
        raise Mistake(f"which shadow? There are {len(shadows)}: {names}" if shadows else "there is no shadow there")
    found = [each for each in shadows if text is None or (len(text) >= 6 and each.startswith(text))]
    if len(found) > 1:
        raise Mistake(f"{text}: {len(found)} shadows begin so; say more digits")
    return found[0] if found else str(text)


def _shadow_sentence(before: Assignment | None, after: Assignment, digest: str | None, asked: Trial | None) -> str:
    if digest is None:
        gone = next((each for each in (before.shadows if before else ()) if each not in after.shadows), "")
        return f"{named(after)}: {short(gone)} is a shadow no more"
    takes_over = f"; it takes over when it keeps to its trial {_words(asked)}" if asked else ""
    return f"{named(after)}: {short(digest)} shadows {short(after.bundle)}{takes_over}"


def _words(asked: Trial | None) -> str:
    return f"for {asked.frames} frames, at most {budget_words(asked.budget)} called by the newer alone" if asked else ""
