"""The way to the console and to ingest, and what the console is told of it."""

from typing import Any

import pytest
from admitted import mistakes
from guarded import Manifest, Refused, of_kind, over, pods, render

KNOWN = {"people": {"secret": "people"}}
INGRESS: dict[str, Any] = over(KNOWN, {"ingress": {"enabled": True, "host": "andon.factory", "className": "nginx"}})
PARENTS = [{"name": "factory", "namespace": "gateways"}]
GATEWAY: dict[str, Any] = over(KNOWN, {"gateway": {"enabled": True, "host": "andon.factory", "parentRefs": PARENTS}})
PUSH = {"enabled": True, "host": "push.factory"}


def told(manifests: list[Manifest], component: str) -> dict[str, str]:
    (container,) = pods(manifests)[component]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def ports(manifests: list[Manifest], service: str) -> dict[str, int]:
    return {each["name"]: each["port"] for each in of_kind(manifests, "Service")[service]["spec"]["ports"]}


def test_no_way_leads_in_unless_asked_for() -> None:
    assert not {each["kind"] for each in render()} & {"Ingress", "HTTPRoute"}
    assert "ANDON_CONSOLE__PUBLIC_URL" not in told(render(), "console")


def test_an_ingress_leads_to_the_console_and_by_https_where_it_has_a_certificate() -> None:
    values = over(INGRESS, {"ingress": {"tlsSecret": "cert", "annotations": {"a": "b"}}})
    manifests = render(values)
    (ingress,) = of_kind(manifests, "Ingress").values()
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"hosts": ["andon.factory"], "secretName": "cert"}]
    assert ingress["metadata"]["annotations"] == {"a": "b"}
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    assert rule["host"] == "andon.factory"
    assert backend["port"]["name"] in ports(manifests, backend["name"])


@pytest.mark.parametrize(
    ("values", "address"),
    [
        (INGRESS, "http://andon.factory"),
        (over(INGRESS, {"ingress": {"tlsSecret": "cert"}}), "https://andon.factory"),
        (GATEWAY, "https://andon.factory"),
        (over(GATEWAY, {"gateway": {"https": False}}), "http://andon.factory"),
    ],
)
def test_the_console_and_pages_know_the_address_that_people_use(values: dict[str, Any], address: str) -> None:
    manifests = render(values)
    assert told(manifests, "console")["ANDON_CONSOLE__PUBLIC_URL"] == address
    assert told(manifests, "alerting")["ANDON_LINKS__CONSOLE"] == f"{address}/incidents/{{incident}}"


def test_an_address_that_was_set_by_hand_stays() -> None:
    manifests = render(over(INGRESS, {"settings": {"console": {"public_url": "https://other"}}}))
    assert told(manifests, "console")["ANDON_CONSOLE__PUBLIC_URL"] == "https://other"


def test_a_route_leads_to_the_console() -> None:
    manifests = render(GATEWAY)
    (route,) = of_kind(manifests, "HTTPRoute").values()
    assert mistakes(route) == []
    assert route["spec"]["parentRefs"] == PARENTS
    assert route["spec"]["hostnames"] == ["andon.factory"]
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    assert backend["port"] in ports(manifests, backend["name"]).values()
    assert backend["name"] == "andon-console"


@pytest.mark.parametrize(("values", "kind"), [(INGRESS, "Ingress"), (GATEWAY, "HTTPRoute")])
def test_those_who_push_come_by_a_name_of_their_own(values: dict[str, Any], kind: str) -> None:
    section = "ingress" if kind == "Ingress" else "gateway"
    manifests = render(over(values, {section: {"push": PUSH}}))
    routes = of_kind(manifests, kind)
    assert set(routes) == {"andon-console", "andon-ingest"}
    assert "push.factory" in str(routes["andon-ingest"]["spec"])
    assert "ingest" in ports(manifests, "andon-ingest")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (over(INGRESS, GATEWAY), "choose one way"),
        (over(INGRESS, {"ingress": {"host": ""}}), "ingress.host is empty"),
        (over(GATEWAY, {"gateway": {"host": ""}}), "gateway.host is empty"),
        (over(GATEWAY, {"gateway": {"parentRefs": []}}), "gateway.parentRefs is empty"),
        (over(INGRESS, {"ingress": {"push": {"enabled": True}}}), "ingress.push.host is empty"),
        (over(INGRESS, {"services": {"console": {"enabled": False}}}), "services.console.enabled is false"),
        (over(INGRESS, {"people": {"secret": ""}}), "knows nobody who may come in"),
    ],
)
def test_a_way_that_leads_nowhere_is_refused_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    assert sentence in str(refused.value)
