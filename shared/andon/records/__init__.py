"""What travels in the topics. One module a record; JSON Schemas of them all stand in docs/schemas."""

from andon.records.answer import DEFECTIVE, SOUND, Answer, Outline, Told, read_answer
from andon.records.assignment import Assignment, Past, Proof, Refusal, Swap, Trial
from andon.records.baseline import Baseline, Relearn, baseline_key
from andon.records.deed import Deed, Did
from andon.records.drift import Chart, Drift, DriftCause, Moved, Point
from andon.records.event import Event, read_event, write_event
from andon.records.finding import Finding, FindingKind
from andon.records.frame import Frame, frame_headers, identity_headers, read_frame
from andon.records.incident import (
    Cause,
    Change,
    ChangeKind,
    Evidence,
    IncidentEvent,
    IncidentKind,
    Measure,
    Severity,
)
from andon.records.letter import LetterTurn, LetterTurnKind
from andon.records.notice import Notice, NoticeKind
from andon.records.passed import Passed
from andon.records.prepared import PreparedFrame, prepared_headers, read_prepared
from andon.records.reading import Reading, read_reading
from andon.records.request import JobPhase, Request, RequestNews, RequestState, Rescored, Wish
from andon.records.score import FramePlace, Region, Score, Unscorable, Verdict, read_score
from andon.records.silence import Silence

__all__ = [
    "DEFECTIVE",
    "SOUND",
    "Answer",
    "Assignment",
    "Baseline",
    "Cause",
    "Change",
    "ChangeKind",
    "Chart",
    "Deed",
    "Did",
    "Drift",
    "DriftCause",
    "Event",
    "Evidence",
    "Finding",
    "FindingKind",
    "Frame",
    "FramePlace",
    "IncidentEvent",
    "IncidentKind",
    "JobPhase",
    "LetterTurn",
    "LetterTurnKind",
    "Measure",
    "Moved",
    "Notice",
    "NoticeKind",
    "Outline",
    "Passed",
    "Past",
    "Point",
    "PreparedFrame",
    "Proof",
    "Reading",
    "Refusal",
    "Region",
    "Relearn",
    "Request",
    "RequestNews",
    "RequestState",
    "Rescored",
    "Score",
    "Severity",
    "Silence",
    "Swap",
    "Told",
    "Trial",
    "Unscorable",
    "Verdict",
    "Wish",
    "baseline_key",
    "frame_headers",
    "identity_headers",
    "prepared_headers",
    "read_answer",
    "read_event",
    "read_frame",
    "read_prepared",
    "read_reading",
    "read_score",
    "write_event",
]
