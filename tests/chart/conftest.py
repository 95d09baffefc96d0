"""What tests of the chart share: modules beside them, and the chart's own models."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # guarded.py, reaching.py
sys.path.append(str(Path(__file__).parents[2] / "helm"))  # values

HELM = Path(__file__).parents[2] / ".cache" / "tools" / "helm"


@pytest.fixture(autouse=True, scope="session")
def helm_is_built() -> None:
    """`make test-house` builds it first; plain pytest may find none."""
    if not HELM.is_file():
        pytest.skip("there is no .cache/tools/helm: deploy/tools/build helm makes it")
