"""The sentences of a line file, to values and back. What a sentence cannot mean raises Mistake, which says what can."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from andon.errors import Mistake
from andon.line.found import shown
from andon.line.plan import NO_BURST, Burst
from andon.line.policy import Policy
from andon.records import Cause, Severity

UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}
DURATION = r"(\d{1,7}(?:\.\d{1,3})?) ?([a-z]+)"
OF = re.compile(r"(\d{1,9}) (?:out )?of (?:the )?(?:last )?(\d{1,9})(?: frames?)?", re.ASCII)
TIMES = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(?: ?x| times)(?: the threshold)?", re.ASCII)
GOOD = re.compile(r"(\d{1,9})(?: good)? frames?", re.ASCII)
SETTLE = re.compile(r"(\d{1,9}) frames? opens? nothing", re.ASCII)
SOME = re.compile(rf"(\d{{1,9}}) stations? within {DURATION}", re.ASCII)
EVERY_FRAME = "every frame counts"
NEVER = ("never", "none", "off", "no")

Fields = Mapping[str, Any]
"""Some fields of a `Policy`, with their values."""


def seconds(text: str) -> float:
    """How long "60 s", "5 min", "2 h" or "1 d" is. Raises Mistake."""
    found = re.fullmatch(DURATION, plain(text), re.ASCII)
    if found is None or found[2] not in UNITS or not float(found[1]):
        raise Mistake(f"'{shown(text)}': say a time, such as '90 s', '5 min' or '2 h'")
    return float(found[1]) * UNITS[found[2]]


def heartbeat(text: str) -> float | None:
    """The seconds of "every 5 min"; None for "never". Raises Mistake."""
    if plain(text) in NEVER:
        return None
    try:
        every = seconds(plain(text).removeprefix("every "))
    except Mistake:
        raise Mistake(f"'{shown(text)}': say 'every 5 min', or 'never'") from None
    if not 10 <= every <= 86_400:
        raise Mistake(f"'{shown(text)}': golden frames travel every 10 s at most, and once a day at least")
    return every


def burst(text: str) -> Burst:
    """What "3 stations within 60 s" means; NO_BURST for "never". Raises Mistake."""
    found = SOME.fullmatch(plain(text))
    if plain(text) in NEVER:
        return NO_BURST
    if found is None:
        raise Mistake(f"'{shown(text)}': say '3 stations within 60 s', or 'never'")
    within_s = seconds(f"{found[2]} {found[3]}")
    if not 2 <= int(found[1]) <= 1000 or within_s > 3600:
        raise Mistake(f"'{shown(text)}': it takes 2 to 1000 stations, within an hour at most")
    return Burst(int(found[1]), within_s)


def opens(text: str) -> Fields:
    """k and n of "3 of 5 frames". Raises Mistake."""
    return _of(text, "k", "n")


def unscorable(text: str) -> Fields:
    """unscorable_k and unscorable_n of "3 of 5 frames". Raises Mistake."""
    return _of(text, "unscorable_k", "unscorable_n")


def at_once(text: str) -> Fields:
    """The multiple of "4 times the threshold"; None for "never". Raises Mistake."""
    found = TIMES.fullmatch(plain(text))
    if plain(text) in NEVER:
        return {"multiple": None}
    if found is None:
        raise Mistake(f"'{shown(text)}': say '4 times the threshold', or 'never'")
    return _checked(text, {"multiple": float(found[1])})


def over_after(text: str) -> Fields:
    """clear_after of "10 good frames". Raises Mistake."""
    found = GOOD.fullmatch(plain(text))
    if found is None:
        raise Mistake(f"'{shown(text)}': say '10 good frames'")
    return _checked(text, {"clear_after": int(found[1])})


def silent_after(text: str) -> Fields:
    """silent_after_s of "60 s"; None for "never". Raises Mistake."""
    if plain(text) in NEVER:
        return {"silent_after_s": None}
    return _checked(text, {"silent_after_s": seconds(text)})


def after_changeover(text: str) -> Fields:
    """settle of "2 frames open nothing". Raises Mistake."""
    found = SETTLE.fullmatch(plain(text))
    if plain(text) == EVERY_FRAME:
        return {"settle": 0}
    if found is None:
        raise Mistake(f"'{shown(text)}': say '2 frames open nothing', or '{EVERY_FRAME}'")
    return _checked(text, {"settle": int(found[1])})


def cause(text: str) -> Cause:
    """What "severe defect" or severe_defect names. Raises Mistake."""
    return Cause(_member(text, Cause, "cause"))


def severity(text: str) -> Severity:
    """What "critical" names. Raises Mistake."""
    return Severity(_member(text, Severity, "severity"))


def policy_words(policy: Policy) -> dict[str, str]:
    """The policy as the line file would say it."""
    silence = policy.silent_after_s
    return {
        "open": f"{policy.k} of {policy.n} frames",
        "open at once": f"{policy.multiple:g} times the threshold" if policy.multiple else "never",
        "over after": f"{policy.clear_after} good frames",
        "unscorable": f"{policy.unscorable_k} of {policy.unscorable_n} frames",
        "silent after": seconds_words(silence) if silence else "never",
        "after a changeover": f"{policy.settle} frames open nothing" if policy.settle else EVERY_FRAME,
    }


def seconds_words(length: float) -> str:
    """A length of time as people say it: in the largest unit that comes out even."""
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if length > size and length % size == 0:
            return f"{length / size:g} {word}"
    return f"{length:.10g} s"


def heartbeat_words(every: float | None) -> str:
    """How often golden frames travel, as the line file says it."""
    return f"every {seconds_words(every)}" if every else "never"


def burst_words(given: Burst) -> str:
    """When many stations are one incident, as the line file says it."""
    if given == NO_BURST:
        return "never"
    return f"{given.stations} stations within {seconds_words(given.within_s)}"


def words(given: Cause | Severity) -> str:
    """A cause or a severity without its underscores."""
    return given.replace("_", " ")


def plain(text: str) -> str:
    """Without what makes no difference: capitals, and more than one space."""
    return " ".join(text.lower().split())


def nearest(text: str, known: list[str]) -> str:
    """ "; try 'x'" for the one of `known` that is most like `text`, or which there are."""
    near = get_close_matches(re.sub(r"[_-]", " ", plain(text))[:80], known, n=1, cutoff=0.6)
    return f"; try '{near[0]}'" if near else f"; there are {', '.join(known)}"


def _of(text: str, k: str, n: str) -> Fields:
    found = OF.fullmatch(plain(text))
    if found is None:
        raise Mistake(f"'{shown(text)}': say '3 of 5 frames'")
    few, many = int(found[1]), int(found[2])
    if few > many:
        raise Mistake(f"'{shown(text)}': {few} of {many} can never be; did you mean '{many} of {few} frames'?")
    return _checked(text, {k: few, n: many})


def _checked(text: str, fields: Fields) -> Fields:
    """`fields`, which `Policy` accepts; the others have their defaults, which go with any."""
    try:
        Policy.model_validate(fields)
    except ValidationError as error:
        limit = error.errors(include_url=False)[0]["msg"].removeprefix("Input should be ")
        raise Mistake(f"'{shown(text)}': the number must be {limit}") from None
    return fields


def _member(text: str, kind: type[StrEnum], what: str) -> str:
    name = plain(text).replace(" ", "_")
    if name not in list(kind):
        known = [each.replace("_", " ") for each in kind]
        raise Mistake(f"'{shown(text)}': there is no such {what}{nearest(text, known)}")
    return name
