"""Having places learned anew, pressed at the console: once, by the first, with a reason."""

from collections.abc import Sequence

from fastapi import HTTPException

from andon.baselines import Place
from andon.incidents import Incident
from andon.incidents import stamp as moment
from andon.records import Cause, Did, DriftCause
from andon.records.assignment import EVERY
from andon.records.baseline import SIGNALS
from andon.relearning import deed_texts, learned_words, messages, relearns
from andon.topics import BASELINES
from andon_console.drifting.drifted import drifted
from andon_console.drifting.learning import Offer, stamp
from andon_console.safe.people import Person
from andon_console.world import World

ABOUT = (Cause.DRIFT, Cause.REJECT_RATE)
"""Causes that end when the reference is learned anew."""


def concerned(world: World, incident: Incident) -> tuple[Place, ...]:
    """The places that an incident is about; none where its cause is another, or nobody knows what serves there."""
    last, found = incident.last, drifted(incident)
    if last.cause not in ABOUT:
        return ()
    if found is not None and found.drift.named is DriftCause.SENSOR:
        return tuple(Place(each, None, SIGNALS) for each in _stations(incident))
    if last.station != EVERY and last.bundle:
        return (Place(last.station, last.product, last.bundle),)
    return tuple(place for each in _stations(incident) if (place := _serving(world, each, incident)))


def offer(world: World, incident: Incident) -> Offer | None:
    """What an incident is about; None where it is about no reference."""
    places = concerned(world, incident)
    known = tuple(world.references.of(each) for each in places)
    told = tuple((place.words, learned_words(each)) for place, each in zip(places, known, strict=True))
    return Offer(places, told, stamp(known)) if places else None


def relearn(world: World, person: Person, places: Sequence[Place], why: str, seen: str) -> str:
    """Writes it, and answers what people are told. Nothing is written where somebody was first.

    Raises Mistake where nobody says why, HTTPException 503 while nobody here knows how the references stand.
    """
    _must_be_read(world)
    known = [world.references.of(each) for each in places]
    if stamp(tuple(known)) != seen:
        return _was_first(world, person, places)
    said = relearns(places, person.name, why, world.now())
    subject, before, after = deed_texts(places, map(learned_words, known))
    station = places[0].station if len({each.station for each in places}) == 1 else EVERY
    world.desk.write(
        person, Did.RELEARNED, messages(said), station=station, subject=subject, detail=why, before=before, after=after
    )
    return f"{'; '.join(each.words for each in places)}: learns anew from the frames that come."


def _stations(incident: Incident) -> tuple[str, ...]:
    return incident.last.stations if incident.last.station == EVERY else (incident.last.station,)


def _serving(world: World, name: str, incident: Incident) -> Place | None:
    station = world.stations.get(name)
    product = incident.last.product or (station.last.product if station else None)
    serving = world.models.lookup(name, product)
    return Place(name, product, serving.last) if serving else None


def _was_first(world: World, person: Person, places: Sequence[Place]) -> str:
    known = [each for each in map(world.references.of, places) if each is not None]
    waits = [each.waits for each in known if each.waits]
    if not waits:
        return "Its reference has changed meanwhile. Nothing was written; look again, and press again if you mean it."
    last = max(waits, key=lambda each: each.at)
    if last.by == person.name:
        return "It learns anew already; you said so."  # pressed twice
    return f"{last.by or 'Somebody'} was first, at {moment(last.at)} UTC: it learns anew. Nothing was written."


def _must_be_read(world: World) -> None:
    for each in world.follows:
        if each.topic == BASELINES and (not each.caught_up or each.trouble):
            why = each.trouble or "still reading"
            raise HTTPException(503, f"What stations have learned cannot be read now: {why}. Nothing was written.")
