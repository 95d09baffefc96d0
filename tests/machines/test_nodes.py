"""Names of topics and nodes, and what fits into a node."""

import math

import pytest
from asyncua import ua
from pydantic import ValidationError

from andon.errors import Mistake
from andon_machines.names import topic
from andon_machines.nodes import KINDS, OF_A_VERDICT, Place, data_value, fitting, places
from andon_machines.settings import MachinesSettings, MqttSettings, NodeSettings, OpcUaSettings

T = ua.VariantType
TEMPLATE = "andon/{site}/{area}/{line}/{station}/verdict"


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ({"site": "North", "area": "a", "line": "b", "station": "weld-07"}, "andon/North/a/b/weld-07/verdict"),
        ({"station": "weld-07"}, "andon/weld-07/verdict"),
        ({"site": "a/b+c#", "station": "weld-07"}, "andon/a-b-c-/weld-07/verdict"),
        ({"line": "body"}, "andon/body/verdict"),
    ],
)
def test_a_topic_leaves_empty_levels_out_and_holds_no_wildcards(levels: dict[str, str], told: str):
    assert topic(TEMPLATE, levels) == told


@pytest.mark.parametrize("template", ["andon/+/verdict", "andon/#", "", "/andon", "andon/{part}", "andon/{station!r}"])
def test_a_topic_that_cannot_be_published_to_is_refused(template: str):
    with pytest.raises(ValidationError):
        MqttSettings(verdict_topic=template)


def place(field: str) -> Place:
    return places(NodeSettings(hold="ns=2;s={station}.Hold"), ["weld-07"])["weld-07", field]


@pytest.mark.parametrize(
    ("field", "there", "written"),
    [
        ("score", T.Float, T.Float),
        ("score", T.Double, T.Double),
        ("seq", T.UInt16, T.UInt16),
        ("seq", T.Int64, T.Int64),
        ("seq", T.Variant, T.UInt32),
        ("reject", T.Boolean, T.Boolean),
        ("verdict", T.String, T.String),
    ],
)
def test_a_node_gets_the_type_that_it_has(field: str, there: ua.VariantType, written: ua.VariantType):
    assert fitting(place(field), there) is written


@pytest.mark.parametrize(
    ("field", "there"), [("score", T.Int32), ("reject", T.Byte), ("verdict", T.Boolean), ("seq", T.Double)]
)
def test_a_node_of_another_type_is_refused_by_name(field: str, there: ua.VariantType):
    with pytest.raises(
        Mistake, match=rf"ANDON_OPCUA__NODES__{field.upper()}: ns=2;s=Andon\.weld-07\.\w+ is {there.name}"
    ):
        fitting(place(field), there)


@pytest.mark.parametrize(
    ("kind", "value", "held"), [(T.UInt16, 65_537, 1), (T.Int16, 32_769, 1), (T.UInt32, 2**32 + 5, 5), (T.Int64, 7, 7)]
)
def test_a_count_goes_round_where_the_node_is_too_small_for_it(kind: ua.VariantType, value: int, held: int):
    assert data_value(value, kind).Value == ua.Variant(held, kind)


def test_a_value_is_written_without_times_and_status_which_plcs_refuse():
    written = data_value(math.nan, T.Float)
    assert (written.StatusCode, written.SourceTimestamp, written.ServerTimestamp) == (None, None, None)


def test_seq_is_written_last_and_reject_before_it():
    assert OF_A_VERDICT[-2:] == ("reject", "seq")
    assert set(OF_A_VERDICT) == set(KINDS) - {"incident_open", "incident_cause", "heartbeat"}


def test_two_stations_never_share_a_node_but_the_heartbeat_s():
    with pytest.raises(Mistake, match="is the node of both weld-07 and press-1"):
        places(NodeSettings(reject="ns=3;s=Reject"), ["weld-07", "press-1"])
    shared = places(NodeSettings(heartbeat="ns=3;s=Heartbeat"), ["weld-07", "press-1"])
    assert shared["weld-07", "heartbeat"].node_id == shared["press-1", "heartbeat"].node_id


def test_two_things_never_share_a_node():
    with pytest.raises(Mistake, match="are one node"):
        places(NodeSettings(reject="ns=3;s={station}", late="ns=3;s={station}"), ["weld-07"])


def test_what_is_no_node_id_is_told_with_one_that_is():
    with pytest.raises(Mistake, match="ANDON_OPCUA__NODES__REJECT: 'Reject' is no node id"):
        places(NodeSettings(reject="Reject"), ["weld-07"])


def test_a_node_that_is_none_is_not_written():
    assert ("weld-07", "part") not in places(NodeSettings(part=None), ["weld-07"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "opc.tcp://plc:4840"}, "stations is needed"),
        ({"url": "opc.tcp://plc:4840", "stations": "Weld 07"}, "a station id may hold"),
        ({"url": "http://plc:4840", "stations": "weld-07"}, "match pattern"),
        ({"security_policy": "Basic256Sha256"}, "needs certificate_location"),
        ({"nodes": {"reject": "ns=2;s={line}"}}, "in braces stand only {station}"),
    ],
)
def test_settings_that_cannot_work_are_told_at_the_start(settings: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        OpcUaSettings.model_validate(settings)


def test_to_hold_a_part_somebody_must_be_told_so():
    opcua = {"url": "opc.tcp://plc:4840", "stations": "weld-07"}
    with pytest.raises(ValidationError, match="ANDON_OPCUA__NODES__HOLD"):
        MachinesSettings.model_validate({"machines": {"unscorable": "hold"}, "opcua": opcua})


def test_nothing_is_told_to_anybody_unless_asked():
    settings = MachinesSettings()
    assert (settings.mqtt.url, settings.opcua.url) == (None, None)
