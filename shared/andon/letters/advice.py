"""What each reason of a dead letter means, and what to do about it: for whoever has never met it."""

from typing import NamedTuple

from andon.reasons import Reason


class Advice(NamedTuple):
    """`means` completes "this record ...". `do` is what to do about it."""

    means: str
    do: str


UNKNOWN = Advice(
    "was refused for a reason that this Andon does not know",
    "A newer Andon wrote it: look with that one's command.",
)

ADVICE: dict[Reason, Advice] = {
    Reason.BAD_RECORD: Advice(
        "is not what its topic promises: not its JSON, tensor or headers",
        "Find who wrote it: only Andon's services write there. Replay it once both run one version, or discard it.",
    ),
    Reason.BAD_STATION: Advice(
        "names no station: it has no key, or a key that cannot be a station id",
        "Have its producer send the station as the record key: a-z, 0-9, '-', '.', '_'. Then discard: a key cannot be "
        "mended by a replay.",
    ),
    Reason.BAD_HEADER: Advice(
        "has a header that is not what its name promises",
        "The detail names the header. Mend it in the producer; a replay brings the same header again, so discard it.",
    ),
    Reason.SCHEMA_TOO_NEW: Advice(
        "was written by a newer Andon than the one that read it",
        "Upgrade the service that refused it, then replay.",
    ),
    Reason.MISSING_DATA: Advice(
        "names an image in the store that the store does not hold",
        "See that ANDON_STORE__FRAMES is the same for ingest and preprocess and that the store answers; then replay.",
    ),
    Reason.TOO_LARGE: Advice(
        "has more bytes than a record or an image may have",
        "Have the camera send less, or raise ANDON_IMAGES__MAX_BYTES of preprocess and replay.",
    ),
    Reason.EMPTY: Advice(
        "has no bytes at all",
        "Look at the camera or the producer: it sent nothing. There is nothing to replay: discard it.",
    ),
    Reason.NOT_AN_IMAGE: Advice(
        "begins like no image, or is broken inside its header",
        "Save its bytes and see what they are: its producer sends something else than images. Mend that, then discard.",
    ),
    Reason.UNSUPPORTED_FORMAT: Advice(
        "is an image, but none of the kinds that are read",
        "Have the camera send baseline JPEG, plain PNG, or .npy of 8 or 16 bits; then discard.",
    ),
    Reason.PROGRESSIVE: Advice(
        "is a JPEG in many scans, which can cost seconds to decode",
        "Switch progressive JPEG off at the camera; then discard: the same bytes would be refused again.",
    ),
    Reason.TOO_MANY_PIXELS: Advice(
        "is larger than the limit once decoded, or does not say how large",
        "Set the camera to fewer pixels, or raise ANDON_IMAGES__MAX_PIXELS of preprocess and replay.",
    ),
    Reason.TRUNCATED: Advice(
        "ends before its image does, or is followed by something else",
        "Look at the camera, its cable and the network: bytes are lost on the way. Then discard.",
    ),
    Reason.CHECKSUM_MISMATCH: Advice(
        "has other bytes than its maker counted",
        "Something changed them on the way: look at what lies between the camera and Kafka. Then discard.",
    ),
    Reason.DECODE_FAILED: Advice(
        "was refused by the decoder, whatever its header promised",
        "Save its bytes and open them. Where other programs show it, tell the maintainers; else mend the camera.",
    ),
    Reason.WRONG_CHANNELS: Advice(
        "has other planes than the preparation of its bundle asks for",
        "Set the camera as it was when the bundle was made, or assign a bundle made from such images; then replay.",
    ),
    Reason.BAD_CROP: Advice(
        "is smaller than what its bundle looks at: the crop lies outside this image",
        "Set the camera's resolution as it was, or assign a bundle made from such images; then replay.",
    ),
}


def advice(reason: str) -> Advice:
    """What a reason means, one that nobody knows too."""
    return ADVICE.get(Reason(reason), UNKNOWN) if reason in set(Reason) else UNKNOWN
