"""The line file: one YAML file that describes a line in sentences, and what services ask of it."""

from andon.line.follow import LineFile
from andon.line.plan import Burst, Plan, Plans, Window
from andon.line.policy import Policy
from andon.line.shifts import Shift, Shifts

__all__ = ["Burst", "LineFile", "Plan", "Plans", "Policy", "Shift", "Shifts", "Window"]
