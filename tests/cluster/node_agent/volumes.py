"""The volumes of a pod as folders of this machine, and their mounts in a container."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.node_agent import projected_files
from tests.cluster.node_agent.api import Api, Json
from tests.cluster.node_agent.projected_files import ProjectedFiles

PROJECTED_TYPES = ("configMap", "downwardAPI", "projected", "secret")


class MountFailed(Exception):
    """A volume cannot be mounted yet: FailedMount, tried again."""


@dataclass(slots=True)
class Volumes:
    """The volumes of one pod; `prepare` may be called again after a failure."""

    api: Api
    pod: Json
    directory: Path
    files: ProjectedFiles
    _sources: dict[str, Path] = field(default_factory=dict)
    _claimed_read_only: set[str] = field(default_factory=set)

    def prepare(self) -> None:
        """Create what is missing; raises MountFailed or ApiError."""
        for volume in self.pod["spec"].get("volumes") or []:
            self._sources[volume["name"]] = self._source(volume)
            claim = volume.get("persistentVolumeClaim") or {}
            if claim.get("readOnly"):
                self._claimed_read_only.add(volume["name"])

    def refresh(self) -> None:
        """Bring ConfigMap, Secret and projected volumes up to date."""
        for volume in self.pod["spec"].get("volumes") or []:
            if any(kind in volume for kind in PROJECTED_TYPES):
                source = self._sources[volume["name"]]
                projected_files.write(source, self.files.read(volume))

    def mounts(self, container: Json) -> list[Json]:
        """OCI bind mounts of a container, outer paths first."""
        declared = container.get("volumeMounts") or []
        return [self._mount(entry) for entry in sorted(declared, key=lambda m: str(m["mountPath"]))]

    def _mount(self, entry: Json) -> Json:
        source = self._sources[entry["name"]]
        if sub_path := entry.get("subPath"):
            source = source / sub_path
            if not source.exists():
                source.mkdir(parents=True)
        is_read_only = entry.get("readOnly") or entry["name"] in self._claimed_read_only
        return {
            "destination": entry["mountPath"],
            "type": "bind",
            "source": str(source.resolve()),
            "options": ["rbind", "ro" if is_read_only else "rw"],
        }

    def _source(self, volume: Json) -> Path:
        if "hostPath" in volume:
            return _host_path(volume["hostPath"])
        if "persistentVolumeClaim" in volume:
            return self._claim(volume["persistentVolumeClaim"]["claimName"])
        directory = self.directory / f"volume-{volume['name']}"
        directory.mkdir(exist_ok=True)
        if "emptyDir" in volume:
            directory.chmod(0o777)
        else:
            directory.chmod(0o755)
            projected_files.write(directory, self.files.read(volume))
        return directory

    def _claim(self, name: str) -> Path:
        namespace = self.pod["metadata"]["namespace"]
        claim = self.api.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}")
        if (claim.get("status") or {}).get("phase") != "Bound":
            raise MountFailed(f"persistentvolumeclaim {name} is not bound")
        volume = self.api.get(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
        if "hostPath" not in volume["spec"]:
            raise MountFailed(f"persistentvolume {volume['metadata']['name']} is not a hostPath")
        return _host_path(volume["spec"]["hostPath"])


def _host_path(source: Json) -> Path:
    path = Path(source["path"])
    if source.get("type") == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        raise MountFailed(f"hostPath {path} does not exist on this node")
    return path
