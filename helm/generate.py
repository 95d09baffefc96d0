"""`make chart`: writes what the chart has from elsewhere.

That is the settings it knows, the schema of its values, the tables of its README, copies of rules and dashboards, and
its examples as Helm renders them.

  python helm/generate.py            writes
  python helm/generate.py --check    names what is not fresh; exit status 1 where anything is
"""

import argparse
import sys

from values.writing import stale, write


def main() -> None:
    """Writes, or checks."""
    asked = argparse.ArgumentParser(description="Write what the chart has from elsewhere.")
    asked.add_argument("--check", action="store_true", help="Only say what is not fresh.")
    if not asked.parse_args().check:
        write()
    elif wrong := stale():
        sys.exit("not fresh, run `make chart`:\n" + "\n".join(f"  helm/andon/{path}" for path in wrong))


if __name__ == "__main__":
    main()
