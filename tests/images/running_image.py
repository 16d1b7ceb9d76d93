"""A container of a built image, under the restrictions that the chart puts on it."""

from __future__ import annotations

import os
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from longshore_k8s.capacity.local_ports import unused_port
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.bundle import Bundle
from tests.cluster.node_agent.container import Container
from tests.cluster.node_agent.images import Image

START_SECONDS = 60.0
RESTRICTED: Json = {
    "runAsNonRoot": True,
    "runAsGroup": 10001,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
TEMPORARY_FILES: Json = {
    "destination": "/tmp",
    "type": "tmpfs",
    "source": "tmpfs",
    "options": ["nosuid", "nodev", "mode=1777"],
}


class RunningImage:
    """One start of the image's own entrypoint, with this machine's network."""

    def __init__(self, container: Container, port: int) -> None:
        self._container = container
        self.port = port

    @property
    def log(self) -> str:
        return self._container.log_file.read_text(encoding="utf-8", errors="replace")

    def request(self, path: str, body: bytes | None = None) -> bytes:
        """The body of a 200 answer; raises OSError for any other."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", body, 10) as answer:
            return bytes(answer.read())

    def wait_until_ready(self) -> None:
        """Probe it as a kubelet would; raises AssertionError with its log."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self._container.reap():
            if self.is_ready():
                return
            time.sleep(0.1)
        raise AssertionError(f"not ready\n{self.log}")

    def is_ready(self) -> bool:
        """What readiness says now."""
        try:
            self.request("/v2/health/ready")
        except OSError:
            return False
        return True

    def wait_until_said(self, words: str) -> None:
        """Return once its log holds the words."""
        deadline = time.monotonic() + START_SECONDS
        while words not in self.log:
            assert time.monotonic() < deadline, f"never said {words!r}\n{self.log}"
            time.sleep(0.1)

    def shows(self, *command: str) -> bool:
        """Whether a command run inside ends well."""
        return self._container.execute(list(command), 10)

    def stop(self, seconds: float = 15.0) -> int:
        """The exit code after SIGTERM to process 1."""
        assert self._container.signal("TERM")
        deadline = time.monotonic() + seconds
        while not self._container.reap():
            assert time.monotonic() < deadline, f"still runs {seconds} s after SIGTERM\n{self.log}"
            time.sleep(0.05)
        assert self._container.exit_code is not None
        return self._container.exit_code


@contextmanager
def running(
    image: Image,
    model: Path,
    directory: Path,
    *options: str,
    mounts: Sequence[Json] = (TEMPORARY_FILES,),
) -> Iterator[RunningImage]:
    """Serve `model`, mounted read-only, until the end of the block; nothing is waited for.

    `options` are those of `longshore serve`.
    """
    uid = uuid.uuid4().hex
    port, management_port = unused_port(), unused_port()
    inside = f"/models/{model.name}"
    arguments = [
        *("serve", inside, "--host=127.0.0.1", f"--port={port}", "--drain-delay-seconds=1"),
        *("--management-host=127.0.0.1", f"--management-port={management_port}"),
        *options,
    ]
    spec: Json = {"name": "server", "args": arguments, "securityContext": RESTRICTED}
    container = Container(spec, directory, uid)
    bind = {"destination": inside, "type": "bind", "source": str(model), "options": ["bind", "ro"]}
    bundle = Bundle(
        pod={"metadata": {"name": "image-test"}, "spec": {}},
        container=spec,
        image=image,
        root=container.mount_root(image.root),
        environment=dict(entry.split("=", 1) for entry in image.environment),
        volume_mounts=[bind, *mounts],
        pod_files={},
        network_namespace=f"/proc/{os.getpid()}/ns/net",
        cgroup=container.cgroup,
    )
    container.start(bundle)
    try:
        yield RunningImage(container, port)
    finally:
        container.kill()
        container.discard()
