"""What travels in the topics. One module a record; JSON Schemas of them all stand in docs/schemas."""

from andon.records.answer import Answer, Told
from andon.records.assignment import Assignment, Past, Proof, Refusal, Swap, Trial
from andon.records.event import Event, read_event, write_event
from andon.records.frame import Frame, frame_headers, read_frame
from andon.records.incident import Cause, Evidence, IncidentEvent, IncidentKind, Severity
from andon.records.notice import Notice, NoticeKind
from andon.records.prepared import PreparedFrame, prepared_headers, read_prepared
from andon.records.score import FramePlace, Region, Score, Unscorable, Verdict

__all__ = [
    "Answer",
    "Assignment",
    "Cause",
    "Event",
    "Evidence",
    "Frame",
    "FramePlace",
    "IncidentEvent",
    "IncidentKind",
    "Notice",
    "NoticeKind",
    "Past",
    "PreparedFrame",
    "Proof",
    "Refusal",
    "Region",
    "Score",
    "Severity",
    "Swap",
    "Told",
    "Trial",
    "Unscorable",
    "Verdict",
    "frame_headers",
    "prepared_headers",
    "read_event",
    "read_frame",
    "read_prepared",
    "write_event",
]
