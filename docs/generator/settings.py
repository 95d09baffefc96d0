"""docs/settings.md: every variable of every service, from the classes that read them."""

from importlib import import_module
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from andon.settings import SECRETS_DIR, ServiceSettings, variables
from generator.markdown import code, page, section, table

CLASSES = {
    "ingest": ("andon_ingest.settings", "IngestSettings"),
    "preprocess": ("andon_preprocess.settings", "PreprocessSettings"),
    "scoring": ("andon_scoring.settings", "ScoringSettings"),
    "alerting": ("andon_alerting.settings", "AlertingSettings"),
    "evidence": ("andon_alerting.evidence.settings", "EvidenceSettings"),
    "ledger-watch": ("andon_alerting.ledger.settings", "LedgerWatchSettings"),
    "drift": ("andon_drift.settings", "DriftSettings"),
    "machines": ("andon_machines.settings", "MachinesSettings"),
    "console": ("andon_console.settings", "ConsoleSettings"),
    "heartbeat": ("andon_ingest.heartbeat.settings", "HeartbeatSettings"),
    "drill": ("andon_ingest.drill.settings", "DrillSettings"),
    "trainer": ("andon_training.trainer.settings", "TrainerSettings"),
}
OTHERS = {
    SECRETS_DIR: "folder whose files are read as settings: each is called like its variable and holds the value",
    "ANDON_DEPLOY": "the repository's deploy folder, for `andon servers` and `andon demo` run from elsewhere",
    "ANDON_PROMETHEUS__URL": "where the Prometheus of `andon servers run` answers; told to you, read by nothing",
    "ANDON_ASKED": "what a training Job is to do; the trainer sets it, nobody else",
    "ANDON_CACHE": "where `andon servers` keeps what it fetched",
}
INTRO = (
    "Settings come from the environment; the part before `__` names a group. A value may also lie in a file called "
    f"like its variable, in the folder that `{SECRETS_DIR}` names: so that secrets need not stand in the environment. "
    "A secret is never logged or shown. What cannot work is told at the start, all at once, by name."
)


def settings() -> str:
    """The page."""
    shared = variables(ServiceSettings)
    return page(
        "Settings",
        INTRO,
        section("Every service", _table(shared)),
        *(section(name, _table(_own(name, shared))) for name in CLASSES),
        section("Read elsewhere", table(("variable", "meaning"), ((code(n), text) for n, text in OTHERS.items()))),
    )


def of_service(name: str) -> dict[str, FieldInfo]:
    """Every variable that a service reads."""
    module, of = CLASSES[name]
    return variables(getattr(import_module(module), of))


def names() -> str:
    """Every variable that anything reads, one a line: what `andon doctor` knows."""
    return "".join(f"{name}\n" for name in sorted({*OTHERS, *(each for name in CLASSES for each in of_service(name))}))


def _own(name: str, shared: dict[str, Any]) -> dict[str, FieldInfo]:
    return {variable: field for variable, field in of_service(name).items() if variable not in shared}


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = ((code(name), _default(field), _meaning(field)) for name, field in fields.items())
    return table(("variable", "default", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "needed"
    return code("" if default is None else _plain(default))


def _plain(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _meaning(field: FieldInfo) -> str:
    return f"{field.description}. **Secret.**" if "SecretStr" in str(field.annotation) else str(field.description)
