"""Files that come from the API: ConfigMaps, Secrets, tokens and downward API fields.

They are written as the kubelet writes them: into a folder of their own, then swapped in whole by
one rename of the `..data` link, so that a reader never sees half an update.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.node_agent.api import Api, ApiError, Json
from tests.cluster.node_agent.environment import EnvironmentBuilder

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class ProjectedFiles:
    """Reads the files of one pod's API-backed volumes."""

    api: Api
    pod: Json
    environment: EnvironmentBuilder

    def read(self, volume: Json) -> Files:
        """Path and content of each file; ApiError when a source that is not optional is missing."""
        files: Files = {}
        sources = volume["projected"]["sources"] if "projected" in volume else [volume]
        for source in sources:
            files.update(self._source(source))
        return files

    def _source(self, source: Json) -> Files:
        if "configMap" in source:
            return self._object("configmaps", source["configMap"])
        if "secret" in source:
            return self._object("secrets", source["secret"])
        if "serviceAccountToken" in source:
            return self._token(source["serviceAccountToken"])
        return self._fields(source["downwardAPI"])

    def _object(self, kind: str, source: Json) -> Files:
        name = source.get("name") or source["secretName"]
        namespace = self.pod["metadata"]["namespace"]
        try:
            found = self.api.get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
        except ApiError as error:
            if error.code == 404 and source.get("optional"):
                return {}
            raise
        data = found.get("data") or {}
        if kind == "secrets":
            files = {key: base64.b64decode(value) for key, value in data.items()}
        else:
            files = {key: value.encode() for key, value in data.items()}
            binary = found.get("binaryData") or {}
            files |= {key: base64.b64decode(value) for key, value in binary.items()}
        if items := source.get("items"):
            return {item["path"]: files[item["key"]] for item in items}
        return files

    def _token(self, source: Json) -> Files:
        metadata = self.pod["metadata"]
        account = self.pod["spec"].get("serviceAccountName", "default")
        audience = source.get("audience")
        request = {
            "spec": {
                "audiences": [audience] if audience else [],
                "expirationSeconds": source.get("expirationSeconds", 3600),
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
            }
        }
        accounts = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts"
        answer = self.api.post(f"{accounts}/{account}/token", request)
        return {source["path"]: answer["status"]["token"].encode()}

    def _fields(self, source: Json) -> Files:
        files: Files = {}
        containers = {entry["name"]: entry for entry in self.pod["spec"]["containers"]}
        for item in source.get("items") or []:
            if "fieldRef" in item:
                value = self.environment.field(item["fieldRef"]["fieldPath"])
            else:
                reference = item["resourceFieldRef"]
                container = containers[reference["containerName"]]
                value = self.environment.resource(container, reference)
            files[item["path"]] = value.encode()
        return files


def write(directory: Path, files: Files) -> None:
    """Make `directory` show exactly `files`, in one step."""
    current = directory / "..data"
    if current.is_symlink() and _read(current) == files:
        return
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=directory))
    fresh.chmod(0o755)
    for name, content in files.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name).write_bytes(content)
    old = current.resolve() if current.is_symlink() else None
    swap = directory / "..data_tmp"
    swap.symlink_to(fresh.name)
    swap.rename(current)
    for top in {name.split("/")[0] for name in files}:
        if not (directory / top).is_symlink():
            (directory / top).symlink_to(f"..data/{top}")
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _read(directory: Path) -> Files:
    found = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}
