"""Hostile frames through the real preprocess: each is a dead letter with its reason, and the process lives on."""

from collections.abc import Callable, Iterator

import pytest

from andon.ids import frame_id, sha256_hex
from andon.reasons import Reason
from andon.records import Verdict
from andon.stage import Headers, Message
from andon.testing import hostile
from andon.topics import DEAD_LETTERS, FRAMES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

KEY = b"press-1"


def ours(data: bytes, seq: int, sha256_of: bytes | None = None, **changes: bytes) -> Headers:
    """The headers of a frame that ingest captured, of `sha256_of` before it was damaged."""
    headers = {
        "ce_id": str(frame_id("press-1", 1, seq)).encode(),
        "ce_time": b"2026-01-01T00:00:00Z",
        "ce_station": KEY,
        "ce_epoch": b"1",
        "ce_seq": str(seq).encode(),
        "ce_sha256": sha256_hex(data if sha256_of is None else sha256_of).encode(),
    }
    return tuple((headers | changes).items())


def damaged() -> Iterator[tuple[str, Message, Reason]]:
    """H1: what a network or a disk does to a picture; the checksum is of the whole one."""
    whole = hostile.jpeg(hostile.photo(320, 240))
    cases = {
        "cut": (hostile.cut(whole), Reason.CHECKSUM_MISMATCH),
        "cut but closed": (hostile.cut_but_closed(whole), Reason.CHECKSUM_MISMATCH),
        "a packet missing": (hostile.without(whole), Reason.CHECKSUM_MISMATCH),
        "a block of zeros": (hostile.zeroed(whole), Reason.CHECKSUM_MISMATCH),
        "a bit flipped": (hostile.with_bit_flipped(whole), Reason.CHECKSUM_MISMATCH),
    }
    for seq, (name, (data, reason)) in enumerate(cases.items()):
        yield f"H1 {name}", Message(FRAMES, KEY, data, ours(data, seq, whole)), reason
    yield "H1 cut, without a checksum", Message(FRAMES, KEY, hostile.cut(whole)), Reason.TRUNCATED


def exploding() -> Iterator[tuple[str, Message, Reason]]:
    """H3, H4: small to send, dear to decode."""
    small = hostile.photo(320, 240)
    cases = {
        "H3 PNG bomb": (hostile.png_bomb(), Reason.TOO_MANY_PIXELS),
        "H3 2^31 claimed": (hostile.png_of(2**31 - 1, 2**31 - 1, pixels=b"x"), Reason.TOO_MANY_PIXELS),
        "H4 progressive": (hostile.progressive(hostile.photo(64, 48), 500), Reason.PROGRESSIVE),
        "H4 baseline in many scans": (hostile.first_scan_of_one_component(hostile.jpeg(small)), Reason.PROGRESSIVE),
    }
    for name, (data, reason) in cases.items():
        yield name, Message(FRAMES, KEY, data), reason


def disguised() -> Iterator[tuple[str, Message, Reason]]:
    """H5: what is not an image we decode, whatever it says of itself."""
    for name, data in hostile.OTHER_FORMATS.items():
        yield f"H5 {name}", Message(FRAMES, KEY, data), Reason.UNSUPPORTED_FORMAT
    photo = hostile.jpeg(hostile.photo(64, 64))
    yield "H5 empty", Message(FRAMES, KEY, b""), Reason.EMPTY
    yield "H5 text", Message(FRAMES, KEY, b"GET / HTTP/1.1\r\n\r\n"), Reason.NOT_AN_IMAGE
    yield "H5 a zip behind a JPEG", Message(FRAMES, KEY, photo + hostile.ZIP_TAIL), Reason.TRUNCATED


def misnamed(photo: bytes) -> Iterator[tuple[str, Message, Reason]]:
    """H9: keys and headers that would forge a log line, leave a folder, or fill a metric."""
    keys = {
        "none": None,
        "a line break": b"press\n1",
        "leaves its folder": b"../../etc/passwd",
        "10 KB": b"a" * 10_240,
        "unicode": "präss-1".encode(),
        "not UTF-8": b"\xff\xfe",
        "an escape": b"\x1b[2Jpress",
    }
    for name, key in keys.items():
        yield f"H9 key: {name}", Message(FRAMES, key, photo), Reason.BAD_STATION
    station = {"ce_station": b"../press\n"}
    yield "H9 station header", Message(FRAMES, KEY, photo, ours(photo, 90, **station)), Reason.BAD_STATION
    headers = {
        "a line break in product": {"ce_product": b"screw\nlevel=error"},
        "10 KB product": {"ce_product": b"x" * 10_240},
        "a path as part": {"ce_part": b"../../part"},
        "part not UTF-8": {"ce_part": b"\xff\xff"},
        "seq is no number": {"ce_seq": b"12a"},
        "seq below zero": {"ce_seq": b"-1"},
        "epoch too large": {"ce_epoch": b"9" * 19},
        "no time": {"ce_time": b"yesterday"},
        "subject with an escape": {"ce_subject": b"\x1b[2J"},
    }
    for seq, (name, changes) in enumerate(headers.items(), 91):
        yield f"H9 {name}", Message(FRAMES, KEY, photo, ours(photo, seq, **changes)), Reason.BAD_HEADER
    many = tuple((f"x-{number}", b"1") for number in range(500))
    yield "H9 500 headers", Message(FRAMES, KEY, photo, many), Reason.BAD_HEADER
    null = (("ce_product", None),)
    yield "H9 a header without value", Message(FRAMES, KEY, photo, null), Reason.BAD_HEADER  # type: ignore[arg-type]
    elsewhere = ours(b"", 120, ce_dataref=b"file:///etc/passwd")
    yield "H9 a claim check elsewhere", Message(FRAMES, KEY, b"", elsewhere), Reason.BAD_HEADER


def test_each_hostile_frame_is_a_dead_letter_with_its_reason_and_the_good_ones_are_scored(
    trial: Trial, flat: Callable[[int], bytes]
) -> None:
    trial.start("preprocess", "scoring")
    cases = [*damaged(), *exploding(), *disguised(), *misnamed(flat(60))]
    reasons = {sha(message): (name, reason) for name, message, reason in cases}
    good = [Message(FRAMES, KEY, flat(40 + index)) for index in range(len(cases))]
    before = trial.service("preprocess").process.pid
    trial.write(*(message for (_, bad, _), fine in zip(cases, good, strict=True) for message in (bad, fine)))
    trial.until(lambda: not (trial.behind("preprocess", FRAMES)), "preprocess to have seen all")
    trial.until(lambda: len(trial.ledger().scores) == len(good), "the good frames to be scored")

    said = {}
    for letter in trial.read(DEAD_LETTERS):
        own = tuple(pair for pair in letter.headers if not pair[0].startswith("andon-"))
        name, reason = reasons[sha(Message(FRAMES, letter.key, letter.value, own))]
        said[name] = (letter.header("andon-reason") or b"").decode(), reason
    assert {name: pair for name, pair in said.items() if pair[0] != pair[1]} == {}
    assert said.keys() == {name for name, _, _ in cases}
    ledger = trial.ledger()
    assert ledger.balanced
    assert not ledger.contradictions
    assert {scores[0].verdict for scores in ledger.scores.values()} == {Verdict.OK}
    assert {round(scores[0].score or 0) for scores in ledger.scores.values()} <= set(range(37, 43 + len(cases)))
    assert trial.service("preprocess").process.pid == before
    assert trial.service("preprocess").process.running


def sha(message: Message) -> str:
    """What tells one case from the others."""
    return sha256_hex(repr((message.key, message.value, message.headers)).encode())
