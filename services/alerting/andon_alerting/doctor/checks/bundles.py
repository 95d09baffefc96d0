"""Bundles: what is assigned is there, whole, trusted and proven."""

from collections.abc import Iterator
from shlex import quote

from andon_alerting.doctor.facts.records import Bundles, Models, SeenBundle
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, names, several, warn

SHORT = 12
EVERYWHERE = "every station"
PROOF_S = 120.0
"""A bundle that was assigned longer ago and is not proven is one that no scoring process loads."""


def there(facts: Bundles) -> Judged:
    """Whether the store holds every bundle that serves or shadows, as its digest says."""
    return judged(f"{several(len(facts.bundles), 'bundle')} in {facts.store}, each what its digest says", _there(facts))


def _there(facts: Bundles) -> Iterator[Finding]:
    for each in facts.bundles:
        where, report = _where(each), bad if each.active else warn
        if each.missing:
            what = f"{facts.store} does not hold this bundle, and {_who(each)}"
            yield report(what, where, f"andon bundles put FILE   # or: andon assign {_target(each)} ANOTHER")
        elif each.damaged:
            do = f"andon bundles put FILE   # from where it is whole; then: andon bundles show {each.digest[:SHORT]}"
            yield report(f"it is not what it was when it was made: {each.damaged}", where, do)


def _where(bundle: SeenBundle) -> str:
    return f"{bundle.digest[:SHORT]} ({names(bundle.places, 3)})"


def _who(bundle: SeenBundle) -> str:
    return f"it serves {names(bundle.places, 3)}" if bundle.active else f"it is a shadow at {names(bundle.places, 3)}"


def _target(bundle: SeenBundle) -> str:
    return "'*'" if bundle.places[0] == EVERYWHERE else bundle.places[0]


def trusted(facts: Bundles) -> Judged:
    """Whether somebody trusted signed them, where that is asked for."""
    if not facts.trusting:
        return Judged("ANDON_STORE__TRUSTED_KEYS is not set: any bundle is served", off=True)
    found = [
        bad(
            f"{each.untrusted}: scoring refuses it",
            _where(each),
            f"andon bundles sign {each.digest[:SHORT]} --key KEY.pem",
        )
        for each in facts.bundles
        if each.untrusted
    ]
    if facts.unproven:
        found.append(
            warn(
                f"signatures were not looked at: {facts.unproven}",
                facts.store,
                "andon bundles list   # where it is installed",
            )
        )
    return judged("every bundle is signed by a trusted key", found)


def proven(facts: Models) -> Judged:
    """Whether scoring has loaded each active bundle and its golden frames came out right."""
    return judged(f"{several(len(facts.assigned), 'assignment')}, each proven by scoring", _proven(facts))


def _proven(facts: Models) -> Iterator[Finding]:
    for each in facts.assigned:
        digest = each.bundle[:SHORT]
        if each.refused:
            yield bad(
                f"scoring refuses bundle {digest}: {each.refused}",
                each.place,
                f"andon rollback {quote(each.station)}   # or: andon verify {digest}",
            )
        elif each.proven != each.bundle and each.age_s > PROOF_S:
            serves = f"{each.proven[:SHORT]} goes on serving" if each.proven else "frames are unscorable"
            yield warn(
                f"no scoring process has loaded bundle {digest}; {serves}",
                each.place,
                "is scoring running, and does it read the same store? andon scoring",
            )


def assigned(facts: Models) -> Judged:
    """Whether every station that sends frames has a bundle."""
    found = [
        warn(
            "it sends frames, and no bundle is assigned to it: each is unscorable",
            name,
            f"andon assign {name} DIGEST   # or let andon trainer learn one",
        )
        for name in facts.without
    ]
    return judged(f"{several(facts.heard, 'station')} heard of, each with a bundle", found)


CHECKS = (
    Check(
        "bundles.there",
        "Does the store hold every bundle that is assigned, and is it what its digest says?",
        Bundles,
        there,
    ),
    Check("bundles.trusted", "Where keys are trusted, did one of them sign each bundle?", Bundles, trusted),
    Check(
        "bundles.proven",
        "Did scoring load each active bundle, and did its golden frames come out right?",
        Models,
        proven,
    ),
    Check("bundles.assigned", "Has every station that sends frames a bundle?", Models, assigned),
)
