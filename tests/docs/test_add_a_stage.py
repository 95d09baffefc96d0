"""The recipe in docs/add-a-stage.md works as it stands there."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.settings import variables

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```(?:python|toml)\n# (\S+)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The files of the recipe, written out, with the service importable."""
    files = dict(BLOCK.findall((ROOT / "docs" / "add-a-stage.md").read_text()))
    folder = tmp_path_factory.mktemp("recipe")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    paths = [str(folder / "services" / "dark"), str(folder / "tests" / "dark")]
    sys.path[:0] = paths
    yield files
    sys.path[:] = [path for path in sys.path if path not in paths]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("andon_dark", "test_dark")]:
        del sys.modules[name]


def test_its_tests_pass(recipe: dict[str, str]):
    module = importlib.import_module("test_dark")
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_its_wiring_is_of_today(recipe: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    main = importlib.import_module("andon_dark.main")
    built = []

    class Service:
        name = "dark"

        def kafka_source(self, *given: object) -> object:
            return given

        def run(self, stage: object) -> None:
            built.append(stage)

    main.wire(Service(), main.DarkSettings())
    assert [stage.name for stage in built] == ["dark"]
    built[0].sink.close()
    built[0].dead_letters.close()
    assert "ANDON_LEAST_LUMINANCE" in variables(main.DarkSettings)


def test_its_project_file_is_like_those_of_the_services(recipe: dict[str, str]):
    given = tomllib.loads(recipe["services/dark/pyproject.toml"])
    real = tomllib.loads((ROOT / "services" / "alerting" / "pyproject.toml").read_text())
    assert given["build-system"] == real["build-system"]
    assert given["tool"]["uv"]["sources"] == real["tool"]["uv"]["sources"]
    assert given["project"].keys() == real["project"].keys()
    assert given["project"]["entry-points"]["andon.commands"] == {"dark": "andon_dark.main:dark"}
