"""Why a message can never succeed: the closed set that dead letters, metrics and tests share."""

from enum import StrEnum


class Reason(StrEnum):
    """A dead letter's reason."""

    # What stands in the record
    BAD_RECORD = "bad_record"  # not the JSON, the tensor or the headers its topic promises
    BAD_STATION = "bad_station"  # no key, or a key that cannot be a station id
    BAD_HEADER = "bad_header"  # a header that is not what its name promises
    SCHEMA_TOO_NEW = "schema_too_new"  # written by a newer Andon than this one
    MISSING_DATA = "missing_data"  # the claim check names bytes the store does not hold
    TOO_LARGE = "too_large"  # more bytes than any record or image may have
    # What stands in the image
    EMPTY = "empty"  # no bytes at all
    NOT_AN_IMAGE = "not_an_image"  # begins like no image, or is broken inside its header
    UNSUPPORTED_FORMAT = "unsupported_format"  # an image, but neither baseline JPEG, plain PNG nor .npy of 8 or 16 bits
    PROGRESSIVE = "progressive"  # a JPEG in many scans, which can cost seconds to decode
    TOO_MANY_PIXELS = "too_many_pixels"  # larger once decoded than the limit, or no size given
    TRUNCATED = "truncated"  # ends before the image does, or is followed by something else
    CHECKSUM_MISMATCH = "checksum_mismatch"  # not the bytes its maker counted
    DECODE_FAILED = "decode_failed"  # the decoder refused what its header promised
    WRONG_CHANNELS = "wrong_channels"  # has other planes than the preparation asks for
    BAD_CROP = "bad_crop"  # the preparation's crop lies outside this image
