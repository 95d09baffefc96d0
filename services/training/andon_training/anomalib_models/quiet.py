"""anomalib, Lightning and timm without chatter, and without the network unless it is asked for."""

import logging
import os
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from andon.errors import Mistake

TALKERS = (
    "lightning",
    "lightning.pytorch",
    "lightning.fabric",
    "lightning_fabric.utilities.rank_zero",
    "anomalib",
    "timm",
)


def hush() -> None:
    """Before any of them is imported: no telemetry, no bars of their own, no look for updates."""
    os.environ.update(
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TQDM_DISABLE="1",
        NO_ALBUMENTATIONS_UPDATE="1",
        ANONYMIZED_TELEMETRY="False",
        DISABLE_TIPS="1",
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Words and warnings that only a developer of the libraries could follow are not shown."""
    for name in TALKERS:  # each time: importing Lightning gives its own words back to it
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def offline(allowed: bool) -> Iterator[None]:
    """No download while this lasts, unless `allowed`: whatever tries one gets a Mistake that names the address."""
    if allowed:
        yield
        return
    from huggingface_hub import constants

    def refuse(_self: Any, request: Any, *_args: Any, **_more: Any) -> None:
        address = request if isinstance(request, str) else request.full_url
        raise Mistake(
            f"the model wants {address}, and nothing is fetched unless you say --download; "
            "fetch it elsewhere, or choose another model or --set another source"
        )

    with replaced(constants, "HF_HUB_OFFLINE", True), replaced(urllib.request.OpenerDirector, "open", refuse):
        yield


@contextmanager
def replaced(where: Any, name: str, by: Any) -> Iterator[None]:
    """`where.name` is `by` while this lasts: libraries that offer no other door."""
    before = getattr(where, name)
    setattr(where, name, by)
    try:
        yield
    finally:
        setattr(where, name, before)
