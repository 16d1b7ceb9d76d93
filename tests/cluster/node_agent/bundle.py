"""The OCI bundle of a container: its config.json, as runc reads it.

Seccomp and AppArmor profiles are not applied; everything else of a security context is.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.node_agent import quantities, security
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.environment import expand
from tests.cluster.node_agent.images import Image

CPU_PERIOD_MICROSECONDS = 100_000
OPEN_FILES = 16384
"""Open files of a container, where this machine allows that many."""

SYSTEM_MOUNTS: tuple[Json, ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc", "options": []},
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
    },
    {
        "destination": "/dev/mqueue",
        "type": "mqueue",
        "source": "mqueue",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/sys",
        "type": "sysfs",
        "source": "sysfs",
        "options": ["nosuid", "noexec", "nodev", "ro"],
    },
    {
        "destination": "/sys/fs/cgroup",
        "type": "cgroup",
        "source": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
    },
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one start of a container is made of."""

    pod: Json
    container: Json
    image: Image
    root: Path
    environment: dict[str, str]
    volume_mounts: list[Json]
    pod_files: dict[str, Path]
    """Files that the node puts into every container: path inside, path here."""
    network_namespace: str
    cgroup: str

    def config(self) -> Json:
        """The OCI runtime config; raises ConfigError when the user may not be root but is."""
        spec = self.pod["spec"]
        user = security.user(spec, self.container, image_user=self.image.user, root=self.root)
        return {
            "ociVersion": "1.0.2",
            "hostname": self.pod["metadata"]["name"][:63],
            "root": {
                "path": str(self.root),
                "readonly": security.has_read_only_root(self.container),
            },
            "mounts": self._mounts(),
            "process": {
                "terminal": False,
                "user": user,
                "args": self.arguments(),
                "env": [f"{name}={value}" for name, value in self.environment.items()],
                "cwd": self.container.get("workingDir") or self.image.working_directory,
                "noNewPrivileges": security.forbids_new_privileges(self.container),
                "capabilities": security.capabilities(self.container, user["uid"]),
                "rlimits": [_open_files()],
            },
            "linux": {
                "namespaces": [
                    *({"type": kind} for kind in ("pid", "mount", "ipc", "uts")),
                    {"type": "network", "path": self.network_namespace},
                ],
                "cgroupsPath": self.cgroup,
                "resources": _limits(self.container),
                "maskedPaths": ["/proc/kcore", "/proc/keys"],
                "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
            },
        }

    def arguments(self) -> list[str]:
        """command and args over the image's entrypoint and command, as Kubernetes joins them."""
        command = self.container.get("command")
        arguments = self.container.get("args")
        words = [*(command or self.image.entrypoint)]
        words += arguments or ([] if command else self.image.command)
        return [expand(word, self.environment) for word in words]

    def _mounts(self) -> list[Json]:
        mounts = list(SYSTEM_MOUNTS)
        taken = {mount["destination"].rstrip("/") for mount in self.volume_mounts}
        if self.image.is_machine_root and "/tmp" not in taken:
            mounts.append(_tmpfs("/tmp"))
        if "/dev/shm" not in taken:
            mounts.append(_tmpfs("/dev/shm", "noexec", "size=64m"))
        mounts += [
            {"destination": inside, "type": "bind", "source": str(here), "options": ["rbind", "rw"]}
            for inside, here in self.pod_files.items()
        ]
        return mounts + self.volume_mounts


def _tmpfs(path: str, *options: str) -> Json:
    flags = ["nosuid", "nodev", "mode=1777", *options]
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": flags}


def _open_files() -> Json:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = min(hard, OPEN_FILES) if hard != resource.RLIM_INFINITY else OPEN_FILES
    return {"type": "RLIMIT_NOFILE", "hard": allowed, "soft": allowed}


def _limits(container: Json) -> Json:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    asked = requests.get("cpu", limits.get("cpu", "0"))
    cpu: Json = {"shares": max(2, int(quantities.parse(asked) * 1024))}
    if "cpu" in limits:
        quota = int(quantities.parse(limits["cpu"]) * CPU_PERIOD_MICROSECONDS)
        cpu |= {"quota": max(1000, quota), "period": CPU_PERIOD_MICROSECONDS}
    memory: Json = {}
    if "memory" in limits:
        limit = int(quantities.parse(limits["memory"]))
        memory = {"limit": limit, "swap": limit}
    return {"cpu": cpu, "memory": memory}
