"""Looking at what is assigned, and at the bundles it names."""

from collections import defaultdict
from contextlib import closing, suppress
from datetime import UTC, datetime

from andon import topics
from andon.assignments import Assignments, Serving
from andon.bundle import BundleError
from andon.errors import Invalid, Mistake
from andon.folder import Folder, redacted
from andon.ids import drill_of
from andon.kafka.table import TopicReader
from andon.records.assignment import EVERY
from andon.settings import KafkaSettings, StoreSettings
from andon.signing import TrustedKey, signers, trusted_keys
from andon.store import BundleStore
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.checks.bundles import EVERYWHERE
from andon_alerting.doctor.facts.kafka import Cluster
from andon_alerting.doctor.facts.records import Assigned, Bundles, Models, Newest, SeenBundle
from andon_alerting.doctor.finding import NotKnown

MOST_WITHOUT = 20
PROVEN_WHOLE_BYTES = 2 * 1024**3
"""So many bytes of bundles in a folder are read whole; beyond them, as in a remote store, only what they say of
themselves is held against their digest."""


class Table(Assignments):
    """The assignments, as a kind of facts."""


def table(kafka: KafkaSettings, ask: Ask) -> Table:
    """What the topic `models` says."""
    if topics.MODELS not in ask(Cluster).topics:
        raise NotKnown(f"topic {topics.MODELS} does not exist")
    found = Table()
    with closing(TopicReader(kafka, topics.MODELS, timeout_s=5.0)) as reader:
        for record in reader.read_to_end():
            with suppress(Invalid):
                found.apply(record)
    return found


def models(ask: Ask) -> Models:
    """What is assigned, held against the stations that were heard lately."""
    known, now = ask(Table), datetime.now(UTC)
    heard = _heard(ask)
    without = [name for name in heard if known.lookup(name, None) is None and not _of_any_product(known, name)]
    return Models(tuple(_assigned(each, now) for each in known.all()), tuple(without[:MOST_WITHOUT]), len(heard))


def _heard(ask: Ask) -> list[str]:
    """Of the newest records: what alerting remembers may be of stations long gone."""
    seen = ask(Newest)
    return sorted({each.station for each in seen.records if drill_of(each.station) is None})


def _of_any_product(known: Assignments, station: str) -> bool:
    return any(each.active.station in (station, EVERY) for each in known.all())


def _assigned(serving: Serving, now: datetime) -> Assigned:
    active = serving.active
    return Assigned(
        station=active.station,
        product=active.product,
        bundle=active.bundle,
        shadows=active.shadows,
        proven=serving.proven,
        refused=serving.refused.why if serving.refused else None,
        age_s=(now - active.at).total_seconds(),
    )


def bundles(settings: StoreSettings, ask: Ask) -> Bundles:
    """Every bundle that is assigned, as the store holds it."""
    wanted = _wanted(ask(Table))
    store, local = BundleStore(settings.bundles), Folder(settings.bundles).is_local
    there = {each.digest: each.size for each in store.stored()}
    keys, unproven = _keys(settings)
    found, left = [], PROVEN_WHOLE_BYTES
    for digest, (places, active) in wanted.items():
        if digest not in there:
            found.append(SeenBundle(digest, places, active, missing=True))
            continue
        left -= there[digest]
        damaged = _damaged(store, digest, whole=local and left >= 0)
        untrusted = _untrusted(store, digest, keys) if keys else ""
        found.append(SeenBundle(digest, places, active, damaged=damaged, untrusted=untrusted))
    return Bundles(redacted(settings.bundles), tuple(found), settings.trusted_keys is not None, unproven)


def _wanted(known: Assignments) -> dict[str, tuple[tuple[str, ...], bool]]:
    places: defaultdict[str, list[str]] = defaultdict(list)
    active: set[str] = set()
    for each in known.all():
        name = EVERYWHERE if each.active.station == EVERY else each.active.station
        places[each.active.bundle].append(name)
        active.add(each.active.bundle)
        for shadow in each.active.shadows:
            places[shadow].append(name)
    return {digest: (tuple(dict.fromkeys(names)), digest in active) for digest, names in places.items()}


def _damaged(store: BundleStore, digest: str, *, whole: bool) -> str:
    try:
        if whole:
            store.get(digest)
        else:
            store.card(digest)
    except BundleError as error:
        return str(error)
    return ""


def _keys(settings: StoreSettings) -> tuple[tuple[TrustedKey, ...], str]:
    if settings.trusted_keys is None:
        return (), ""
    try:
        return trusted_keys(settings.trusted_keys), ""
    except Mistake as error:
        return (), str(error)


def _untrusted(store: BundleStore, digest: str, keys: tuple[TrustedKey, ...]) -> str:
    text = store.signatures(digest)
    if signers(digest, text, keys):
        return ""
    return "it is signed by nobody trusted" if text else "it is not signed"
