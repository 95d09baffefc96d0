"""Training anomalib models needs torch, which Andon does not: these tests are collected only where it is installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
collect_ignore_glob = [] if find_spec("torch") and find_spec("anomalib") else ["test_*.py"]
sys.path.append(str(HERE))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What torch, timm and Lightning warn of is not ours to mend: only our own warnings are errors here."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default", "error:::andon"))
