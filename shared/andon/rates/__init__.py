"""How often inspection calls good parts, and how often it lets bad ones pass, by what people say: live, with intervals.

`tallies` (what alerting counts, in Redis) and `gauges` are for those who have Redis and metrics at hand.
"""

from andon.rates.audit import is_audited
from andon.rates.counted import Bucket, Counted, Kind, Tallies
from andon.rates.estimates import Estimate, Standing, against, at_least, escape_rate, false_call_rate
from andon.rates.rates import Rates
from andon.rates.spans import Span, last_day, quarter_of, this_shift

__all__ = [
    "Bucket",
    "Counted",
    "Estimate",
    "Kind",
    "Rates",
    "Span",
    "Standing",
    "Tallies",
    "against",
    "at_least",
    "escape_rate",
    "false_call_rate",
    "is_audited",
    "last_day",
    "quarter_of",
    "this_shift",
]
