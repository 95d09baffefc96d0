"""What an incident is, in words for whoever has just been called. Pure."""

from datetime import datetime, timedelta

from andon.incidents import Incident, spoken
from andon.records import Cause, Change, ChangeKind, IncidentEvent, Measure

IN_SHORT = {
    Cause.DEFECT_SURGE: "many of the last parts look bad",
    Cause.SEVERE_DEFECT: "one part looks very bad",
    Cause.UNSCORABLE: "frames get no score",
    Cause.STATION_SILENT: "no frames come",
    Cause.STATION_FROZEN: "the same picture again and again",
    Cause.STATION_DARK: "too little light",
    Cause.STATION_BRIGHT: "too much light",
    Cause.STATION_BLURRED: "out of focus, or a dirty lens",
    Cause.CAMERA_MOVED: "the part is elsewhere in the picture",
    Cause.DRIFT: "slow change",
    Cause.REJECT_RATE: "more parts are called than usual",
    Cause.INSPECTOR_BROKEN: "the inspection is wrong, not the parts",
    Cause.BUNDLE_REFUSED: "a bundle cannot serve",
    Cause.LEDGER_OUT_OF_BALANCE: "frames are missing",
    Cause.FALSE_CALLS: "people overrule too many verdicts",
    Cause.EVIDENCE_AT_RISK: "Kafka will delete what nobody has read",
}
"""As docs/runbooks/README.md has it."""

AGAIN = "Bad frames from now on open another."
AGAIN_OF = {
    Cause.STATION_SILENT: "It opens another when the station sends frames again, and then none.",
    Cause.FALSE_CALLS: "Only frames from now on count against the budget.",
    Cause.BUNDLE_REFUSED: "Another bundle that is refused opens another.",
}
FOUND = "What is found now opens none; found again, once it was gone, it opens another."
SEEN_IN_SCORES = frozenset({Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT, Cause.UNSCORABLE})
"""Causes whose first frame of evidence is the one that opened the incident."""


def name_of(cause: Cause) -> str:
    """`defect surge`."""
    return cause.value.replace("_", " ")


def again(cause: Cause) -> str:
    """What becomes of the same trouble after a person has said that it is over."""
    return AGAIN_OF.get(cause, AGAIN if cause in SEEN_IN_SCORES else FOUND)


def change_words(change: Change, began: datetime) -> str:
    """`Bundle 4be1a3c20d11 took over from 77c012aa0e5f, 12 min before.`"""
    apart = began - change.at
    when = f"{spoken(apart)} before" if apart >= timedelta() else f"{spoken(-apart)} after it began"
    before, after = change.before or "nothing", change.after or "nothing"
    match change.kind:
        case ChangeKind.SWAP:
            return f"Bundle {after[:12]} took over from {before[:12]}, {when}."
        case ChangeKind.CHANGEOVER:
            return f"Product {after} instead of {before}, {when}."
        case ChangeKind.DRIFT:
            return f"{change.sentence or 'Something drifted.'} ({when})"
    return f"Scored by {after} instead of {before}, {when}."


def measure_words(measure: Measure) -> str:
    """`sharpness 2.1 against 3.4`."""
    return f"{measure.name} {measure.value:.4g} against {measure.limit:.4g} {measure.unit}".rstrip()


def first_action(incident: Incident) -> str:
    """What to do first; '' where nothing was said."""
    return next((each.first_action for each in reversed(incident.turns) if each.first_action), "")


def changed(incident: Incident) -> Change | None:
    """The last thing that changed at the station before it began."""
    return next((each.changed for each in incident.turns if each.changed), None)


def measured(incident: Incident) -> Measure | None:
    """The number that is beyond its limit, as it was last told."""
    return next((each.measure for each in reversed(incident.turns) if each.measure), None)


def told_words(told: list[IncidentEvent]) -> str:
    """What a sink was told, in a word: `told`, or `told that it is over`."""
    return "told that it is over" if any(each.about == "resolved" for each in told) else "told"
