"""`andon bundles export` and `import`, over a real MLflow registry in a folder."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from andon.bundle import Damaged, bundle_bytes
from andon.commands.bundles import app
from andon.errors import Broken, Mistake
from andon.store import BundleStore
from andon.testing.models import proven_bundle

pytest.importorskip("mlflow", reason="the extra andon[mlflow] is not installed")
pytestmark = [
    pytest.mark.filterwarnings("default"),  # MLflow's own
]

A, B = proven_bundle(threshold=100.0, product="cup"), proven_bundle(threshold=110.0)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty registry; the store beside it holds both bundles."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("ANDON_STORE__BUNDLES", str(tmp_path / "bundles"))
    for bundle in (A, B):
        BundleStore(str(tmp_path / "bundles")).put(bundle)
    return str(tmp_path / "mlflow")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def export(registry: str, digest: str, *words: str) -> Result:
    return run("export", digest, "--mlflow", registry, "--name", "weld-07", *words)


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleStore:
    """From now on the commands have another, empty store."""
    monkeypatch.setenv("ANDON_STORE__BUNDLES", str(tmp_path / "elsewhere"))
    return BundleStore(str(tmp_path / "elsewhere"))


def test_a_bundle_comes_back_by_its_alias(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(export(registry, A.digest[:8], "--alias", "champion", "--json").stdout)["version"] == "1"
    other = elsewhere(tmp_path, monkeypatch)
    told = run("import", "mlflow:weld-07@champion", "--mlflow", registry, "--json")
    assert json.loads(told.stdout) == {"digest": A.digest, "name": "weld-07", "version": "1"}
    assert other.get(A.digest) == A


def test_an_alias_moves_and_each_version_stays(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(registry, A.digest, "--alias", "champion")
    assert export(registry, B.digest, "--alias", "champion").exit_code == 0
    other = elsewhere(tmp_path, monkeypatch)
    for source in ("mlflow:weld-07@champion", "mlflow:weld-07/1"):
        assert run("import", source, "--mlflow", registry).exit_code == 0
    assert {each.digest for each in other.stored()} == {A.digest, B.digest}


def test_the_same_bundle_is_one_version_however_often_it_is_exported(registry: str) -> None:
    versions = [json.loads(export(registry, A.digest, "--json").stdout)["version"] for _ in range(2)]
    assert versions == ["1", "1"]


def test_a_version_says_what_the_bundle_is(registry: str) -> None:
    from mlflow import MlflowClient

    export(registry, A.digest)
    tags = MlflowClient(registry, registry).get_model_version("weld-07", "1").tags
    assert (tags["andon.digest"], tags["andon.product"], tags["andon.threshold"]) == (A.digest, "cup", "100.0")
    assert (tags["andon.budget"], tags["andon.method"]) == ("5 per 100", "brightest-pixel")


def test_another_bundle_than_was_registered_is_refused_and_not_stored(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(registry, A.digest, "--alias", "champion")
    (artifact,) = Path(registry).rglob("*.andon")
    artifact.write_bytes(bundle_bytes(B))
    other = elsewhere(tmp_path, monkeypatch)
    assert isinstance(run("import", "mlflow:weld-07@champion", "--mlflow", registry).exception, Damaged)
    assert other.stored() == []


def test_what_is_no_bundle_of_andon_is_told(registry: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(registry, registry)
    run_id = client.create_run("0").info.run_id
    client.create_registered_model("weld-07")
    client.create_model_version("weld-07", "somewhere", run_id)
    told = run("import", "mlflow:weld-07/1", "--mlflow", registry)
    assert "is no bundle of Andon" in str(told.exception)


@pytest.mark.parametrize("source", ["mlflow:weld-07@nobody", "mlflow:weld-07/9", "mlflow:press-1@champion"])
def test_what_mlflow_does_not_have_is_a_mistake(registry: str, source: str) -> None:
    export(registry, A.digest)
    assert isinstance(run("import", source, "--mlflow", registry).exception, Mistake)


@pytest.mark.parametrize("source", ["weld-07", "mlflow:weld-07", "mlflow:@champion", "mlflow:weld-07@a/b"])
def test_a_source_that_names_no_version_is_told(registry: str, source: str) -> None:
    assert "mlflow:NAME@ALIAS" in str(run("import", source, "--mlflow", registry).exception)


def test_a_server_that_is_away_is_broken(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert isinstance(export("http://127.0.0.1:1", A.digest).exception, Broken)
