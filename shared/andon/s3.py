"""What the driver of S3 is told, so that a store that is away ends in words, and soon.

Alone, `s3fs` tries five times what botocore tries five times: a server that takes connections and says nothing holds a
stage for minutes. Whoever wants it otherwise says so in FSSPEC_S3, as fsspec reads it; what stands there holds.
"""

from collections.abc import Mapping
from typing import Any

import fsspec
from fsspec.dircache import DirCache

PROTOCOLS = ("s3", "s3a")
CONNECT_S, READ_S = 5, 10
ATTEMPTS, TRIES = 3, 2
"""Of botocore, and of the driver with it. A silent server is given up after TRIES x ATTEMPTS x READ_S = 60 s, sooner
than a stage counts as stalled (90 s); one that refuses after a second or two."""

DENIED = (
    "see whether the credentials (AWS_SHARED_CREDENTIALS_FILE, or what the cloud gives) are right, and may do "
    "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there"
)
UNKNOWN = "name a credentials file in AWS_SHARED_CREDENTIALS_FILE, or give the service account a role of the cloud's"


def options(url: str) -> dict[str, Any]:
    """What the driver of `url` is opened with: for S3, how long it may take."""
    if url.partition("://")[0] not in PROTOCOLS:
        return {}
    return {"config_kwargs": _patience() | _said().get("config_kwargs", {})}


def bound(driver: Any) -> Any:
    """`driver`, as a store wants it: it remembers no listings, since others write there, too; S3's tries no more often
    than it should. Neither is for its constructor: not every driver's takes the one, and none the other."""
    if isinstance(getattr(driver, "dircache", None), DirCache):
        driver.dircache.use_listings_cache = False
    names = (driver.protocol,) if isinstance(driver.protocol, str) else driver.protocol
    if set(PROTOCOLS) & set(names):
        driver.retries = TRIES
    return driver


def replaced(error: BaseException) -> bool:
    """Whether another object was put there between the look at its size and the reading of its bytes."""
    return type(error).__name__ == "FileExpired"


def no_bucket(error: BaseException) -> bool:
    """Whether it is the bucket that is missing, not the object."""
    said = getattr(error.__cause__, "response", None) or {}
    return bool(said.get("Error", {}).get("Code") == "NoSuchBucket")


def advice(error: BaseException) -> str:
    """What to do about an error of the store; '' where its own words say it."""
    if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return UNKNOWN
    denied = isinstance(error, PermissionError) and hasattr(error.__cause__, "response")
    return DENIED if denied else ""


def _patience() -> dict[str, Any]:
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    return {"connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": retries}


def _said() -> Mapping[str, Any]:
    """What the operator told fsspec."""
    return {name: value for each in PROTOCOLS for name, value in fsspec.config.conf.get(each, {}).items()}
