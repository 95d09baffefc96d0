"""What alerting can be told."""

from datetime import timedelta
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from andon.alertmanager import AlertmanagerSettings as ToAlertmanager
from andon.alertmanager import http_url
from andon.line import Policy
from andon.settings import Group, LineSettings, Positive, RedisSettings
from andon_alerting.links import LinkSettings


class PagingSettings(Group):
    """When and how hard people are told."""

    max_alert_age_s: Positive = Field(
        300.0, description="frames older than this are recorded but page nobody, until a fresh one shows the same"
    )
    calls_per_minute: int = Field(120, ge=6, le=6000, description="most calls to one sink in any minute")
    first_retry_s: Positive = Field(1.0, description="pause before the second attempt; doubles from then on")
    longest_retry_s: Positive = Field(60.0, description="longest pause between attempts, unless the sink asks for more")
    hold_s: float = Field(
        5.0,
        ge=0.0,
        le=60.0,
        description="longest wait of a page of bad parts where the picture itself looks otherwise: until it is sure "
        "that it is not the camera, which people are told of instead; 0: not at all",
    )
    lease_s: Positive = Field(30.0, description="how long one replica may hold a page before another takes it over")


class RebuildSettings(Group):
    """How far back Kafka is read when Redis has lost its state."""

    horizon_h: Positive = Field(24.0, description="hours of scores that are replayed")
    incidents_days: Positive = Field(30.0, description="days of incidents that are read for those still open")

    @property
    def horizon(self) -> timedelta:
        """How far back scores are replayed."""
        return timedelta(hours=self.horizon_h)

    @property
    def incidents(self) -> timedelta:
        """How far back incidents are read."""
        return timedelta(days=self.incidents_days)


class AlertmanagerSettings(ToAlertmanager):
    """Pages through Prometheus Alertmanager (API v2)."""

    model_config = ConfigDict(extra="forbid")

    resend_s: Positive = Field(
        60.0, description="open incidents are sent again so often; unsent, they lapse after three times that"
    )
    watchdog: bool = Field(
        True,
        description="send an alert that always fires, AndonWatchdog, three times as often, for a dead man's switch",
    )


class WebhookSettings(Group):
    """Pages as signed JSON to any address."""

    url: str | None = Field(None, description="where pages are posted; none: off")
    key: SecretStr | None = Field(None, description="key of the HMAC-SHA256 signature; needed with a url")
    timeout_s: Positive = Field(5.0, description="how long one call may take")
    plain_http: Literal["never", "loopback", "anywhere"] = Field(
        "loopback", description="where http:// instead of https:// is accepted"
    )
    group_interval_s: float = Field(
        30.0,
        ge=0.0,
        le=3600.0,
        description="a line's first page goes at once; what comes within so long after it travels in one call",
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return value and http_url(value)

    @model_validator(mode="after")
    def _is_safe(self) -> "WebhookSettings":
        if self.url is None:
            return self
        if self.key is None or not self.key.get_secret_value():
            raise ValueError("a webhook is signed: set its key too")
        if not self._may_be_plain and urlsplit(self.url).scheme == "http":
            raise ValueError("the webhook's url must be https://, or plain_http must allow http:// there")
        return self

    @property
    def _may_be_plain(self) -> bool:
        host = urlsplit(self.url or "").hostname or ""
        return self.plain_http == "anywhere" or (self.plain_http == "loopback" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class AlertingSettings(LineSettings):
    """Settings of alerting."""

    redis: RedisSettings = RedisSettings()
    policy: Policy = Policy()
    paging: PagingSettings = PagingSettings()
    rebuild: RebuildSettings = RebuildSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    webhook: WebhookSettings = WebhookSettings()
    links: LinkSettings = LinkSettings()
    watch_every_s: Positive = Field(2.0, description="how often silent stations, and a lost Redis, are looked for")
    look_every_s: Positive = Field(60.0, description="how often what people overruled is held against the budgets")
    redis_patience_s: Positive = Field(120.0, description="give up and restart when Redis does not answer for so long")
