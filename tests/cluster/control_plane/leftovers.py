"""What a cluster must not leave behind: namespaces, mounts, containers, processes, folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

NETWORKS = Path("/run/netns")


def of(run_directory: Path, root: Path) -> list[str]:
    """What is left of a cluster that ran in `run_directory` and kept its files in `root`."""
    name = run_directory.name
    found = [*NETWORKS.glob(name), *NETWORKS.glob(f"{name}-*")]
    networks = [f"network {path.name}" for path in found]
    folders = [f"folder {run_directory}"] if run_directory.exists() else []
    return [*networks, *folders, *_mounts(run_directory, root), *_processes(run_directory, root)]


def _mounts(*places: Path) -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        point = line.split()[4]
        if any(Path(point).is_relative_to(place) for place in places):
            yield f"mount {point}"


def _processes(run_directory: Path, root: Path) -> Iterator[str]:
    """Programs that were started with a file of the cluster, and containers that stand on one."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            mounts = (process / "mountinfo").read_text(encoding="utf-8")
        except OSError:
            # It has ended meanwhile.
            continue
        if f"{root}/" in words or f"{run_directory}/" in f"{words} {mounts}":
            yield f"process {process.name} {words[:100]}"
