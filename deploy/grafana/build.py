"""`make dashboards`: writes dashboards/*.json beside this file, from boards/."""

import argparse
import json
import sys
from pathlib import Path

from boards.check import faults
from boards.drift import drift
from boards.fleet import fleet
from boards.frame import CONSOLE
from boards.pipeline import pipeline
from boards.station import station

HERE = Path(__file__).parent / "dashboards"


def files(console: str = CONSOLE) -> dict[str, str]:
    """Every dashboard as text, by file name. `console`: the address that its links to the console begin with."""
    made = [board(console).json() for board in (fleet, station, drift, pipeline)]
    if wrong := [f"{board['uid']}: {fault}" for board in made for fault in faults(board)]:
        sys.exit("\n".join(wrong))
    return {f"{board['uid']}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n" for board in made}


def main() -> None:
    """Writes them all."""
    asked = argparse.ArgumentParser(description="Write Andon's Grafana dashboards.")
    asked.add_argument("--console", default=CONSOLE, help="Where the console is, for its links.")
    asked.add_argument("--out", type=Path, default=HERE, help="The folder to write to.")
    given = asked.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, text in files(given.console.rstrip("/")).items():
        (given.out / name).write_text(text)


if __name__ == "__main__":
    main()
