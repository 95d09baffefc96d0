"""Distillation needs torch, which Andon does not: these tests are collected only where it is installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

collect_ignore = [] if find_spec("torch") else ["test_distil.py"]
sys.path.append(str(Path(__file__).parents[2] / "services" / "training"))
