"""Our own settings."""

from collections.abc import Iterator

from andon_alerting.doctor.facts.world import Environment
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, several, warn


def unknown(facts: Environment) -> Judged:
    """A variable that nobody reads is a setting that somebody believes is made."""
    return judged(f"every ANDON_ variable is read by somebody ({facts.known} set)", _unknown(facts))


def _unknown(facts: Environment) -> Iterator[Finding]:
    for name, near in sorted(facts.unknown.items()):
        meant = (
            f"rename it: unset {name}; export {near}=..." if near else f"unset {name} (docs/settings.md has them all)"
        )
        yield warn("no service reads this variable", name, meant)


def in_the_open(facts: Environment) -> Judged:
    """What leaves this machine without TLS can be read, and changed, on the way."""
    return judged("nothing travels in the open beyond this machine", _in_the_open(facts))


def _in_the_open(facts: Environment) -> Iterator[Finding]:
    instead = {
        "Kafka": "export ANDON_KAFKA__SECURITY_PROTOCOL=SASL_SSL ANDON_KAFKA__SSL_CA_LOCATION=/path/to/ca.pem",
        "Redis": "export ANDON_REDIS__URL=rediss://HOST:PORT/0",
        "Alertmanager": "export ANDON_ALERTMANAGER__URL=https://HOST",
        "webhook": "export ANDON_WEBHOOK__URL=https://HOST/PATH",
    }
    for what, where in facts.in_the_open:
        yield warn(f"{what} is spoken to without TLS, beyond this machine", where, instead[what])


def secret_files(facts: Environment) -> Judged:
    """A secret that every user of the machine may read is none."""
    good = f"{several(facts.secret_files, 'file')} with secrets, none open to everybody"
    return judged(good, (_open(path, mode) for path, mode in facts.open_files))


def _open(path: str, mode: int) -> Finding:
    return warn(f"everybody on this machine may read this secret (mode {mode:04o})", path, f"chmod o-rwx {path}")


def strategy(facts: Environment) -> Judged:
    """What is read together must come to the same process."""
    name = "ANDON_KAFKA__ASSIGNMENT_STRATEGY"
    what = f"it is {facts.strategy}: a station's scores and its readings, or answers, come to different processes"
    return judged(f"{name} is range", [] if facts.strategy == "range" else [bad(what, name, f"unset {name}")])


CHECKS = (
    Check("settings.unknown", "Is every ANDON_ variable that is set read by some service?", Environment, unknown),
    Check(
        "settings.tls", "Are Kafka, Redis, Alertmanager and the webhook spoken to by TLS, off this machine?",
        Environment, in_the_open,
    ),
    Check(
        "settings.strategy", "Do topics that are read together come to the same process (range)?", Environment, strategy
    ),
    Check("settings.secrets", "Are files with secrets closed to other users?", Environment, secret_files),
)  # fmt: skip
