"""An OPC UA server as a PLC has one, in a process of its own: `python plc.py SPEC`, a JSON file.

It notes every Write that came from outside, whole and with the time, in `log` as a line of JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from asyncua import Server, ua
from asyncua.common.callback import Callback, CallbackType
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import PermissiveUserManager

FIRST = {"Boolean": False, "String": "", "Double": 0.0, "Float": 0.0}


class OneUser:
    """Lets in who knows the password."""

    def __init__(self, name: str, password: str) -> None:
        self._known = name, password

    def get_user(self, _server: object, username: str = "", password: str = "", certificate: object = None) -> Any:
        return User(role=UserRole.User) if (username, password) == self._known else None


async def serve(spec: dict[str, Any]) -> None:
    manager = OneUser(*spec["user"]) if spec.get("user") else PermissiveUserManager()
    server = Server(user_manager=manager)  # type: ignore[arg-type]
    await server.init()
    server.set_endpoint(spec["url"])
    if spec.get("certificate"):
        await server.load_certificate(spec["certificate"])
        await server.load_private_key(spec["key"], format="pem")
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        server.set_identity_tokens([ua.UserNameIdentityToken])
    await server.register_namespace("urn:plc")
    for name, kind in spec["nodes"].items():
        value = ua.Variant(FIRST.get(kind, 0), ua.VariantType[kind])
        node = await server.nodes.objects.add_variable(
            ua.NodeId(name, 2), ua.QualifiedName(name, 2), value, datatype=ua.NodeId(ua.VariantType[kind].value)
        )
        if name not in spec.get("read_only", ()):
            await node.set_writable()
    log = Path(spec["log"]).open("a", buffering=1)  # noqa: SIM115

    def note(event: Callback, _service: object) -> None:
        if event.is_external:  # type: ignore[attr-defined]
            time.sleep(spec.get("slow_s", 0))
            params = event.request_params  # type: ignore[attr-defined]
            writes = [[each.NodeId.Identifier, each.Value.Value.Value] for each in params.NodesToWrite]
            log.write(json.dumps({"at": time.time(), "writes": writes}) + "\n")

    server.subscribe_server_callback(CallbackType.PostWrite, note)
    async with server:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
