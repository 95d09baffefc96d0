"""The false-call rate of a station against its budget, as its tile shows it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from andon.line import Plan
from andon.rates import Standing, against, this_shift
from andon.records.assignment import EVERY
from andon_console.rates.tally import LiveRates


@dataclass(frozen=True, slots=True)
class Rate:
    """`text` such as "1.2 / 1,000, budget 2"; `standing` is UNCLEAR too where nobody set a budget."""

    text: str
    standing: Standing


def rate_of(rates: LiveRates, plan: Plan, product: str | None, now: datetime) -> Rate | None:
    """Of the shift that is on: of `product` where products have budgets of their own, else of all of the station's.

    None where nothing was scored. What nobody answered yet is told as the most that it can be.
    """
    false_calls, _ = rates.of(plan.station, product if plan.budgets else EVERY, this_shift(plan, now))
    if false_calls is None:
        return None
    budget = plan.budget_of(product)
    value = false_calls.value
    share = f"≤ {_thousandths(false_calls.high)}" if value is None else _thousandths(value)
    limit = f", budget {_thousandths(budget)}" if budget is not None else ""
    standing = Standing.UNCLEAR if budget is None else against(false_calls, budget)
    return Rate(f"{share} / 1,000{limit}", standing)


def _thousandths(share: float) -> str:
    """A share, in parts of a thousand, with two digits where it is small."""
    parts = share * 1000
    return f"{parts:.0f}" if parts >= 10 or parts == 0 else f"{parts:.2g}"
