"""Which faults nobody can find at a station, so that a drill of them would say nothing. Pure."""

from andon.framing import allowed_shift
from andon.line import Policy
from andon.manifest import DriftReference
from andon_ingest.drill.faults import Fault
from andon_ingest.drill.pictures import DOWN, RIGHT

NEVER_SILENT = "its plan never calls it silent"
NO_FRAMING = "its bundle is from before shifts were measured; fit it again"
ANYWHERE = "good parts lie too differently there for a shift to be told"


def left_out(policy: Policy, reference: DriftReference | None, strength: float) -> dict[Fault, str]:
    """Faults, and why. Without a reference nothing is known of shifts, so that they are tried."""
    found: dict[Fault, str] = {}
    if policy.silent_after_s is None:
        found[Fault.SILENCE] = NEVER_SILENT
    why = _no_shift(reference, strength) if reference is not None else None
    return found | ({Fault.SHIFT: why} if why else {})


def _no_shift(reference: DriftReference, strength: float) -> str | None:
    framing = reference.framing
    if framing is None:
        return NO_FRAMING
    ways = ((allowed_shift(framing.right.quantiles), RIGHT), (allowed_shift(framing.down.quantiles), DOWN))
    return None if any(allowed is not None and by * strength > allowed for allowed, by in ways) else ANYWHERE
