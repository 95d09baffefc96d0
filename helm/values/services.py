"""Which settings each service of the chart knows, from the classes that read them."""

from collections.abc import Iterator
from importlib import import_module

from pydantic import BaseModel

from andon.settings import ServiceSettings

CLASSES = {
    "ingest": "andon_ingest.settings:IngestSettings",
    "preprocess": "andon_preprocess.settings:PreprocessSettings",
    "scoring": "andon_scoring.settings:ScoringSettings",
    "shadow-scoring": "andon_scoring.settings:ScoringSettings",
    "drift": "andon_drift.settings:DriftSettings",
    "alerting": "andon_alerting.settings:AlertingSettings",
    "evidence": "andon_alerting.evidence.settings:EvidenceSettings",
    "ledger-watch": "andon_alerting.ledger.settings:LedgerWatchSettings",
    "console": "andon_console.settings:ConsoleSettings",
    "heartbeat": "andon_ingest.heartbeat.settings:HeartbeatSettings",
    "trainer": "andon_training.trainer.settings:TrainerSettings",
    "machines": "andon_machines.settings:MachinesSettings",
}
"""The services of values.yaml."""
OTHERS = {
    "topics": "andon.settings:ServiceSettings",
    "drill": "andon_ingest.drill.settings:DrillSettings",
    "test": "andon_alerting.doctor.settings:DoctorSettings",
}
"""What else runs, and shares their settings."""


def model(name: str) -> type[ServiceSettings]:
    """The settings class of a service."""
    module, _, of = {**CLASSES, **OTHERS}[name].partition(":")
    found: type[ServiceSettings] = getattr(import_module(module), of)
    return found


def known() -> dict[str, list[str]]:
    """The paths of the settings of each, such as `kafka.group_prefix`; those of all stand in `every`."""
    every = sorted(paths(ServiceSettings))
    own = {name: sorted(set(paths(model(name))) - set(every)) for name in (*CLASSES, *OTHERS)}
    return {"every": every, **own}


def paths(of: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every setting below a model, group and name with a dot between."""
    for name, field in of.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from paths(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}"
