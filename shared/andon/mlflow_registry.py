"""Bundles in an MLflow model registry: each is a version of a registered model, found by number or by alias.

A version's artifact is the bundle file; its tags say what the bundle is. MLflow is asked for what it keeps and trusted
with nothing: what comes back must be the bundle whose digest was registered. Needs `andon[mlflow]`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from andon.budget import budget_words
from andon.bundle import SUFFIX, Bundle, Damaged, read_bundle, write_bundle
from andon.errors import AndonError, Broken, Mistake

EXPERIMENT = "andon"
DIGEST = "andon.digest"
FOLDER = "bundle"
QUIETLY = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a factory tells nobody what it does
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for --json
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default somebody waits minutes for a server that is away
}
"""What MLflow is told by its environment, unless the operator says otherwise there."""


@dataclass(frozen=True)
class Registered:
    """A bundle and the version under which MLflow had it."""

    bundle: Bundle
    version: str


def export(bundle: Bundle, uri: str, name: str, alias: str | None) -> str:
    """Registers `bundle` as a new version of `name`, and moves `alias` to it; answers the version.

    The version that has this digest already is not made twice. Raises Broken when MLflow cannot be reached or refuses.
    """
    with _told(uri):
        client = _client(uri)
        _ensure_model(client, name)
        version = _version_of(client, name, bundle.digest) or _register(client, bundle, name)
        if alias:
            client.set_registered_model_alias(name, alias, version)
    return version


def fetch(uri: str, name: str, alias: str | None, version: str | None) -> Registered:
    """The bundle of a version. Raises Mistake where MLflow has none such, BundleError where what it has is not the
    bundle that was registered, Broken when it cannot be reached.
    """
    with _told(uri), TemporaryDirectory() as folder:
        client = _client(uri)
        found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)
        digest = (found.tags or {}).get(DIGEST)
        if digest is None:
            raise Mistake(f"version {found.version} of {name} is no bundle of Andon: it has no tag {DIGEST}")
        file = _download(client, found, Path(folder))
        return Registered(read_bundle(file, digest), str(found.version))


def tags(bundle: Bundle) -> dict[str, str]:
    """What is said of a version."""
    manifest, calibration = bundle.manifest, bundle.manifest.calibration
    measured = next((each.auroc for each in manifest.training.candidates if each.chosen), None)
    told = {
        DIGEST: bundle.digest,
        "andon.product": manifest.product,
        "andon.method": manifest.training.method,
        "andon.threshold": repr(manifest.threshold),
        "andon.budget": budget_words(calibration.budget),
        "andon.false_call_rate": repr(calibration.false_call_rate),
        "andon.auroc": None if measured is None else repr(measured),
        "andon.preparation": manifest.preparation.digest,
    }
    return {name: value for name, value in told.items() if value is not None}


def _client(uri: str) -> Any:
    for name, value in QUIETLY.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise Mistake("the MLflow registry needs a package more: pip install 'andon[mlflow]'") from None
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _ensure_model(client: Any, name: str) -> None:
    if not any(each.name == name for each in client.search_registered_models(f"name = '{_quoted(name)}'")):
        client.create_registered_model(name, description="Bundles of Andon")


def _version_of(client: Any, name: str, digest: str) -> str | None:
    for each in client.search_model_versions(f"name = '{_quoted(name)}'"):
        if (each.tags or {}).get(DIGEST) == digest:
            return str(each.version)
    return None


def _register(client: Any, bundle: Bundle, name: str) -> str:
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    run = client.create_run(experiment, run_name=f"{name} {bundle.digest[:12]}", tags=tags(bundle))
    with TemporaryDirectory() as folder:
        file = Path(folder, bundle.digest + SUFFIX)
        write_bundle(bundle, file)
        client.log_artifact(run.info.run_id, str(file), FOLDER)
    client.set_terminated(run.info.run_id)
    source = f"{run.info.artifact_uri}/{FOLDER}"
    made = client.create_model_version(name, source, run.info.run_id, tags=tags(bundle))
    return str(made.version)


def _download(client: Any, version: Any, folder: Path) -> Path:
    client.download_artifacts(version.run_id, FOLDER, str(folder))
    files = list(folder.rglob(f"*{SUFFIX}"))
    if len(files) != 1:
        raise Damaged(
            f"version {version.version} of {version.name}: {len(files)} bundle files where one was registered"
        )
    return files[0]


def _quoted(name: str) -> str:
    if "'" in name:
        raise Mistake(f"model {name!r}: a registered model's name may not hold a quotation mark here")
    return name


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """What MLflow raises, in a sentence: a thing it does not have is a Mistake, anything else is Broken."""
    from andon.folder import redacted

    try:
        yield
    except AndonError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("mlflow", "requests", "urllib3") and not isinstance(
            error, OSError
        ):
            raise
        if getattr(error, "error_code", None) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise Mistake(f"MLflow at {redacted(uri)}: {_sentence(error)}") from None
        raise Broken(f"MLflow at {redacted(uri)}: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    """The first line of what MLflow said; of a server that is away it says a paragraph."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    return "cannot be reached; is it running, and is --mlflow right?" if "Max retries exceeded" in said else said
