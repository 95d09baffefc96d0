"""What a drill makes go wrong, which cause it must be called, and what may be told beside it. Pure."""

from enum import StrEnum

from andon.records import Cause


class Fault(StrEnum):
    """One thing that goes wrong at a station."""

    BLUR = "blur"  # out of focus, or a dirty lens
    DIM = "dim"  # half the light is gone
    SHIFT = "shift"  # somebody knocked against the camera
    FROZEN = "frozen"  # the camera sends one picture again and again
    DEFECT = "defect"  # one part after another is scarred
    SILENCE = "silence"  # no frame comes


EXPECTED: dict[Fault, tuple[Cause, ...]] = {
    Fault.BLUR: (Cause.STATION_BLURRED,),
    Fault.DIM: (Cause.STATION_DARK,),
    Fault.SHIFT: (Cause.CAMERA_MOVED,),
    Fault.FROZEN: (Cause.STATION_FROZEN,),
    Fault.DEFECT: (Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT),
    Fault.SILENCE: (Cause.STATION_SILENT,),
}
"""The right names, any of which will do."""

OF_THE_PICTURE = frozenset({Fault.BLUR, Fault.DIM, Fault.SHIFT})
"""A spoilt picture may look like bad parts as well, until its cause is named."""

ALIKE = frozenset({Cause.DEFECT_SURGE, Cause.SEVERE_DEFECT})


def may_be_told(fault: Fault) -> frozenset[Cause]:
    """Causes that are not wrong beside the right one: what the right one explains, and Alertmanager holds back."""
    return frozenset(EXPECTED[fault]) | (ALIKE if fault in OF_THE_PICTURE else frozenset())
