"""Whether a server that speaks HTTP is ready."""

import httpx

from andon_demo.servers.ports import HOST


def is_ready(port: int) -> bool:
    """Whether `/-/ready`, as Prometheus and Alertmanager have it, says 200."""
    try:
        return httpx.get(f"http://{HOST}:{port}/-/ready", timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
