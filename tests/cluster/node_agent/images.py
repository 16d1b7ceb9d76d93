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
    """Images that were asked for, mounted once each and unmounted by `close`."""

    settings: NodeSettings
    _mounted: dict[str, Image] = field(default_factory=dict)
    _containers: list[str] = field(default_factory=list)
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

    def close(self) -> None:
        """Delete the working containers that the images were mounted through."""
        for container in self._containers:
            commands.succeeds("buildah", "rm", container)

    def _mount(self, reference: str) -> Image:
        try:
            described = json.loads(commands.run("buildah", "inspect", "--type", "image", reference))
            container = commands.run("buildah", "from", "--pull-never", reference)
            self._containers.append(container)
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
