"""One session with an OPC UA server, from open to its end: asyncua's loop in a thread, and plain calls into it."""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.ua_utils import data_type_to_variant_type
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError
from cryptography import x509
from pydantic import SecretStr

from andon.errors import Mistake
from andon.stage import Idle
from andon_machines.away import Unreachable
from andon_machines.nodes import Place, fitting
from andon_machines.settings import OpcUaSettings

IDLE_EVERY_S = 0.5
SESSION_MS = 60_000
OURS = "urn:andon:machines"
WRITABLE = 0x02  # OPC 10000-3, 8.57 AccessLevelType: CurrentWrite
BUILT_IN = 25
"""OPC 10000-6, 5.1.2: data types of namespace 0 up to here are their own variant type."""

OURS_TO_MEND = (
    ua.uaerrors.BadUserAccessDenied,
    ua.uaerrors.BadIdentityTokenRejected,
    ua.uaerrors.BadIdentityTokenInvalid,
    ua.uaerrors.BadSecurityChecksFailed,
    ua.uaerrors.BadSecurityPolicyRejected,
    ua.uaerrors.BadSecurityModeRejected,
    ua.uaerrors.BadCertificateUntrusted,
    ua.uaerrors.BadCertificateInvalid,
    ua.uaerrors.BadCertificateUriInvalid,
    ua.uaerrors.BadCertificateTimeInvalid,
    ua.uaerrors.BadCertificateUseNotAllowed,
)
TOO_MUCH = (ua.uaerrors.BadTooManyOperations, ua.uaerrors.BadRequestTooLarge, ua.uaerrors.BadTcpMessageTooLarge)
REFUSED = frozenset(
    {
        "BadNodeIdUnknown",
        "BadNotWritable",
        "BadOutOfRange",
        "BadTypeMismatch",
        "BadUserAccessDenied",
        "BadWriteNotSupported",
    }
)
"""What a server will say of this value again tomorrow."""

PASSING = (OSError, EOFError, asyncio.TimeoutError, asyncio.CancelledError, NotYet, UaError)
T = TypeVar("T")
Types = dict[Place, ua.VariantType]
Write = tuple[Place, ua.DataValue]


class Plc(Protocol):
    """An open session, as `gate.Gate` needs it."""

    def types(self, places: Sequence[Place], idle: Idle) -> Types: ...
    def write(self, writes: Sequence[Write], idle: Idle) -> None: ...
    def read(self, places: Sequence[Place], idle: Idle) -> list[Any]: ...
    def close(self) -> None: ...


class Session:
    """Opens at once. Every call raises Unreachable when the server does not answer, and Mistake for what only a
    person can mend. Calls wait for the answer, and call `idle` meanwhile.
    """

    def __init__(self, settings: OpcUaSettings, idle: Idle) -> None:
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # it logs tracebacks of what we raise as a sentence
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opcua", daemon=True)
        self._thread.start()
        try:
            self._client = self._call(self._open(), idle, 4 * settings.timeout_s)
        except BaseException:
            self._end()
            raise

    def types(self, places: Sequence[Place], idle: Idle) -> Types:
        """The type of each, as the server has it. Raises Mistake, naming every node that cannot be written."""
        found: Types = {}
        most = self._settings.nodes_per_call
        wrong: list[str] = []
        for start in range(0, len(places), most):
            part = places[start : start + most]
            for place, told in zip(part, self._call(self._types(part), idle), strict=True):
                try:
                    found[place] = fitting(place, self._usable(place, told))
                except Mistake as mistake:
                    wrong.append(f"  {mistake}")
        if wrong:
            raise Mistake(f"nodes of {self._settings.url} that cannot be written:\n" + "\n".join(wrong))
        return found

    def write(self, writes: Sequence[Write], idle: Idle) -> None:
        """One Write call. Raises Unreachable where any of it was not good."""
        nodes, datas = [place.node_id for place, _ in writes], [data for _, data in writes]
        codes = self._call(self._client.uaclient.write_attributes(nodes, datas), idle)
        for (place, _), code in zip(writes, codes, strict=True):
            if code.name in REFUSED:
                raise Mistake(f"{self._settings.url} refuses what is written to {place.text}: {code.name}")
            if not code.is_good():
                raise Unreachable(f"{place.text}: {code.name}")

    def read(self, places: Sequence[Place], idle: Idle) -> list[Any]:
        """What stands in each now."""
        nodes = [place.node_id for place in places]
        found = self._call(self._client.uaclient.read_attributes(nodes, AttributeIds.Value), idle)
        return [each.Value.Value if each.Value else None for each in found]

    def close(self) -> None:
        """Ends the session, where the server still listens."""
        with suppress(Unreachable, Mistake):
            self._call(self._client.disconnect(), lambda: None, self._settings.timeout_s)
        self._end()

    async def _open(self) -> Client:
        settings = self._settings
        client = Client(settings.url or "", timeout=settings.timeout_s)
        client.session_timeout = SESSION_MS
        client.description = client.name = "Andon"
        client.application_uri = OURS
        if settings.username is not None:
            client.set_user(settings.username)
            client.set_password(settings.password.get_secret_value() if settings.password else "")
        if settings.security_policy and settings.certificate_location and settings.key_location:
            await self._secure(client, settings.certificate_location, settings.key_location)
        try:
            await client.connect()
        except BaseException:
            client.disconnect_socket()
            raise
        return client

    async def _secure(self, client: Client, certificate: Path, key: Path) -> None:
        settings, server = self._settings, self._settings.server_certificate_location
        client.application_uri = uri_in(certificate)
        try:
            await client.set_security(
                getattr(security_policies, f"SecurityPolicy{settings.security_policy}"),
                certified(certificate),
                certified(key, settings.key_password),
                server_certificate=certified(server) if server else None,
                mode=ua.MessageSecurityMode[settings.security_mode],
            )
        except (ValueError, TypeError) as error:  # what is in a file is no key, or its password is wrong
            raise Mistake(f"ANDON_OPCUA__: its certificates or key cannot be used: {error}") from None

    async def _types(self, places: Sequence[Place]) -> list[ua.VariantType | str]:
        """Of each its type, or what is wrong with it, in the server's word."""
        nodes = [place.node_id for place in places]
        ask = self._client.uaclient.read_attributes
        types = await ask(nodes, AttributeIds.DataType)
        access = await ask(nodes, AttributeIds.UserAccessLevel)
        ranks = await ask(nodes, AttributeIds.ValueRank)
        return [await self._type(*each) for each in zip(types, access, ranks, strict=True)]

    async def _type(self, kind: ua.DataValue, access: ua.DataValue, rank: ua.DataValue) -> ua.VariantType | str:
        if kind.StatusCode is not None and not kind.StatusCode.is_good():
            return str(kind.StatusCode.name)
        if kind.Value is None or not access.Value or not int(access.Value.Value or 0) & WRITABLE:
            return "it may not be written by us"
        if rank.Value is not None and isinstance(rank.Value.Value, int) and rank.Value.Value >= 0:
            return "it is an array"
        node_id: ua.NodeId = kind.Value.Value
        if node_id.NamespaceIndex == 0 and int(node_id.Identifier) <= BUILT_IN:
            return ua.VariantType(int(node_id.Identifier))
        return await data_type_to_variant_type(self._client.get_node(node_id))

    def _usable(self, place: Place, told: ua.VariantType | str) -> ua.VariantType:
        if isinstance(told, str):
            raise Mistake(f"{place.variable}: {place.text}: {told}")
        return told

    def _call(self, doing: Coroutine[Any, Any, T], idle: Idle, within_s: float | None = None) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(doing, self._loop)
        left_s = within_s or 2 * self._settings.timeout_s
        try:
            while True:
                try:
                    return future.result(min(IDLE_EVERY_S, left_s))
                except NotYet:
                    left_s -= IDLE_EVERY_S
                    if future.done() or left_s <= 0:
                        raise
                    idle()
        except OURS_TO_MEND as error:
            raise Mistake(
                f"{self._settings.url} lets us not in: {_told(error)}; see ANDON_OPCUA__USERNAME, "
                "__PASSWORD, __SECURITY_POLICY and the certificates that the server trusts"
            ) from None
        except TOO_MUCH as error:
            raise Mistake(
                f"{self._settings.url} takes fewer nodes at once: lower ANDON_OPCUA__NODES_PER_CALL"
            ) from error
        except PASSING as error:
            future.cancel()
            raise Unreachable(f"{self._settings.url}: {_told(error)}") from None

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._settings.timeout_s)


def certified(path: Path, password: SecretStr | None = None) -> CertProperties:
    """A certificate or key for asyncua, which would go by the file's name and not by what is in it."""
    kind = "pem" if b"-----BEGIN" in path.read_bytes() else "der"
    return CertProperties(path, kind, password.get_secret_value() if password else None)


def uri_in(certificate: Path) -> str:
    """The application URI that a certificate names (OPC 10000-6, 6.2.2: in its subjectAltName); servers compare it."""
    data = certificate.read_bytes()
    try:
        read = x509.load_pem_x509_certificate(data) if b"BEGIN" in data else x509.load_der_x509_certificate(data)
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise Mistake(
            f"ANDON_OPCUA__CERTIFICATE_LOCATION: {certificate}: no application certificate: {error}"
        ) from None
    found = names.get_values_for_type(x509.UniformResourceIdentifier)
    return str(found[0]) if found else OURS


def _told(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()
