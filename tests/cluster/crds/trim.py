"""Makes the CRDs of this folder from those of their projects: one version each, without descriptions and status.

  python tests/cluster/crds/trim.py ORIGIN CRD.yaml [VERSION]      writes <plural>.yaml beside this file

ORIGIN is where it comes from, for the head of the file. All of them are Apache-2.0:
  go mod download sigs.k8s.io/gateway-api@v1.6.3                                          config/crd/standard
  go mod download github.com/kedacore/keda/v2@v2.21.0                                     config/crd/bases
  go mod download github.com/prometheus-operator/prometheus-operator@v0.85.0             example/prometheus-operator-crd
  mvn dependency:copy -Dartifact=io.strimzi:api:1.2.0, and crd-generator:1.2.0, then, with Java 21:
  java -cp crd-generator-1.2.0.jar:api-1.2.0.jar io.strimzi.crdgenerator.CrdGenerator --yaml --target-kube 1.27+
    io.strimzi.api.kafka.model.topic.KafkaTopic=/tmp/topic.yaml io.strimzi.api.kafka.model.user.KafkaUser=/tmp/user.yaml
"""

import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
APPROVED = "api-approved.kubernetes.io"
HEAD = "# {origin}, Apache-2.0; trimmed by trim.py beside it: version {version} alone, no descriptions, no status.\n"


def main() -> None:
    """Writes one."""
    origin, source, *wanted = sys.argv[1:]
    crd = yaml.safe_load(Path(source).read_text())
    version = next(each for each in crd["spec"]["versions"] if not wanted or each["name"] == wanted[0])
    text = yaml.safe_dump(trimmed(crd, version), sort_keys=False, default_flow_style=None, width=130)
    (HERE / f"{crd['spec']['names']['plural']}.yaml").write_text(
        HEAD.format(origin=origin, version=version["name"]) + text
    )


def trimmed(crd: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    """The CRD with that version alone."""
    schema = _bare(version["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    names = {name: value for name, value in crd["spec"]["names"].items() if name != "categories"}
    held = {key: value for key, value in crd["metadata"].get("annotations", {}).items() if key == APPROVED}
    return {
        "apiVersion": crd["apiVersion"],
        "kind": crd["kind"],
        "metadata": {"name": crd["metadata"]["name"], **({"annotations": held} if held else {})},
        "spec": {
            "group": crd["spec"]["group"],
            "names": names,
            "scope": crd["spec"]["scope"],
            "versions": [
                {"name": version["name"], "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


def _bare(schema: Any) -> Any:
    """Without descriptions; a property that is called `description` stays."""
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _bare(each) for name, each in value.items()} if key == "properties" else _bare(value)
        for key, value in schema.items()
        if key != "description" or not isinstance(value, str)
    }


if __name__ == "__main__":
    main()
