"""One container of a pod: started by runc, watched, signalled, and reaped.

A container may be started many times; each start has a bundle and a cgroup of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from tests.cluster.node_agent import clock, commands
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.bundle import Bundle

TERMINATION_MESSAGE_BYTES = 4096
SIGKILL_EXIT_CODE = 137
START_SECONDS = 5.0
CGROUP_ROOTS = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup")
OUT_OF_MEMORY_FILES = ("memory.oom_control", "memory.events")


class Container:
    """The container as the kubelet sees it: its state, and what its probes found."""

    def __init__(self, spec: Json, pod_directory: Path, pod_uid: str) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.log_file = pod_directory / f"{self.name}.log"
        self.state: Json = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Json = {}
        self.restart_count = 0
        self.is_started = False
        self.is_ready = False
        self.started_at = 0.0
        self.starts = 0
        self.devices: list[str] = []
        self.ended = threading.Event()
        self._pod_directory = pod_directory
        self._pod_uid = pod_uid
        # State of its own, so that everything in it was started by this node.
        self._runc = ("runc", "--root", str(pod_directory.parent / "runc"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def id(self) -> str:
        return f"{self._pod_uid[:8]}-{self.name}-{self.starts}"

    @property
    def directory(self) -> Path:
        """Folder of the present start: bundle, root and termination message."""
        return self._pod_directory / f"{self.name}-{self.starts}"

    @property
    def cgroup(self) -> str:
        return f"/longshore-node/{self._pod_uid}/{self.id}"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def exit_code(self) -> int | None:
        """Of the last end, or None while it runs or before its first start."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def mount_root(self, lower: str) -> Path:
        """Begin a new start: a writable overlay over the image's root."""
        self.starts += 1
        for name in ("upper", "work", "root"):
            (self.directory / name).mkdir(parents=True)
        (self.directory / "termination-log").touch()
        layers = f"lowerdir={lower},upperdir={self.directory}/upper,workdir={self.directory}/work"
        root = self.directory / "root"
        commands.run("mount", "-t", "overlay", "overlay", "-o", layers, str(root))
        if lower == "/":
            # The home of root may hold the interpreter, and the container's user is another one.
            (root / "root").chmod(0o755)
        return root

    def start(self, bundle: Bundle) -> None:
        """Run the bundle; ConfigError when its config cannot be made."""
        config = json.dumps(bundle.config())
        (self.directory / "config.json").write_text(config, encoding="utf-8")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._runc, "run", "--keep", "--bundle", str(self.directory), self.id],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.ended = threading.Event()
        self.is_started = self.is_ready = False
        self.started_at = time.monotonic()
        self.state = {"running": {"startedAt": clock.now()}}

    def wait_for(self, reason: str, message: str) -> None:
        """Say why the container does not run."""
        self.state = {"waiting": {"reason": reason, "message": message}}

    def signal(self, name: str) -> bool:
        """Whether the signal was delivered to PID 1; it is not while runc still starts it."""
        return commands.succeeds(*self._runc, "kill", self.id, name)

    def is_up(self) -> bool:
        """Whether its first process runs, which is a moment after runc was started for it."""
        until = time.monotonic() + START_SECONDS
        while self.is_running and time.monotonic() < until:
            try:
                state = json.loads(commands.run(*self._runc, "state", self.id))
            except commands.CommandFailed:
                state = {}
            if state.get("status") == "running":
                return True
            time.sleep(0.02)
        return False

    def inside(self, command: list[str]) -> list[str]:
        """What runs a command in it."""
        return [*self._runc, "exec", self.id, *command]

    def execute(self, command: list[str], timeout_seconds: float) -> bool:
        """Whether a command run inside ends well and in time."""
        try:
            words = self.inside(command)
            done = subprocess.run(words, capture_output=True, timeout=timeout_seconds, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def reap(self) -> bool:
        """Whether the container has just ended; its state then says how."""
        if self._process is None or self._process.poll() is None:
            return False
        code = self._process.returncode
        self._process = None
        code = 128 - code if code < 0 else code
        was_out_of_memory = code == SIGKILL_EXIT_CODE and self._ran_out_of_memory()
        reason = "OOMKilled" if was_out_of_memory else "Error" if code else "Completed"
        ended = {
            "exitCode": code,
            "reason": reason,
            "startedAt": self.state.get("running", {}).get("startedAt"),
            "finishedAt": clock.now(),
            "containerID": f"runc://{self.id}",
        }
        with (self.directory / "termination-log").open("rb") as file:
            message = file.read()[-TERMINATION_MESSAGE_BYTES:].decode(errors="replace")
        self.state = {"terminated": {**ended, "message": message} if message else ended}
        self.is_started = self.is_ready = False
        self.ended.set()
        self.discard()
        return True

    def kill(self) -> None:
        """End it now, whatever it is doing, and reap it."""
        if self._process is not None:
            self.signal("KILL")
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                commands.succeeds(*self._runc, "delete", "--force", self.id)
            self.reap()

    def discard(self) -> None:
        """Delete what the present start left behind, except its log."""
        if self.directory.exists():
            commands.succeeds(*self._runc, "delete", "--force", self.id)
            commands.succeeds("umount", "-l", str(self.directory / "root"))
            shutil.rmtree(self.directory, ignore_errors=True)

    def _ran_out_of_memory(self) -> bool:
        for root in CGROUP_ROOTS:
            for name in OUT_OF_MEMORY_FILES:
                file = Path(f"{root}{self.cgroup}/{name}")
                if file.exists():
                    found = re.search(r"^oom_kill (\d+)", file.read_text(), re.MULTILINE)
                    return found is not None and found[1] != "0"
        return False


def remove_cgroups(pod: str) -> None:
    """Delete the cgroups of a pod, whose UID begins like that, once its processes are gone."""
    top = Path("/sys/fs/cgroup")
    for root in [*top.glob(f"longshore-node/{pod}*"), *top.glob(f"*/longshore-node/{pod}*")]:
        commands.succeeds("find", str(root), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";")
