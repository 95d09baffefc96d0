"""What `andon machines` can be told."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.errors import Invalid
from andon.ids import station_id
from andon.settings import Group, LineSettings, Positive
from andon_machines.names import LEVELS, checked, checked_topic


class GateSettings(Group):
    """What a verdict may still cause when it arrives."""

    max_age_ms: int = Field(
        2000, ge=1, description="an older verdict is told as late, and rejects nothing: its part is gone"
    )
    unscorable: Literal["reject", "pass", "hold"] = Field(
        "reject", description="what becomes of a part that could not be inspected; hold needs a Hold node"
    )
    give_up_after_s: Positive = Field(
        600.0, description="restart when the broker or the server has been away for so long"
    )


class TlsSettings(Group):
    """A CA and a client certificate."""

    ca_location: Path | None = Field(None, description="file with the CA certificates; none: those of the machine")
    certificate_location: Path | None = Field(None, description="file with our client certificate, PEM")
    key_location: Path | None = Field(None, description="file with our client key, PEM")
    key_password: SecretStr | None = Field(None, description="password of that key")

    @field_validator("ca_location", "certificate_location", "key_location")
    @classmethod
    def _file_is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"no file {value}")
        return value

    @model_validator(mode="after")
    def _a_certificate_has_a_key(self) -> "TlsSettings":
        if (self.certificate_location is None) != (self.key_location is None):
            raise ValueError("certificate_location and key_location go together")
        return self


class MqttSettings(TlsSettings):
    """The MQTT broker."""

    url: str | None = Field(
        None,
        pattern=r"^mqtts?://[^@/\s]+/?$",
        description="mqtt://HOST:1883, or mqtts://HOST:8883 (TLS), without password; none: nothing by MQTT",
    )
    username: str | None = Field(None, description="name to log in with")
    password: SecretStr | None = Field(None, description="password to log in with")
    version: Literal["5", "3.1.1"] = Field(
        "5", description="of the protocol; under 3.1.1 a broker cannot say that it refuses a topic"
    )
    qos: Literal[1, 2] = Field(1, description="1: at least once; 2: the broker takes each message once")
    client_id: str = Field("andon-machines", min_length=1, max_length=64, description="different for each process")
    verdict_topic: str = Field(
        "andon/{site}/{area}/{line}/{station}/verdict", description="of verdicts; a level that is empty is left out"
    )
    incident_topic: str = Field(
        "andon/{site}/{area}/{line}/{station}/incident/{cause}", description="of incidents, retained"
    )
    status_topic: str = Field(
        "andon/{site}/{area}/{line}/machines/status", description="online or offline (last will), retained"
    )
    timeout_s: Positive = Field(5.0, description="how long the broker may take to answer")
    keepalive_s: int = Field(10, ge=1, le=3600, description="the broker tells the last will after 1.5 times so long")

    @field_validator("qos", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdigit() else value

    @field_validator("verdict_topic", "incident_topic", "status_topic")
    @classmethod
    def _topic(cls, value: str) -> str:
        return checked_topic(value, LEVELS)


class NodeSettings(Group):
    """The node of each thing that is written; none: it is not written."""

    verdict: str | None = Field("ns=2;s=Andon.{station}.Verdict", description="String: ok, anomalous, unscorable")
    reject: str | None = Field("ns=2;s=Andon.{station}.Reject", description="Boolean: take this part out")
    hold: str | None = Field(None, description="Boolean: keep this part for a person to look at")
    score: str | None = Field("ns=2;s=Andon.{station}.Score", description="Double or Float; NaN where there is none")
    threshold: str | None = Field("ns=2;s=Andon.{station}.Threshold", description="Double or Float")
    part: str | None = Field("ns=2;s=Andon.{station}.Part", description="String: the part's serial number, or empty")
    frame_id: str | None = Field("ns=2;s=Andon.{station}.FrameId", description="String")
    late: str | None = Field("ns=2;s=Andon.{station}.Late", description="Boolean: told too late to act on")
    seq: str | None = Field(
        "ns=2;s=Andon.{station}.Seq", description="any integer, written last: its change says that a verdict is there"
    )
    incident_open: str | None = Field("ns=2;s=Andon.{station}.IncidentOpen", description="Boolean")
    incident_cause: str | None = Field(
        "ns=2;s=Andon.{station}.IncidentCause", description="String: the causes of open incidents, worst first"
    )
    heartbeat: str | None = Field(
        "ns=2;s=Andon.{station}.Heartbeat", description="any integer: goes up every second while verdicts can come"
    )

    @field_validator("*")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        return None if value is None else checked(value, ("station",))


class OpcUaSettings(Group):
    """The OPC UA server."""

    url: str | None = Field(
        None,
        pattern=r"^opc\.tcp://[^@\s]+$",
        description="opc.tcp://HOST:4840/..., without password; none: nothing by OPC UA",
    )
    stations: str = Field("", description="stations that have nodes there, comma separated: weld-07,press-1")
    username: str | None = Field(None, description="name to log in with; none: anonymous")
    password: SecretStr | None = Field(None, description="password to log in with")
    security_policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] | None = Field(
        None, description="none: neither signed nor encrypted"
    )
    security_mode: Literal["Sign", "SignAndEncrypt"] = Field("SignAndEncrypt", description="with a policy")
    certificate_location: Path | None = Field(None, description="file with our application certificate, PEM or DER")
    key_location: Path | None = Field(None, description="file with its key, PEM")
    key_password: SecretStr | None = Field(None, description="password of that key")
    server_certificate_location: Path | None = Field(
        None, description="file with the server's certificate; none: whatever it shows is believed"
    )
    timeout_s: Positive = Field(4.0, description="how long one call may take")
    nodes_per_call: int = Field(100, ge=12, description="most nodes in one Write; a station's are never parted")
    seq_apart: bool = Field(
        False, description="Seq in a second Write, for servers that may apply one Write's values out of order"
    )
    nodes: NodeSettings = NodeSettings()

    @field_validator("certificate_location", "key_location", "server_certificate_location")
    @classmethod
    def _file_is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"no file {value}")
        return value

    @field_validator("stations")
    @classmethod
    def _stations(cls, value: str) -> str:
        for name in _names(value):
            try:
                station_id(name)
            except Invalid as invalid:
                raise ValueError(invalid.detail) from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> "OpcUaSettings":
        if self.security_policy and not (self.certificate_location and self.key_location):
            raise ValueError(f"{self.security_policy} needs certificate_location and key_location")
        if self.url and not self.station_names:
            raise ValueError("stations is needed: the names of those that have nodes, comma separated")
        return self

    @property
    def station_names(self) -> tuple[str, ...]:
        """The stations that have nodes."""
        return _names(self.stations)


class MachinesSettings(LineSettings):
    """Settings of `andon machines`."""

    machines: GateSettings = GateSettings()
    mqtt: MqttSettings = MqttSettings()
    opcua: OpcUaSettings = OpcUaSettings()

    @model_validator(mode="after")
    def _somebody_is_told_to_hold(self) -> "MachinesSettings":
        if self.machines.unscorable == "hold" and self.opcua.url and not self.opcua.nodes.hold:
            raise ValueError("machines.unscorable is hold, but no node says so: set ANDON_OPCUA__NODES__HOLD")
        return self


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
