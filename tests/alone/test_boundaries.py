"""Services know the shared library and nobody else. Run where one service is installed (ANDON_ONLY names it)."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "preprocess", "scoring", "alerting", "drift", "machines", "console", "training")
ONLY = os.environ.get("ANDON_ONLY")
COMMANDS = {
    "console": {"console", "reviewed"},
    "ingest": {"drill", "heartbeat", "ingest", "signals"},
    "training": {
        "calibrate",
        "compare",
        "curate",
        "evaluate",
        "explain",
        "fit",
        "quantise",
        "remember",
        "rescore",
        "train",
        "trainer",
        "verify",
    },
    "scoring": {"scoring", "shadow-scoring"},
    "alerting": {
        "acknowledge",
        "alerting",
        "doctor",
        "evidence",
        "incidents",
        "ledger",
        "ledger-watch",
        "resolve",
        "silence",
        "silences",
    },
}
WITH_AN_EXTRA = {
    "training": ("andon_training.anomalib_models", "andon_training.export", "andon_training.commands.make_trained")
}
"""Modules that only `andon train` reaches, in an environment with PyTorch: tests/train imports them all."""
SHARED = {
    "assign", "assignments", "baselines", "bundles", "check", "dead-letters", "promote", "relearn", "rollback",
    "shadow", "topics", "trace",
}  # fmt: skip


def imports(folder: Path) -> set[str]:
    """The top-level names that the modules of `folder` import."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_imports_another(service: str):
    others = {f"andon_{name}" for name in (*SERVICES, "demo") if name != service}
    assert imports(ROOT / "services" / service / f"andon_{service}") & others == set()


def test_the_shared_library_imports_no_service():
    assert imports(ROOT / "shared" / "andon") & {f"andon_{name}" for name in (*SERVICES, "demo")} == set()


def test_the_demo_drives_the_services_by_their_command_and_imports_none():
    assert imports(ROOT / "services" / "demo" / "andon_demo") & {f"andon_{name}" for name in SERVICES} == set()


@pytest.mark.skipif(ONLY is None, reason="needs an environment with one service: make test-services")
def test_where_one_service_is_installed_no_other_can_be_imported():
    assert importlib.util.find_spec(f"andon_{ONLY}") is not None
    others = [name for name in (*SERVICES, "demo") if name != ONLY]
    assert [name for name in others if importlib.util.find_spec(f"andon_{name}")] == []


@pytest.mark.skipif(ONLY is None, reason="needs an environment with one service: make test-services")
def test_where_one_service_is_installed_the_command_has_its_sub_commands_and_no_others():
    installed = {point.name for point in entry_points(group="andon.commands")}
    assert installed == SHARED | COMMANDS.get(str(ONLY), {str(ONLY)})
    shown = subprocess.run([sys.executable, "-m", "andon", "--help"], capture_output=True, text=True, check=True).stdout
    for name in installed:
        assert re.search(rf"\b{name}\b", shown)


@pytest.mark.skipif(ONLY is None, reason="needs an environment with one service: make test-services")
def test_every_module_of_the_service_can_be_imported_with_its_own_dependencies_alone():
    package = ROOT / "services" / str(ONLY) / f"andon_{ONLY}"
    modules = [
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
    ]
    plain = [name for name in modules if not name.startswith(WITH_AN_EXTRA.get(str(ONLY), ()))]
    assert plain
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    subprocess.run([sys.executable, "-c", code, *plain], check=True)


@pytest.mark.parametrize("folder", ["shared", *(f"services/{name}" for name in (*SERVICES, "demo"))])
def test_each_member_has_one_small_project_file_of_its_own(folder: str):
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    assert project["name"].startswith("andon")
    assert project["requires-python"] == ">=3.11"
