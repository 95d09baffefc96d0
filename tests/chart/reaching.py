"""Judges rendered NetworkPolicies as Kubernetes does: is this connection let through?

https://kubernetes.io/docs/concepts/services-networking/network-policies: a pod that no policy selects is open; one that
some select is let what any of their rules lets, and nothing else. A rule without peers is for all, without ports too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Labels = dict[str, str]


@dataclass(frozen=True)
class End:
    """The other end: a pod with its labels and its namespace's, or, without a namespace, an address outside."""

    address: str = "203.0.113.7"
    namespace: str | None = None
    labels: Labels = field(default_factory=dict)


def lets(policies: Iterable[dict[str, Any]], pod: Labels, way: str, end: End, port: int, protocol: str = "TCP") -> bool:
    """Whether a pod of the policies' namespace may talk to `end` (`way` Egress) or be talked to by it (Ingress)."""
    specs = [each["spec"] for each in policies]
    ours = [each for each in specs if way in each["policyTypes"] and selects(each["podSelector"], pod)]
    rules = [rule for each in ours for rule in each.get(way.lower(), [])]
    return not ours or any(_passes(rule, way, end, port, protocol) for rule in rules)


def selects(selector: dict[str, Any], labels: Labels) -> bool:
    """Whether a label selector fits."""
    assert set(selector) <= {"matchLabels"}, f"selectors by {set(selector)} are not judged here"
    wanted: Labels = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def _passes(rule: dict[str, Any], way: str, end: End, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    peers = rule.get("to" if way == "Egress" else "from")
    by_port = not ports or any((each["port"], each.get("protocol", "TCP")) == (port, protocol) for each in ports)
    return by_port and (not peers or any(_is(peer, end) for peer in peers))


def _is(peer: dict[str, Any], end: End) -> bool:
    if block := peer.get("ipBlock"):
        inside = ip_address(end.address) in ip_network(block["cidr"])
        return inside and not any(ip_address(end.address) in ip_network(each) for each in block.get("except", []))
    if end.namespace is None:
        return False
    there = {"kubernetes.io/metadata.name": end.namespace}
    by_namespace = (
        selects(peer["namespaceSelector"], there) if "namespaceSelector" in peer else end.namespace == "andon"
    )
    return by_namespace and selects(peer.get("podSelector", {}), end.labels)
