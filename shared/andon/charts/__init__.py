"""Charts that tell when a number of a place has changed, with a stated mean time between false alarms.

`learn` makes a reference of a stretch of frames; `Charts` of that reference advance by BASE frames at a time.

- sample.py: a stretch of frames, and the grid of places. normal_scores.py: numbers as normal scores.
- dependence.py, blocks.py, process.py: how frames resemble their neighbours, and how many make an independent block.
- run_length.py, shape.py, uncertainty.py: how long a chart goes without a false alarm, whatever is not known exactly.
- cusum.py, ewma.py (on block means), wasserstein.py, distances.py, hotelling.py (on windows: windows.py, stretches.py),
  bernoulli.py (on anomalous frames), places.py (on where maps are highest): the charts, each with its limit.
- number.py, learn.py put a reference together; charts.py, fixed.py, gathering.py run it, packing.py keeps its state.
"""

from andon.charts.bernoulli import REJECTS
from andon.charts.charts import EMBEDDING, TOGETHER, Alarm, Charts, Step
from andon.charts.learn import ENOUGH, Learned, TooFew, learn
from andon.charts.normal_scores import z
from andon.charts.places import PLACES
from andon.charts.sample import BASE, COLUMNS, ROWS, Sample, cell

__all__ = [
    "BASE",
    "COLUMNS",
    "EMBEDDING",
    "ENOUGH",
    "PLACES",
    "REJECTS",
    "ROWS",
    "TOGETHER",
    "Alarm",
    "Charts",
    "Learned",
    "Sample",
    "Step",
    "TooFew",
    "cell",
    "learn",
    "z",
]
