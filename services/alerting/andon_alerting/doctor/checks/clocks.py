"""Clocks: the machine's own, the cameras', scoring's."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from andon_alerting.doctor.facts.records import Clock, Clocks, Newest, SeenFrame, SeenScore, middle
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, several, warn

OFF_S, FAR_OFF_S = 2.0, 30.0
"""Beyond the first, times on a page are wrong; beyond the second, pages come late or never."""
BEHIND_S = 60.0
"""A frame may wait so long between its camera and Kafka without its clock being wrong."""
TOO_OLD_S = 300.0
"""Frames that are older than this page nobody (ANDON_PAGING__MAX_ALERT_AGE_S)."""
SYNC = "timedatectl status   # on both machines; chronyc makestep sets one that is far off"


def here(facts: Clocks) -> Judged:
    """Whether this machine's clock is that of the others."""
    told = ", ".join(f"{each.of} {each.ahead_s:+.1f} s" for each in facts.clocks if not each.at_least)
    if not facts.clocks:
        return Judged(
            "no other clock was seen: " + "; ".join(f"{name}: {why}" for name, why in facts.unseen.items()), off=True
        )
    return judged(f"beside ours: {told or 'nothing is ahead of it'}", _here(facts))


def _here(facts: Clocks) -> Iterator[Finding]:
    for each in facts.clocks:
        off = _certainly(each)
        if off > OFF_S:
            report = bad if off > FAR_OFF_S else warn
            way = "ahead of" if each.ahead_s > 0 else "behind"
            yield report(f"its clock is {abs(each.ahead_s):.1f} s {way} this machine's", each.of, SYNC)


def _certainly(clock: Clock) -> float:
    """By how much it is off at least."""
    if clock.at_least and clock.ahead_s < 0:
        return 0.0
    return max(0.0, abs(clock.ahead_s) - clock.within_s)


def cameras(facts: Newest) -> Judged:
    """A camera's clock against the time at which its frame was written to Kafka."""
    by_station: defaultdict[str, list[SeenFrame]] = defaultdict(list)
    for each in facts.frames:
        if each.captured_at is not None:
            by_station[each.station].append(each)
    if not by_station:
        return Judged("no frame that tells its own time was seen", off=True)
    found = [finding for name, frames in sorted(by_station.items()) for finding in _camera(name, frames)]
    return judged(f"{several(len(by_station), 'station')}, none ahead of its record, none far behind", found)


def _camera(station: str, frames: list[SeenFrame]) -> Iterator[Finding]:
    late = middle([_seconds(each) for each in frames])
    if late < -OFF_S:
        report = bad if late < -FAR_OFF_S else warn
        what = f"its frames are from {-late:.1f} s in the future: its clock is ahead"
        yield report(what, station, "set the camera's clock (NTP), or let ingest stamp its frames")
    elif late > BEHIND_S:
        report = bad if late > TOO_OLD_S else warn
        what = f"its frames are {late:.0f} s old when they reach Kafka: its clock is behind, or they wait before ingest"
        nobody = "; nobody is paged for frames so old" if late > TOO_OLD_S else ""
        yield report(
            what + nobody, station, "set the camera's clock (NTP); if it is right, look for a backlog at its ingest"
        )


def _seconds(frame: SeenFrame) -> float:
    return (frame.written_at - frame.captured_at).total_seconds() if frame.captured_at else 0.0


def machines(facts: Newest) -> Judged:
    """Scoring's clock against the capture's, and against the broker's where the topic is stamped by it."""
    if not facts.scores:
        return Judged("no score was seen", off=True)
    by_station: defaultdict[str, list[SeenScore]] = defaultdict(list)
    for each in facts.scores:
        by_station[each.station].append(each)
    found = [finding for name, scores in sorted(by_station.items()) for finding in _machine(name, scores)]
    return judged(f"{several(len(facts.scores), 'score')}, none made before its frame was taken", found)


def _machine(station: str, scores: list[SeenScore]) -> Iterator[Finding]:
    took = _middle(scores, lambda each: (each.scored_at - each.captured_at).total_seconds())
    if took < -OFF_S:
        report = bad if took < -FAR_OFF_S else warn
        yield report(
            f"its frames are scored {-took:.1f} s before they are taken: scoring's clock is behind, or theirs ahead",
            station,
            SYNC,
        )
    stamped = [each for each in scores if each.by_broker]
    if stamped:
        ahead = _middle(stamped, lambda each: (each.scored_at - each.written_at).total_seconds())
        if ahead > OFF_S:
            yield warn(
                f"its scores are made {ahead:.1f} s after the broker wrote them: scoring's clock is ahead",
                station,
                SYNC,
            )


def _middle(scores: list[SeenScore], of: Callable[[SeenScore], float]) -> float:
    return middle([of(each) for each in scores])


CHECKS = (
    Check("clocks.here", "Is this machine's clock that of Redis, Alertmanager and the newest records?", Clocks, here),
    Check(
        "clocks.cameras", "Are frames taken before they are written, and not long before? By station.", Newest, cameras
    ),
    Check("clocks.scoring", "Are frames scored after they are taken? By station.", Newest, machines),
)
