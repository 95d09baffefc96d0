"""Which nodes are written, of what type, and what stands in them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.ua.uaerrors import UaError

from andon.errors import Mistake
from andon.settings import variable
from andon_machines.result import Action, PartResult
from andon_machines.settings import NodeSettings

T = ua.VariantType
BITS = {T.SByte: 7, T.Byte: 8, T.Int16: 15, T.UInt16: 16, T.Int32: 31, T.UInt32: 32, T.Int64: 63, T.UInt64: 64}
"""The integers a node may hold, and how many bits of a count fit without a sign: it goes round."""

FITS: Mapping[type, tuple[str, Sequence[ua.VariantType]]] = {
    bool: ("Boolean", (T.Boolean,)),
    str: ("String", (T.String,)),
    float: ("Double or Float", (T.Double, T.Float)),
    int: ("an integer", tuple(BITS)),
}
ANY = (T.Variant, T.Null)
"""A node that takes any type; it gets the first that fits."""

KINDS: Mapping[str, type] = {
    "verdict": str,
    "reject": bool,
    "hold": bool,
    "score": float,
    "threshold": float,
    "part": str,
    "frame_id": str,
    "late": bool,
    "seq": int,
    "incident_open": bool,
    "incident_cause": str,
    "heartbeat": int,
}
OF_A_VERDICT = ("verdict", "score", "threshold", "part", "frame_id", "late", "hold", "reject", "seq")
"""In the order they are written: what a program acts on comes last, and what it waits for at the very last."""


@dataclass(frozen=True, slots=True)
class Place:
    """One node: whose, for what."""

    station: str
    field: str
    text: str
    node_id: ua.NodeId

    @property
    def variable(self) -> str:
        """The setting that names it."""
        return variable(("opcua", "nodes", self.field))


Places = Mapping[tuple[str, str], Place]
"""By station and field."""


def places(settings: NodeSettings, stations: Sequence[str]) -> Places:
    """Every node that is written. Raises Mistake for what is no node id, and for two things in one node."""
    found = {(place.station, place.field): place for place in _places(settings, stations)}
    seen: dict[ua.NodeId, Place] = {}
    for place in found.values():
        other = seen.setdefault(place.node_id, place)
        if other.station == place.station and other.field != place.field:
            raise Mistake(f"{place.variable} and {other.variable} are one node, {place.text}")
        if other.station != place.station and place.field != "heartbeat":
            raise Mistake(
                f"{place.variable}: {place.text} is the node of both {other.station} and {place.station}; "
                "{station} in it keeps them apart"
            )
    return found


def _places(settings: NodeSettings, stations: Sequence[str]) -> Iterator[Place]:
    for station in stations:
        for field in KINDS:
            template: str | None = getattr(settings, field)
            if template is not None:
                text = template.format_map({"station": station})
                yield Place(station, field, text, _node_id(field, text))


def _node_id(field: str, text: str) -> ua.NodeId:
    try:
        return ua.NodeId.from_string(text)
    except (UaError, ValueError) as error:
        raise Mistake(
            f"{variable(('opcua', 'nodes', field))}: {text!r} is no node id ({error}); it looks like ns=2;s=Some.Name"
        ) from None


def fitting(place: Place, there: ua.VariantType) -> ua.VariantType:
    """The type to write to a node whose type is `there`. Raises Mistake when what we have does not fit."""
    wanted, types = FITS[KINDS[place.field]]
    if there in ANY:
        return T.UInt32 if types == tuple(BITS) else types[0]
    if there in types:
        return there
    raise Mistake(f"{place.variable}: {place.text} is {there.name} on the server, and has to be {wanted}")


def values(result: PartResult) -> dict[str, Any]:
    """What stands in each node of a station after this verdict."""
    return {
        "verdict": result.verdict.value,
        "reject": result.action is Action.REJECT,
        "hold": result.action is Action.HOLD,
        "score": math.nan if result.score is None else result.score,
        "threshold": math.nan if result.threshold is None else result.threshold,
        "part": result.part_id or "",
        "frame_id": str(result.result_id),
        "late": result.late,
        "seq": result.seq,
    }


def data_value(value: Any, kind: ua.VariantType) -> ua.DataValue:
    """As it is written: without times or status, which many a PLC refuses to be told."""
    if kind in BITS:
        value %= 1 << BITS[kind]
    return ua.DataValue(ua.Variant(value, kind), StatusCode=None)
