"""What the console can be told."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from andon.alertmanager import AlertmanagerSettings
from andon.settings import Group, LineSettings, Positive, RedisSettings, StoreSettings
from andon.topics import FRAME_PATTERN

Network = IPv4Network | IPv6Network


class ProxySettings(Group):
    """People signed in by a proxy in front (OIDC: oauth2-proxy and its like), who sends their name in headers."""

    trusted: str = Field(
        "", description="networks whose headers are believed, such as 10.1.0.0/16, comma separated; empty: nobody's"
    )
    user_header: str = Field("X-Auth-Request-Preferred-Username", description="header with the person's name")
    groups_header: str = Field("X-Auth-Request-Groups", description="header with their groups, comma separated")
    engineers: str = Field("", description="groups whose people are engineers, comma separated; * is everybody")
    reviewers: str = Field("", description="groups whose people are reviewers")
    viewers: str = Field("*", description="groups whose people are viewers")

    @field_validator("trusted")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for each in listed(value):
            try:
                ip_network(each)
            except ValueError as error:
                raise ValueError(f"{error}; write networks such as 10.1.0.0/16 or 127.0.0.1/32") from None
        return value

    @property
    def networks(self) -> tuple[Network, ...]:
        """Those of `trusted`."""
        return tuple(ip_network(each) for each in listed(self.trusted))

    def trusts(self, address: str) -> bool:
        """Whether headers from this network address are believed."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


class Link(StrEnum):
    """Whether a console that knows nobody prints a link that signs in whoever started it, as an engineer."""

    LOCAL = "local"  # where only this machine can reach it
    ALWAYS = "always"  # in a container, say, whose port is published to this machine alone
    NEVER = "never"


class ConsoleGroup(Group):
    """Where the console answers, and to whom."""

    host: str = Field("127.0.0.1", description="address to bind; anything but this machine's own needs people or proxy")
    port: int = Field(8600, ge=0, le=65535, description="port; 0 takes a free one and logs it")
    public_url: str | None = Field(
        None,
        description="where people reach it, such as https://andon.factory; by https cookies never travel in the open",
    )
    hosts: str = Field("", description="further names by which browsers or a proxy call it (Host), comma separated")
    link: Link = Field(
        Link.LOCAL,
        description="without people and proxy, print a link that signs in whoever started it: local (bound to this "
        "machine), always (a container whose port is published to this machine alone) or never",
    )
    people: Path | None = Field(
        None, description="file of people, their roles and the hashes of their tokens (andon console people add)"
    )
    session_key: SecretStr | None = Field(
        None, description="signs sessions; none: made at each start, which ends them. Replicas need the same one"
    )
    session_h: Positive = Field(12.0, description="hours until people sign in again; a shift")
    proxy: ProxySettings = ProxySettings()
    history_min: Positive = Field(10.0, description="minutes of scores that are read back at the start")
    incidents_days: Positive = Field(30.0, description="days of incidents that are read back at the start")
    answers_days: Positive = Field(8.0, description="days of people's answers that are read back at the start")
    letters_days: Positive = Field(14.0, description="days of dead letters that are read back at the start")
    review_back_h: Positive = Field(
        8.0, description="hours of scores that are looked through for the review queue, where Redis remembers none"
    )
    audit_per_1000: float = Field(
        1.0, ge=0, le=1000, description="frames called ok, of 1,000, that people are asked to look at, to find escapes"
    )

    @field_validator("public_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not an http:// or https:// address")
        return value.rstrip("/")

    @field_validator("session_key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("at least 32 characters, such as `openssl rand -hex 32` prints")
        return value

    @model_validator(mode="after")
    def _knows_who_comes(self) -> "ConsoleGroup":
        if self.people is None and not self.proxy.trusted and not self.has_link:
            why = f"host {self.host} lets other machines in" if self.link is not Link.NEVER else "nobody could come in"
            raise ValueError(
                f"{why}: say who may, with people (andon console people add) or proxy__trusted; "
                "or bind to 127.0.0.1 with link=local"
            )
        return self

    @property
    def has_link(self) -> bool:
        """Whether one person comes in by a link that is printed at the start."""
        nobody = self.people is None and not self.proxy.trusted
        return nobody and (self.link is Link.ALWAYS or (self.link is Link.LOCAL and self.is_local))

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """The names it was given."""
        public = urlsplit(self.public_url).hostname if self.public_url else None
        return (*([public] if public else []), *listed(self.hosts))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"

    @property
    def is_https(self) -> bool:
        """Whether people reach it by https://."""
        return bool(self.public_url and self.public_url.startswith("https://"))


class EvidenceStore(Group):
    """Where `andon evidence` keeps what it copied out of Kafka. It knows more of it, and may share its environment."""

    model_config = ConfigDict(extra="ignore")

    url: str = Field("./evidence", description="fsspec URL of the evidence store: a folder, s3://, gs://, ...")


class ConsoleSettings(LineSettings):
    """Settings of the console."""

    frames: str = Field(FRAME_PATTERN, description="topics of frames: a name, or a pattern that begins with '^'")
    console: ConsoleGroup = ConsoleGroup()
    redis: RedisSettings = RedisSettings()
    store: StoreSettings = StoreSettings()
    evidence: EvidenceStore = EvidenceStore()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()


def listed(text: str) -> list[str]:
    """The words between the commas of `text`; empty ones say nothing."""
    return [each.strip() for each in text.split(",") if each.strip()]
