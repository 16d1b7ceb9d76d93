"""The environment variables of a container, from values, fields, ConfigMaps and Secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from tests.cluster.node_agent import quantities
from tests.cluster.node_agent.api import Api, ApiError, Json
from tests.cluster.node_agent.settings import NodeSettings


class ConfigError(Exception):
    """A reference of the container cannot be resolved: CreateContainerConfigError."""


@dataclass(frozen=True, slots=True)
class EnvironmentBuilder:
    """Resolves the references of one pod's containers."""

    api: Api
    settings: NodeSettings
    pod: Json
    pod_ip: str

    def build(self, container: Json, image_environment: Iterable[str]) -> dict[str, str]:
        """Every variable of the container; raises ConfigError for a reference to nothing."""
        names = dict(entry.split("=", 1) for entry in image_environment)
        names["HOSTNAME"] = self.pod["metadata"]["name"]
        names["KUBERNETES_SERVICE_HOST"] = self.settings.api_service_address
        names["KUBERNETES_SERVICE_PORT"] = "443"
        for source in container.get("envFrom") or []:
            names.update(self._whole_object(source))
        for entry in container.get("env") or []:
            if "valueFrom" in entry:
                value = self._value_from(container, entry["valueFrom"])
            else:
                value = expand(entry.get("value", ""), names)
            if value is not None:
                names[entry["name"]] = value
        return names

    def field(self, path: str) -> str:
        """A downward API field of the pod; raises ConfigError for one not known here."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        if found := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
            return str((metadata.get(found[1]) or {}).get(found[2], ""))
        if path in ("metadata.labels", "metadata.annotations"):
            entries = metadata.get(path.removeprefix("metadata.")) or {}
            return "\n".join(f'{key}="{value}"' for key, value in entries.items())
        fields = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": self.settings.name,
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.hostIP": self.settings.address,
            "status.podIP": self.pod_ip,
            "status.podIPs": self.pod_ip,
        }
        if path not in fields:
            raise ConfigError(f"field {path} is not one of {sorted(fields)}")
        return str(fields[path])

    def resource(self, container: Json, reference: Json) -> str:
        """A resourceFieldRef, rounded up to whole divisors as the kubelet does: a limit that is
        not set is what the node has, a request is 0.
        """
        kind, resource = reference["resource"].split(".", 1)
        declared = (container.get("resources") or {}).get(kind) or {}
        capacity = self.settings.capacity if kind == "limits" else {}
        asked = declared.get(resource) or capacity.get(resource, "0")
        divisor = reference.get("divisor") or "1"
        divisor = "1" if str(divisor) == "0" else divisor
        return str(ceil(quantities.parse(asked) / quantities.parse(divisor)))

    def _value_from(self, container: Json, source: Json) -> str | None:
        if "fieldRef" in source:
            return self.field(source["fieldRef"]["fieldPath"])
        if "resourceFieldRef" in source:
            return self.resource(container, source["resourceFieldRef"])
        kind = "configmaps" if "configMapKeyRef" in source else "secrets"
        reference = source.get("configMapKeyRef") or source["secretKeyRef"]
        data = self._data(kind, reference)
        if reference["key"] in data:
            return data[reference["key"]]
        if reference.get("optional"):
            return None
        raise ConfigError(f"couldn't find key {reference['key']} in {kind} {reference['name']}")

    def _whole_object(self, source: Json) -> dict[str, str]:
        kind = "configmaps" if "configMapRef" in source else "secrets"
        reference = source.get("configMapRef") or source["secretRef"]
        prefix = source.get("prefix", "")
        return {prefix + key: value for key, value in self._data(kind, reference).items()}

    def _data(self, kind: str, reference: Json) -> dict[str, str]:
        namespace = self.pod["metadata"]["namespace"]
        try:
            found = self.api.get(f"/api/v1/namespaces/{namespace}/{kind}/{reference['name']}")
        except ApiError as error:
            if error.code == 404 and reference.get("optional"):
                return {}
            raise ConfigError(f"{kind} {reference['name']}: {error}") from error
        data: dict[str, str] = found.get("data") or {}
        if kind == "secrets":
            return {key: base64.b64decode(value).decode() for key, value in data.items()}
        return data


def expand(text: str, names: dict[str, str]) -> str:
    """Replace each $(NAME) that is known; $$(NAME) stays as $(NAME)."""

    def replace(found: re.Match[str]) -> str:
        if found[0].startswith("$$"):
            return found[0][1:]
        return names.get(found[1], found[0])

    return re.sub(r"\$?\$\(([^)]+)\)", replace, text)
