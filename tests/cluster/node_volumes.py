"""The volumes of a pod as folders: empty ones, claims, files of ConfigMaps, Secrets, tokens and the pod's own fields.

Files appear as a kubelet writes them: in a folder of their own behind the link `..data`, which is turned over in one
step when they change, so that a program that watches sees all of them change at once.
"""

import base64
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from node_api import Api, Json

Files = dict[str, bytes]


class Volumes:
    """The volumes of one pod, below `folder`; those of claims lie below `claims`, which nodes share and keep."""

    def __init__(self, api: Api, pod: Json, folder: Path, claims: Path) -> None:
        self._api = api
        self._pod = pod
        self._namespace = pod["metadata"]["namespace"]
        self._folder = folder
        self._claims = claims
        self._written: dict[str, Files] = {}
        self._group = int(pod["spec"].get("securityContext", {}).get("fsGroup", 0))

    def folder_of(self, name: str) -> Path:
        """Where a volume's content is. KeyError when the pod has no such volume."""
        volume = {each["name"]: each for each in self._pod["spec"].get("volumes", ())}[name]
        if claim := volume.get("persistentVolumeClaim"):
            return self._open(self._claims / self._namespace / claim["claimName"])
        if "emptyDir" in volume:
            return self._open(self._folder / name)
        return self._folder / name

    def _open(self, folder: Path) -> Path:
        """A folder that the pod's group may write to, as fsGroup and an emptyDir allow."""
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o2775 if self._group else 0o777)
            os.chown(folder, -1, self._group)
        return folder

    def refresh(self) -> None:
        """Writes what has changed. LookupError names what is missing and is not optional."""
        for volume in self._pod["spec"].get("volumes", ()):
            if "emptyDir" in volume or "persistentVolumeClaim" in volume:
                continue
            files = self._files(volume)
            if files != self._written.get(volume["name"]):
                self._turn_over(self._folder / volume["name"], files, volume)
                self._written[volume["name"]] = files

    def _files(self, volume: Json) -> Files:
        if source := volume.get("projected"):
            found: Files = {}
            for each in source["sources"]:
                found |= self._source(each, volume["name"])
            return found
        return self._source({kind: value for kind, value in volume.items() if kind != "name"}, volume["name"])

    def _source(self, source: Json, volume: str) -> Files:
        kind, told = next(iter(source.items()))
        match kind:
            case "configMap":
                return chosen(self.keys("configmaps", told["name"], optional(told)), told)
            case "secret":
                name = told.get("secretName") or told["name"]
                return chosen(self.keys("secrets", name, optional(told)), told)
            case "downwardAPI":
                return {
                    each["path"]: field(self._pod, each["fieldRef"]["fieldPath"]).encode() for each in told["items"]
                }
            case "serviceAccountToken":
                known = self._written.get(volume, {}).get(told["path"])
                return {told["path"]: known or self._token(told)}
        raise LookupError(f"this node knows no volume of kind {kind} ({volume})")

    def _token(self, told: Json) -> bytes:
        owner = {key: self._pod["metadata"][key] for key in ("name", "uid")} | {"kind": "Pod", "apiVersion": "v1"}
        seconds = told.get("expirationSeconds", 3600)
        spec = {"boundObjectRef": owner, "expirationSeconds": seconds, "audiences": []}
        account = self._pod["spec"].get("serviceAccountName", "default")
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        made = self._api.post(f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token", asked)
        if made is None:
            raise LookupError(f"no service account {account}")
        return str(made["status"]["token"]).encode()

    def keys(self, kind: str, name: str, may_miss: bool = False) -> Files:
        """What a ConfigMap or a Secret holds, by key."""
        found = self._api.get(f"/api/v1/namespaces/{self._namespace}/{kind}/{name}")
        if found is None:
            if may_miss:
                return {}
            raise LookupError(f"{kind} {name} not found")
        binary = found.get("binaryData", {}) | (found.get("data", {}) if kind == "secrets" else {})
        plain = {} if kind == "secrets" else found.get("data", {})
        return {key: text.encode() for key, text in plain.items()} | {
            key: base64.b64decode(text) for key, text in binary.items()
        }

    def _turn_over(self, folder: Path, files: Files, volume: Json) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        told = next(value for kind, value in volume.items() if kind != "name")
        mode = int(told.get("defaultMode", 0o644)) | (0o040 if self._group else 0)
        behind = folder / f"..{uuid.uuid4().hex}"
        for path, content in files.items():
            at = behind / path
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(content)
            at.chmod(mode)
            os.chown(at, -1, self._group)
        behind.mkdir(exist_ok=True)
        turn(folder / "..data", behind.name)
        for top in {path.split("/")[0] for path in files}:
            if not (folder / top).is_symlink():
                (folder / top).symlink_to(Path("..data") / top)
        for old in folder.glob("..?*"):
            if old.name not in ("..data", behind.name):
                shutil.rmtree(old)


def turn(link: Path, to: str) -> None:
    """Lets a link point elsewhere, in one step."""
    fresh = link.with_name("..data_tmp")
    fresh.symlink_to(to)
    fresh.replace(link)


def chosen(files: Files, told: Json) -> Files:
    """All keys, or those of `items` under their paths. LookupError when one is missing."""
    if "items" not in told:
        return files
    missing = [each["key"] for each in told["items"] if each["key"] not in files]
    if missing and not optional(told):
        raise LookupError(f"no key {', '.join(missing)}")
    return {each["path"]: files[each["key"]] for each in told["items"] if each["key"] in files}


def optional(told: Json) -> bool:
    """Whether it may be missing."""
    return bool(told.get("optional"))


def field(pod: Json, path: str) -> str:
    """A field of the pod, as the downward API names it: metadata.name, metadata.labels['x'], spec.nodeName ..."""
    if path.endswith("']"):
        parent, key = path[:-2].split("['")
        return str(field_of(pod, parent).get(key, ""))
    return str(field_of(pod, path))


def field_of(pod: Json, path: str) -> Any:
    """What stands at a dotted path."""
    found: Any = pod
    for part in path.split("."):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return "" if found == {} else found
