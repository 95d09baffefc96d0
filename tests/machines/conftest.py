"""What the tests of machines share: scores, incident events and plans."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from andon.ids import derived_id, frame_id
from andon.line import Burst, Plan
from andon.records import (
    Cause,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    write_event,
)
from andon.stage import Record

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


class OnePlan:
    """Every station lies in one place."""

    burst = Burst()
    shortest_silence_s = None

    def of(self, station: str) -> Plan:
        return Plan(station, site="North field", area="", line="body/2")


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def plans() -> OnePlan:
    return OnePlan()


@pytest.fixture
def score() -> Callable[..., Score]:
    def make(seq: int = 1, verdict: Verdict = Verdict.OK, station: str = "weld-07", **more: Any) -> Score:
        values = {"frame_id": frame_id(station, 1, seq), "captured_at": NOW, "scored_at": NOW} | more
        return Score(
            station=station,
            epoch=1,
            seq=seq,
            verdict=verdict,
            width=8,
            height=8,
            frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
            **values,
        )

    return make


@pytest.fixture
def event() -> Callable[..., IncidentEvent]:
    def make(
        number: int = 1,
        kind: IncidentKind = IncidentKind.OPENED,
        cause: Cause = Cause.DEFECT_SURGE,
        station: str = "weld-07",
        severity: Severity = Severity.CRITICAL,
        **more: Any,
    ) -> IncidentEvent:
        opened = frame_id("weld-07", 2, number)
        return IncidentEvent(
            event_id=derived_id(opened, kind.value),
            incident_id=opened,
            kind=kind,
            station=station,
            cause=cause,
            severity=severity,
            reason="k_of_n",
            at=NOW,
            opened_at=NOW,
            **more,
        )

    return make


@pytest.fixture
def record() -> Callable[..., Record]:
    def make(event: Score | IncidentEvent) -> Record:
        return Record("topic", 0, 0, event.station.encode(), write_event(event))

    return make
