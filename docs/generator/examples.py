"""One example of everything that travels, shown in the pages and held against the schemas by the tests."""

from base64 import b64encode
from datetime import UTC, datetime

from andon.health import ImageHealth
from andon.ids import derived_id, finding_id, frame_id, notice_id
from andon.preparation import Preparation
from andon.reasons import Reason
from andon.records import (
    Answer,
    Assignment,
    Cause,
    Deed,
    Did,
    Event,
    Evidence,
    Finding,
    FindingKind,
    Frame,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Measure,
    Notice,
    NoticeKind,
    PreparedFrame,
    Proof,
    Refusal,
    Region,
    Request,
    RequestNews,
    RequestState,
    Rescored,
    Score,
    Severity,
    Silence,
    Swap,
    Told,
    Verdict,
    Wish,
)
from andon.stage import Record, Rejected

CAPTURED = datetime(2026, 3, 2, 6, 30, 0, 125000, UTC)
SCORED = datetime(2026, 3, 2, 6, 30, 0, 171000, UTC)
EPOCH = 1_772_433_000_000
BUNDLE = "4be1" * 16
ID = frame_id("weld-07", EPOCH, 412)
INCIDENT = derived_id(ID, "weld-07", Cause.DEFECT_SURGE)
PLACE = FramePlace(topic="camera.frames", partition=3, offset=90211)
REGIONS = (Region(x=812, y=344, width=64, height=40, peak=0.61),)
HEALTH = ImageHealth(
    luminance=0.42,
    contrast=0.19,
    clipped_low=0.0,
    clipped_high=0.002,
    sharpness=5.1,
    noise=0.006,
    red_green=1.02,
    blue_green=0.97,
)
FRAMING = b64encode(bytes(range(128))).decode()
FRAME = Frame(
    station="weld-07",
    epoch=EPOCH,
    seq=412,
    frame_id=ID,
    captured_at=CAPTURED,
    content_type="image/jpeg",
    sha256="9f" * 32,
    product="bracket",
    part="SN 20417",
    subject="cam2/000412.jpg",
    dataref="s3://factory/frames/9f/" + "9f" * 32,
    skipped="busy=3",
    golden=f"{BUNDLE}/golden/good-01.png",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    topic=PLACE.topic,
    partition=PLACE.partition,
    offset=PLACE.offset,
)
PREPARED = PreparedFrame(FRAME, (256, 256, 3), Preparation().digest, 1280, 960, (0, 0, 1280, 960), HEALTH, FRAMING)
REJECTED = Rejected(
    Record(PLACE.topic, PLACE.partition, PLACE.offset, b"weld-07", b"\xff\xd8", (), EPOCH),
    Reason.TRUNCATED,
    "jpeg without its end: cut short, or followed by something else",
)
REQUEST = derived_id(ID, "jonas", Wish.MEMORY)
RESCORED = Rescored(defects=14, found_before=14, found_after=14, good=60, called_before=5, called_after=1, missing=2)
EVENTS: tuple[Event, ...] = (
    Assignment(station="weld-07", bundle=BUNDLE, by="mira", why="new lighting", at=CAPTURED),
    Proof(station="weld-07", bundle=BUNDLE, at=CAPTURED),
    Refusal(station="weld-07", bundle=BUNDLE, why="1 of 6 golden frames fail (1 score_moved)", at=CAPTURED),
    Swap(station="weld-07", product="bracket", bundle=BUNDLE, before="77c0" * 16, frame=PLACE, at=SCORED),
    Notice(
        notice_id=notice_id(NoticeKind.ONBOARDED, "weld-07", None, BUNDLE, CAPTURED.isoformat()),
        kind=NoticeKind.ONBOARDED,
        station="weld-07",
        bundle=BUNDLE,
        sentence="weld-07 is inspected from now on: Andon learned from its first 200 frames. Look at them once.",
        at=CAPTURED,
    ),
    Score(
        frame_id=ID,
        station="weld-07",
        epoch=EPOCH,
        seq=412,
        product="bracket",
        part="SN 20417",
        captured_at=CAPTURED,
        scored_at=SCORED,
        verdict=Verdict.ANOMALOUS,
        score=0.61,
        threshold=0.25,
        bundle=BUNDLE,
        regions=REGIONS,
        width=1280,
        height=960,
        frame=PLACE,
        health=HEALTH,
        framing=FRAMING,
    ),
    Answer(
        frame_id=ID,
        station="weld-07",
        answer=Told.REAL,
        defect="spatter",
        by="mira",
        at=SCORED,
        note="third one this morning",
    ),
    Deed(
        deed_id=derived_id(ID, "mira", Did.ANSWERED),
        at=SCORED,
        did=Did.ANSWERED,
        by="mira",
        role="reviewer",
        station="weld-07",
        subject=str(ID),
        after="real, spatter: third one this morning",
        address="10.1.4.17",
    ),
    Request(
        request_id=REQUEST,
        wish=Wish.MEMORY,
        station="weld-07",
        product="bracket",
        bundle=BUNDLE,
        frames=(ID,),
        by="jonas",
        why="the new fixture shines",
        at=SCORED,
    ),
    RESCORED,
    RequestNews(
        request_id=REQUEST,
        state=RequestState.DONE,
        station="weld-07",
        sentence="Bundle 77c077c077c0 knows 1 more frame as good; it still calls all 14 known defects.",
        progress=1.0,
        bundle="77c0" * 16,
        threshold=0.27,
        rescored=RESCORED,
        at=SCORED,
    ),
    Silence(target="weld-07", since=CAPTURED, until=datetime(2026, 3, 2, 8, 30, 0, 0, UTC), why="new jaws", by="mira"),
    Finding(
        finding_id=finding_id("drift", Cause.STATION_BLURRED, "weld-07", CAPTURED.isoformat()),
        kind=FindingKind.BEGAN,
        cause=Cause.STATION_BLURRED,
        station="weld-07",
        bundle=BUNDLE,
        sentence="weld-07: the picture is blurred since 06:30; sharpness fell from 5.1 to 2.2.",
        since=CAPTURED,
        at=SCORED,
        measure=Measure(name="sharpness", value=2.2, limit=3.4),
        by="drift",
    ),
    IncidentEvent(
        event_id=derived_id(INCIDENT, IncidentKind.OPENED, str(ID)),
        incident_id=INCIDENT,
        kind=IncidentKind.OPENED,
        station="weld-07",
        cause=Cause.DEFECT_SURGE,
        severity=Severity.CRITICAL,
        reason="k_of_n_reached",
        at=CAPTURED,
        opened_at=CAPTURED,
        count=3,
        product="bracket",
        bundle=BUNDLE,
        summary="weld-07: 3 of the last 5 frames look defective.",
        first_action="Look at the last parts of this station; stop the line if they are bad.",
        evidence=(
            Evidence(
                frame_id=ID,
                frame=PLACE,
                captured_at=CAPTURED,
                score=0.61,
                threshold=0.25,
                bundle=BUNDLE,
                regions=REGIONS,
                width=1280,
                height=960,
            ),
        ),
    ),
)
