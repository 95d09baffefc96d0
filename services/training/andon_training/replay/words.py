"""What all findings are said in: shares with their intervals, counts by name, the table of two judges."""

from collections import Counter

from andon.comparing.pairing import Agreement
from andon.rates.intervals import Rate
from andon_training.evaluate.report import NOTHING, percent
from andon_training.replay.page import Table

Record = dict[str, object]


def agreement_record(agreement: Agreement, first: str, second: str) -> Record:
    """The 2x2 table by name."""
    return {
        "compared": agreement.frames,
        "flips": agreement.flips,
        "both_ok": agreement.both_ok,
        "both_anomalous": agreement.both_anomalous,
        f"only_{first}": agreement.only_first,
        f"only_{second}": agreement.only_second,
        f"only_{first}_share": rate_record(agreement.share(agreement.only_first)),
        f"only_{second}_share": rate_record(agreement.share(agreement.only_second)),
    }


def rate_record(found: Rate | None) -> Record | None:
    """A counted share for programs."""
    if found is None:
        return None
    return {"count": found.count, "of": found.of, "share": found.value, "low": found.low, "high": found.high}


def verdict_table(agreement: Agreement, first: str, second: str) -> Table:
    """The 2x2 table with sums."""
    a = agreement
    rows = (
        (f"{first}: ok", str(a.both_ok), str(a.only_second), str(a.both_ok + a.only_second)),
        (f"{first}: anomalous", str(a.only_first), str(a.both_anomalous), str(a.only_first + a.both_anomalous)),
        ("all", str(a.both_ok + a.only_first), str(a.only_second + a.both_anomalous), str(a.frames)),
    )
    return Table("Verdicts", ("frames", f"{second}: ok", f"{second}: anomalous", "all"), rows)


def counted(counts: Counter[str]) -> str:
    """Names with their numbers, the most frequent first."""
    return ", ".join(f"{name} {n}" for name, n in counts.most_common())


def share(found: Rate) -> str:
    """A count with its share and where the truth lies."""
    return f"{found.count} of {found.of} ({percent(found)}; truly {percent(found.low)} to {percent(found.high)})"


def count_of(found: Rate | None) -> str:
    """A count out of how many."""
    return f"{found.count} of {found.of}" if found else NOTHING


def truly(found: Rate | None) -> str:
    """Where the true share lies, in words that need no heading."""
    return f"truly {interval(found)} of them" if found else NOTHING


def interval(found: Rate | None) -> str:
    """Where the true share lies."""
    return f"{percent(found.low)} to {percent(found.high)}" if found else NOTHING
