"""One connection to an MQTT broker, from connect to its end. What its thread hears comes through a queue."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from andon.errors import Mistake
from andon_machines.away import Unreachable
from andon_machines.settings import MqttSettings

WINDOW = 16
"""Messages under way at once. Mosquitto takes 20 and breaks off at more; a broker that takes fewer says so."""

PORTS = {"mqtt": 1883, "mqtts": 8883}
OURS_TO_MEND = (
    *("Bad user name or password", "Not authorized", "Client identifier not valid", "Unsupported protocol version"),
    *("Topic Name invalid", "Payload format invalid", "Retain not supported", "QoS not supported", "Banned"),
    *("Bad authentication method", "Packet too large"),
)
"""What a broker will say again tomorrow. Everything else may pass."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has taken a message, or refuses it."""

    mid: int
    reason: ReasonCode


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker's answer to our greeting; `window` is how many messages it takes at once."""

    reason: ReasonCode
    window: int


@dataclass(frozen=True, slots=True)
class Down:
    """The connection is over."""

    why: str


News = Accepted | Connected | Down


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker is to say in our place when we are gone."""

    topic: str
    payload: bytes


class Link:
    """Connects at once. Raises Unreachable, or Mistake for what only a person can mend.

    paho's own reconnecting is off: it would send again what was under way as it was, and a verdict is to be judged
    anew when it is sent anew.
    """

    def __init__(self, settings: MqttSettings, will: Will | None) -> None:
        self._news: SimpleQueue[News] = SimpleQueue()
        self._settings = settings
        version = MQTTProtocolVersion.MQTTv5 if settings.version == "5" else MQTTProtocolVersion.MQTTv311
        self._client = Client(
            CallbackAPIVersion.VERSION2, settings.client_id, protocol=version, reconnect_on_failure=False
        )
        self._client.connect_timeout = settings.timeout_s
        self._client.max_inflight_messages_set(WINDOW)
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=settings.qos, retain=True)
        self._log_in()
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect
        self.window = self._connect()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Sends; answers the message's number, which `news` will name. Raises Unreachable."""
        info = self._client.publish(topic, payload, qos=self._settings.qos, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise Unreachable(f"the broker broke off ({info.rc.name})")
        return info.mid

    def news(self, within_s: float) -> Accepted | None:
        """The next message that was taken, or None. Raises Unreachable when the connection is over, and Mistake when
        the broker refuses a message for good."""
        try:
            news = self._news.get(timeout=within_s) if within_s else self._news.get_nowait()
        except Empty:
            return None
        if isinstance(news, Down):
            raise Unreachable(news.why)
        if not isinstance(news, Accepted):
            return None
        if news.reason.is_failure:
            raise self._refusal("refused a message", news.reason)
        return news

    def close(self) -> None:
        """Says goodbye, so that the broker keeps the last will to itself."""
        self._client.disconnect()
        self._client.loop_stop()

    def _log_in(self) -> None:
        settings = self._settings
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            self._client.username_pw_set(settings.username, password)
        if urlsplit(settings.url or "").scheme == "mqtts":
            try:
                self._client.tls_set(
                    ca_certs=_text(settings.ca_location),
                    certfile=_text(settings.certificate_location),
                    keyfile=_text(settings.key_location),
                    keyfile_password=settings.key_password.get_secret_value() if settings.key_password else None,
                )
            except ssl.SSLError as error:
                raise Mistake(f"ANDON_MQTT__: its certificates or key cannot be read: {error}") from None

    def _connect(self) -> int:
        where = urlsplit(self._settings.url or "")
        try:
            self._client.connect(where.hostname or "", where.port or PORTS[where.scheme], self._settings.keepalive_s)
        except ssl.SSLCertVerificationError as error:
            raise Mistake(
                f"the broker at {self._settings.url} shows a certificate we do not trust ({error.verify_message}): "
                "ANDON_MQTT__CA_LOCATION names the CA that signed it, and the URL the host that it names"
            ) from None
        except (OSError, ValueError) as error:
            raise Unreachable(f"{self._settings.url}: {error}") from None
        self._client.loop_start()
        try:
            return self._greeted()
        except BaseException:
            self.close()
            raise

    def _greeted(self) -> int:
        try:
            news = self._news.get(timeout=self._settings.timeout_s)
        except Empty:
            raise Unreachable(f"{self._settings.url}: no answer within {self._settings.timeout_s:g} s") from None
        if isinstance(news, Connected) and not news.reason.is_failure:
            return news.window
        if isinstance(news, Connected):
            raise self._refusal("lets us not in", news.reason)
        raise Unreachable(f"{self._settings.url}: broke off at once")

    def _refusal(self, what: str, reason: ReasonCode) -> Exception:
        told = f"the broker at {self._settings.url} {what}: {reason}"
        if str(reason) in OURS_TO_MEND:
            return Mistake(f"{told}; see its access rules, and ANDON_MQTT__USERNAME, __PASSWORD, __VERSION and topics")
        return Unreachable(told)

    def _on_connect(self, _c: Client, _u: Any, _flags: Any, reason: ReasonCode, properties: Properties | None) -> None:
        most = getattr(properties, "ReceiveMaximum", WINDOW)
        self._news.put(Connected(reason, min(WINDOW, int(most))))

    def _on_publish(self, _c: Client, _u: Any, mid: int, reason: ReasonCode, _properties: Properties | None) -> None:
        self._news.put(Accepted(mid, reason))

    def _on_disconnect(self, _c: Client, _u: Any, _flags: Any, reason: ReasonCode, _p: Properties | None) -> None:
        self._news.put(Down(f"the broker broke off: {reason}"))


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
