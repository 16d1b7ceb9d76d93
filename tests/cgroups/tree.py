"""Fake `/proc` directories and cgroup hierarchies, as kernels and container runtimes make them."""

from __future__ import annotations

from pathlib import Path

V1_CONTROLLERS = {"cpu": "cpu,cpuacct", "memory": "memory"}


class CgroupTree:
    """A process in the cgroup `path`, which sees `root` of the hierarchy at the mount point."""

    def __init__(
        self,
        directory: Path,
        *,
        controller: str,
        path: str = "/",
        root: str = "/",
        v1: bool = False,
    ) -> None:
        self.process, self.point = directory / "process", directory / "the cgroups"
        self.process.mkdir()
        self.point.mkdir()
        self.is_v1 = v1
        controllers = V1_CONTROLLERS[controller]
        membership = f"4:{controllers}:{path}" if v1 else f"0::{path}"
        system = f"cgroup cgroup rw,{controllers}" if v1 else "cgroup2 cgroup2 rw"
        escaped = str(self.point).replace(" ", "\\040")
        (self.process / "cgroup").write_text(f"9:name=systemd:/elsewhere\n{membership}\n")
        (self.process / "mountinfo").write_text(
            f"31 23 0:28 / /sys rw,relatime - sysfs sysfs rw\n"
            f"41 31 0:38 {root} {escaped} rw,relatime shared:9 - {system}\n"
        )

    def write(self, group: str, **files: str) -> None:
        """Write files of the cgroup `group`, named with `_` in place of the first dot."""
        directory = self.point / group
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name.replace("_", ".", 1)).write_text(f"{text}\n")
