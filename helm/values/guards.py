"""What values.yaml may say of what guards the line: who talks to whom, how many pods there are, who watches them.

The models become a part of values.schema.json; a key that they do not know is refused.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Port = Annotated[int, Field(ge=1, le=65535)]
Labels = dict[str, str]
Selector = dict[str, Any]
Rule = dict[str, Any]
DURATION = r"^([0-9]+(ms|s|m|h))+$"


class Value(BaseModel):
    """A part of values.yaml: camelCase there, nothing beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class IpBlock(Value):
    """A network, as NetworkPolicy has it."""

    cidr: str = Field(description="such as 10.1.0.0/16")
    except_: list[str] = Field([], alias="except", description="networks within it that are left out")


class Peer(Value):
    """Somebody to talk to, as NetworkPolicy has it."""

    ip_block: IpBlock | None = Field(None, description="addresses outside the cluster")
    namespace_selector: Selector | None = Field(None, description="pods of these namespaces; {}: of all")
    pod_selector: Selector | None = Field(None, description="these pods, of the release's namespace or of those above")


class To(Value):
    """Whom pods may reach."""

    to: list[Peer] = Field([], description="whom; []: any address, at those ports alone")
    ports: list[Port] = Field([], description="TCP ports; []: those that the settings name, else nobody is reached")


class From(Value):
    """Who may reach pods."""

    from_: list[Peer] = Field([Peer(namespace_selector={})], alias="from", description="who; []: any address")


class Extra(Value):
    """Further rules of one component, in Kubernetes' own words."""

    egress: list[Rule] = Field([], description="rules of whom it reaches")
    ingress: list[Rule] = Field([], description="rules of who reaches it")


class NetworkPolicies(Value):
    """Who may talk to whom: docs/network.md."""

    enabled: bool = Field(True, description="whether every way that is not named here is closed")
    dns: To = Field(To(ports=[53]), description="who tells addresses of names")
    kafka: To = Field(To(), description="from every component; no ports: those of bootstrap_servers")
    redis: To = Field(To(), description="from drift, alerting, ledger-watch, the console and the test")
    stores: To = Field(To(), description="where a store has a URL; no ports: that of stores.s3.endpoint, else 443")
    cameras: To = Field(To(), description="from ingest alone; no ports: none is reached")
    alertmanager: To = Field(To(), description="from alerting, the console and the test")
    webhook: To = Field(To(), description="from alerting alone; no ports: that of webhook.url")
    machines: To = Field(To(), description="from machines alone; no ports: those of mqtt.url and opcua.url")
    api: To = Field(To(ports=[443, 6443]), description="Kubernetes' own, from the trainer alone")
    tracing: To = Field(To(), description="from every component; no ports: that of tracing.endpoint")
    metrics: From = Field(From(), description="who scrapes; any pod of the cluster, unless said otherwise")
    people: From = Field(From(), description="who reaches the console")
    push: From = Field(From(), description="who pushes images and readings to ingest")
    extra: dict[str, Extra] = Field({}, description="further rules, by component")


class PodDisruptionBudgets(Value):
    """What goes while nodes are drained."""

    enabled: bool = Field(True, description="one pod of a service at a time")


class Fallback(Value):
    """What holds while Kafka does not answer KEDA."""

    failures: int = Field(3, ge=1, description="after so many questions without an answer")
    replicas: int = Field(1, ge=1, description="as many pods as there are, at least so many")


class Scaled(Value):
    """How one service is scaled by its lag."""

    enabled: bool = Field(True, description="whether it is; else services.<name>.replicas holds")
    min: int = Field(1, description="fewest pods; at least 1")
    max: int = Field(0, ge=0, description="most pods; 0: topics.partitions, which no value may exceed")
    lag: int = Field(100, ge=1, description="records that wait, for each pod")
    topics: list[str] = Field(min_length=1, description="topics whose lag counts")


class Keda(Value):
    """Scaling by KEDA, 2.17 or later."""

    enabled: bool = Field(False, description="where it is installed; else services.<name>.replicas holds")
    polling_seconds: int = Field(15, ge=1, description="how often it looks")
    scale_down_seconds: int = Field(
        600, ge=0, le=3600, description="the most that was asked for within so long holds; then one pod a minute goes"
    )
    fallback: Fallback = Fallback()
    secret: str = Field("", description="Secret with ANDON_KAFKA__SASL_PASSWORD; empty: the first of `secrets`")
    services: dict[str, Scaled] = Field({}, description="by service")


class Autoscaling(Value):
    """As many pods as are needed."""

    keda: Keda = Keda()


class PodMonitor(Value):
    """What the Prometheus operator scrapes."""

    enabled: bool = Field(False, description="whether there is one")
    labels: Labels = Field({}, description="those that your Prometheus selects by")
    interval: str = Field("15s", pattern=DURATION, description="5 to 30 s")
    scrape_timeout: str = Field("", description="empty: Prometheus' own")
    relabelings: list[Rule] = Field([], description="as PodMonitor has them")
    metric_relabelings: list[Rule] = Field([], description="as PodMonitor has them")


class Rules(Value):
    """The rules of deploy/prometheus, as PrometheusRules."""

    enabled: bool = Field(False, description="whether there are any")
    labels: Labels = Field({}, description="those that your Prometheus selects by")
    dashboards: str = Field("", description="address of your Grafana; empty: the external label andon_dashboards")
    runbooks: str = Field("", description="address of docs/runbooks; empty: the external label andon_runbooks")


class Dashboards(Value):
    """The dashboards of deploy/grafana, as ConfigMaps."""

    enabled: bool = Field(False, description="whether there are any")
    labels: Labels = Field({"grafana_dashboard": "1"}, description="those that Grafana's sidecar looks for")
    annotations: Labels = Field({"grafana_folder": "Andon"}, description="such as the folder they come into")
    namespace: str = Field("", description="where the sidecar looks; empty: the release's")


class Monitoring(Value):
    """Who watches."""

    pod_monitor: PodMonitor = PodMonitor()
    rules: Rules = Rules()
    dashboards: Dashboards = Dashboards()


class StrimziTopics(Value):
    """A KafkaTopic for each topic."""

    enabled: bool = Field(False, description="in place of topics.create")
    namespace: str = Field("", description="where the Topic Operator looks; empty: the release's")
    keep: bool = Field(True, description="they stay when the release goes; else their records go with them")


class StrimziUsers(Value):
    """A KafkaUser for each component."""

    enabled: bool = Field(False, description="whether there are any; the User Operator must look at this namespace")
    authentication: Literal["scram-sha-512", "tls"] = Field("scram-sha-512", description="how they log in")


class Strimzi(Value):
    """What the Strimzi operator makes."""

    cluster: str = Field("", description="name of your Kafka resource")
    topics: StrimziTopics = StrimziTopics()
    users: StrimziUsers = StrimziUsers()


class Push(Value):
    """The way to ingest."""

    enabled: bool = Field(False, description="whether images can be pushed from outside")
    host: str = Field("", description="a name of its own")


class Ingress(Value):
    """The way to the console by an Ingress."""

    enabled: bool = Field(False, description="whether there is one")
    class_name: str = Field("", description="ingressClassName")
    annotations: Labels = Field({}, description="of every Ingress")
    host: str = Field("", description="name by which people reach the console")
    tls_secret: str = Field("", description="Secret with its certificate; then people come by https")
    push: Push = Push()


class Gateway(Value):
    """The way to the console by an HTTPRoute of a Gateway."""

    enabled: bool = Field(False, description="whether there is one")
    parent_refs: list[Rule] = Field([], description="the Gateways that take the route")
    host: str = Field("", description="name by which people reach the console")
    https: bool = Field(True, description="whether people reach that Gateway by https")
    push: Push = Push()


class Guards(Value):
    """The sections of values.yaml that this module describes."""

    network_policies: NetworkPolicies = NetworkPolicies()
    pod_disruption_budgets: PodDisruptionBudgets = PodDisruptionBudgets()
    autoscaling: Autoscaling = Autoscaling()
    monitoring: Monitoring = Monitoring()
    strimzi: Strimzi = Strimzi()
    ingress: Ingress = Ingress()
    gateway: Gateway = Gateway()
