"""The real code of the version before this one, out of this repository's history."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMIT = (ROOT / "tests" / "shared" / "previous" / "commit.txt").read_text().strip()
PARTS = ("shared", "services", "docs", "deploy")


def code_before(folder: Path) -> Path:
    """Its sources, unpacked into `folder`. Skips the test where this clone does not hold that commit."""
    packed = subprocess.run(["git", "archive", COMMIT, *PARTS], cwd=ROOT, capture_output=True)
    if packed.returncode:
        pytest.skip(f"this clone does not hold {COMMIT[:12]}, the version before: git fetch --unshallow")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def path_of(code: Path) -> str:
    """PYTHONPATH for it: found before what is installed."""
    return os.pathsep.join(map(str, [code / "shared", *sorted((code / "services").iterdir())]))
