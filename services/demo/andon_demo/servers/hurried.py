"""Prometheus in a hurry: the same rules with every duration so many times shorter, so that a drill sees each one fire.

Rewritten are ranges (`[5m]`), `offset`, `for`, `keep_firing_for` and `interval`; expressions and numbers stay, those of
seconds (`> 300`) as well. It scrapes and evaluates every second.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from andon_demo.servers.prometheus import Prometheus

MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DURATION = re.compile(r"((?:\[|offset |for: |interval: ))(\d+)([smhd])\b")
EVERY_S = 1


@dataclass(frozen=True)
class Hurried(Prometheus):
    """How to run it. `times` is how many times shorter durations are."""

    times: int = 20

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """As Prometheus; then its rules and its own intervals are shortened, and it sends alerts again at once."""
        command = super().prepare(folder, ports)
        for path in (folder / "rules").glob("*.yml"):
            path.write_text(shortened(path.read_text(), self.times))
        config = folder / "prometheus.yml"
        config.write_text(re.sub(r"(scrape|evaluation)_interval: \w+", rf"\1_interval: {EVERY_S}s", config.read_text()))
        return [*command, f"--rules.alert.resend-delay={EVERY_S}s"]


def shortened(rules: str, times: int) -> str:
    """The text of a file of rules, `times` quicker; nothing gets shorter than its evaluation."""

    def shorter(found: re.Match[str]) -> str:
        before, number, unit = found.groups()
        return f"{before}{max(EVERY_S * 1000, int(number) * MS[unit] // times)}ms"

    return DURATION.sub(shorter, rules)
