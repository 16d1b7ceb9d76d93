"""Container images: from buildah's store, or this machine's own root as an overlay.

Nothing is ever pulled: an image that is not on the machine is ErrImageNeverPull.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.node_agent import commands
from tests.cluster.node_agent.settings import NodeSettings


class ImageNotPresent(Exception):
    """The image is not in the machine's store."""


@dataclass(frozen=True, slots=True)
class Image:
    """The read-only root of an image and the parts of its config that a container takes over."""

    root: str
    environment: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = "/"
    user: str = "0"
    is_machine_root: bool = False


@dataclass(slots=True)
class ImageStore:
    """Images that were asked for, mounted once each and unmounted by `remove_mounts`."""

    settings: NodeSettings
    _mounted: dict[str, Image] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, reference: str) -> Image:
        """The image of that name; raises ImageNotPresent."""
        if reference.startswith(self.settings.machine_image_prefix):
            environment = (f"PATH={self.settings.machine_image_path}", "HOME=/root")
            return Image(
                root="/",
                environment=environment,
                entrypoint=self.settings.machine_image_entrypoint,
                is_machine_root=True,
            )
        with self._lock:
            if reference not in self._mounted:
                self._mounted[reference] = self._mount(reference)
            return self._mounted[reference]

    def _mount(self, reference: str) -> Image:
        name = f"{_prefix(self.settings)}{len(self._mounted)}"
        try:
            described = json.loads(commands.run("buildah", "inspect", "--type", "image", reference))
            container = commands.run("buildah", "from", "--pull-never", "--name", name, reference)
            root = commands.run("buildah", "mount", container)
        except commands.CommandFailed as error:
            message = f'Container image "{reference}" is not present with pull policy of Never'
            raise ImageNotPresent(message) from error
        config: dict[str, Any] = described["OCIv1"].get("config") or {}
        return Image(
            root=root,
            environment=tuple(config.get("Env") or ()),
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            working_directory=config.get("WorkingDir") or "/",
            user=config.get("User") or "0",
        )


def remove_mounts(settings: NodeSettings) -> None:
    """Delete the working containers that a node's images are mounted through, its own or not."""
    listed = commands.run("buildah", "containers", "--format", "{{.ContainerName}}")
    for name in listed.split():
        if name.startswith(_prefix(settings)):
            commands.succeeds("buildah", "rm", name)


def _prefix(settings: NodeSettings) -> str:
    return f"{settings.cluster}-{settings.name}-"
