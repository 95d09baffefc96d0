"""What only an environment with PyTorch can import, it can."""

import importlib
from pathlib import Path

import pytest

import andon_training

ROOT = Path(andon_training.__file__).parent
MODULES = sorted(
    ".".join(("andon_training", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_training_can_be_imported(module: str) -> None:
    importlib.import_module(module)
