"""The command line: python -m distil --help."""

import argparse
import logging
from pathlib import Path

import torch

from .batches import Task
from .distil import distil


def main() -> None:
    """Reads the command line and distils."""
    parser = argparse.ArgumentParser(prog="python -m distil", description="Distil Andon's backbone from a teacher.")
    parser.add_argument("--teacher", type=Path, required=True, help="ONNX: RGB/127.5-1, NCHW; outputs s8 and s16")
    parser.add_argument("--out", type=Path, default=Path("student"), help="where OUT.pt and OUT.onnx are written")
    parser.add_argument("--minutes", type=float, default=75, help="of learning, those before a restart counted in")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the first picture")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    distil(Task(given.teacher, given.seed), given.out, 60 * given.minutes)


if __name__ == "__main__":
    main()
