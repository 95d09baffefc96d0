"""Settings: from the environment (`ANDON_KAFKA__BOOTSTRAP_SERVERS=...`) or one file a secret.

A service has one frozen settings object, read once at start. Every mistake is told at once, with the name of
the variable and what to do; secrets are never shown. A value may lie in a file called like its variable in the
folder that ANDON_SECRETS_DIR names (a mounted Kubernetes secret), and never in the line file.
"""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import structlog
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from andon.errors import Mistake

PREFIX = "ANDON_"
SECRETS_DIR = "ANDON_SECRETS_DIR"
Positive = Annotated[float, Field(gt=0)]


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(Group):
    """How to reach Kafka. TLS and SASL reach every client: producer, consumer, admin."""

    bootstrap_servers: str = Field("localhost:9092", description="host:port of some brokers, comma separated")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="what the brokers speak"
    )
    ssl_ca_location: Path | None = Field(None, description="file with the CA certificates that signed the brokers'")
    ssl_certificate_location: Path | None = Field(None, description="file with our client certificate (mTLS)")
    ssl_key_location: Path | None = Field(None, description="file with our client key (mTLS)")
    ssl_key_password: SecretStr | None = Field(None, description="password of that key")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="how to log in, with a SASL protocol"
    )
    sasl_username: str | None = Field(None, description="name to log in with")
    sasl_password: SecretStr | None = Field(None, description="password to log in with")
    group_prefix: str = Field("andon", description="consumer groups are called <prefix>.<service>")
    group_protocol: Literal["classic", "consumer"] = Field(
        "classic", description="rebalance protocol: classic, or consumer (KIP-848) on brokers 4.0 and later"
    )
    assignment_strategy: str = Field("range", description="classic partition assignor: range or roundrobin")
    batch_records: int = Field(64, ge=1, le=1024, description="most records a turn takes")
    batch_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="most bytes a turn goes on collecting after")
    delivery_timeout_s: Positive = Field(120.0, description="give up and restart when a result is undelivered so long")

    @field_validator("assignment_strategy")
    @classmethod
    def _no_cooperative_sticky(cls, value: str) -> str:
        if "cooperative-sticky" in value:
            raise ValueError(
                "cooperative-sticky is refused: commits during its rebalances fail and can lose partitions; use range"
            )
        if value not in ("range", "roundrobin"):
            raise ValueError("use range or roundrobin")
        return value

    @model_validator(mode="after")
    def _login_is_whole(self) -> "KafkaSettings":
        wanted = (self.sasl_mechanism, self.sasl_username, self.sasl_password)
        if self.security_protocol.startswith("SASL") and None in wanted:
            raise ValueError(f"{self.security_protocol} needs sasl_mechanism, sasl_username and sasl_password")
        return self

    @field_validator("ssl_ca_location", "ssl_certificate_location", "ssl_key_location")
    @classmethod
    def _file_is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"no file {value}")
        return value


class RedisSettings(Group):
    """How to reach Redis, where the state lies that can be rebuilt from Kafka."""

    url: str = Field("redis://localhost:6379/0", description="redis:// or rediss:// (TLS) address, without password")
    username: str | None = Field(None, description="ACL user")
    password: SecretStr | None = Field(None, description="its password")
    timeout_s: Positive = Field(1.0, description="how long one call may take")
    key_prefix: str = Field("andon:", description="every key of ours begins so")


class StoreSettings(Group):
    """Where bundles and large frames lie."""

    bundles: str = Field("./bundles", description="fsspec URL of the bundle store: a folder, s3://, gs://, ...")
    frames: str = Field("./frames", description="fsspec URL for images too large for a record")
    trusted_keys: Path | None = Field(
        None,
        description="public keys (Ed25519, PEM): a file, or a folder; bundles that none of them signed are refused",
    )


class HttpSettings(Group):
    """Where /metrics, /healthz and /readyz answer."""

    host: str = Field("127.0.0.1", description="address to bind; 0.0.0.0 in a pod")
    port: int = Field(0, ge=0, le=65535, description="port; 0 takes a free one and logs it")
    stalled_after_s: Positive = Field(90.0, description="/healthz fails when the loop made no turn for so long")


class DeadLetterLimit(Group):
    """When poison is a flood: the service stops rather than drain a line into the bin."""

    max_run: int = Field(100, ge=1, description="stop at more dead letters in a row than this")
    max_ratio: float = Field(0.05, gt=0, le=1, description="stop at a larger share of the last `window` records")
    window: int = Field(1000, ge=10, description="how many records the share is taken over, once so many were seen")


class LedgerSettings(Group):
    """What a service tells the ledger, and when a frame counts as missing there."""

    report_s: Positive = Field(10.0, description="how often a service says which frames passed it")
    settle_s: Positive = Field(
        300.0,
        description="a frame may take so long after a later one, or after all that was captured with it went through: "
        "longer than the longest retry and a restart",
    )
    forget_s: Positive = Field(
        3600.0, description="so long after the last loss it is over, and what is missing still counts as lost"
    )
    rebuild_h: Positive = Field(1.0, description="hours that are read again when Redis has lost the ledger")


class TracingSettings(Group):
    """Where spans go, for who wants them. OpenTelemetry's own OTEL_ variables say the rest."""

    endpoint: str | None = Field(
        None,
        description="an OTLP/HTTP receiver of spans, such as http://otel-collector:4318; none: there are no spans. "
        "OTEL_ variables hold, such as OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS",
    )

    @field_validator("endpoint")
    @classmethod
    def _whole(cls, value: str | None) -> str | None:
        """With the path of spans, where it has none."""
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("not an http:// or https:// address, such as http://otel-collector:4318")
        if url.username or url.password:
            raise ValueError("take the user and the password out of it; OTEL_EXPORTER_OTLP_HEADERS carries them")
        return value if url.path.strip("/") else f"{value.rstrip('/')}/v1/traces"


class ServiceSettings(BaseSettings):
    """What every service can be told. Services add their own groups."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_parse_none_str="none",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    http: HttpSettings = HttpSettings()
    dead_letters: DeadLetterLimit = DeadLetterLimit()
    ledger: LedgerSettings = LedgerSettings()
    tracing: TracingSettings = TracingSettings()
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    log_format: Literal["json", "console"] = Field("json", description="json for machines, console for people")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed in, then the environment, then files in ANDON_SECRETS_DIR."""
        folder = os.environ.get(SECRETS_DIR)
        if not folder:
            return init_settings, env_settings
        secrets = NestedSecretsSettingsSource(
            file_secret_settings, secrets_dir=folder, secrets_prefix=PREFIX, secrets_nested_delimiter="__"
        )
        return init_settings, env_settings, secrets


class LineSettings(ServiceSettings):
    """Of every service that asks the line file of its stations."""

    line: Path | None = Field(
        None, description="the line file, read again when it changes; none: every station has the defaults"
    )


S = TypeVar("S", bound=ServiceSettings)


def load(model: type[S], **given: Any) -> S:
    """The settings of a service, or a Mistake that names every wrong variable at once."""
    try:
        return model(**given)
    except ValidationError as error:
        lines = [
            f"  {variable(problem['loc'])}: {_plain(problem['msg'])}" for problem in error.errors(include_input=False)
        ]
        raise Mistake("settings that cannot work:\n" + "\n".join(lines)) from None


def variable(path: Iterable[int | str]) -> str:
    """The environment variable that sets the field at `path`."""
    return PREFIX + "__".join(str(part).upper() for part in path)


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


def variables(model: type[BaseModel], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every variable that `model` reads, with its field, in order."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= variables(inner, (*path, name))
        else:
            found[variable((*path, name))] = field
    return found


def warn_of_unknown(model: type[ServiceSettings], environment: Mapping[str, str]) -> None:
    """Logs each ANDON_ variable that is nearly, but not quite, one that is read: services may share an environment."""
    known = set(variables(model)) | {SECRETS_DIR}
    for name in environment:
        if name.startswith(PREFIX) and "__" in name and name not in known:
            for near in get_close_matches(name, known, n=1, cutoff=0.8):
                structlog.get_logger().warning("setting_unknown", variable=name, nearest=near)
