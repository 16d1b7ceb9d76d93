"""Who follows a document: its commands as they stand there, on the tests' cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from longshore import __version__
from tests.cluster import example_models, image
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent import commands as programs
from tests.cluster.serving import Serving, fetch
from tests.contracts.documented_commands import ROOT, where
from tests.guides.document import Command, commands

REPOSITORY = "localhost/longshore-doorstep"
COMMAND_SECONDS = 400
WATCHED_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Reader:
    """In `clone`, with the programs and a kubeconfig whose context names the namespace."""

    cluster: Cluster
    namespace: str
    clone: Path
    model: Path
    environment: dict[str, str]

    @classmethod
    def arrive(
        cls, cluster: Cluster, namespace: str, directory: Path, closing: ExitStack
    ) -> Reader:
        """With images in the registry that the documents name, and a model of their own."""
        for kind, built in (("cpu", image.chosen()), ("controller", image.of_controller())):
            source = f"{built['repository']}:{built['tag']}"
            name = f"{REPOSITORY}:{__version__}-{kind}"
            programs.run("buildah", "tag", source, name)
            closing.callback(programs.run, "buildah", "rmi", name)
        config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
        config["contexts"][0]["context"]["namespace"] = namespace
        (directory / "kubeconfig").write_text(yaml.safe_dump(config))
        found = directory / "bin"
        found.mkdir()
        for name in ("helm", "kubectl"):
            (found / name).symlink_to(cluster.programs[name])
        path = f"{found}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "KUBECONFIG": str(directory / "kubeconfig")}
        clone = directory / "clone"
        clone.mkdir()
        for name in ("chart", "models"):
            (clone / name).symlink_to(ROOT / name)
        example_models.write_version(directory / "own", 1)
        return cls(cluster, namespace, clone, directory / "own", environment)

    def run(self, command: Command) -> str:
        """What it prints; fails where it ends otherwise than well."""
        return self._ended_well(command).stdout

    def says(self, command: Command) -> str:
        """The same of what it says on the way."""
        return self._ended_well(command).stderr

    def watched(self, command: Command) -> str:
        """What one that does not end by itself prints at first."""
        watch = Command(f"timeout {WATCHED_SECONDS} {command.text}", "", "")
        return self.ended(watch).stdout

    def ended(self, command: Command) -> subprocess.CompletedProcess[str]:
        text = command.text.replace("registry.example/longshore", REPOSITORY)
        text = text.replace("path/to/model", str(self.model))
        return subprocess.run(
            ["bash", "-c", text], cwd=self.clone, env=self.environment,
            capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip

    def answers(self, release: str) -> bool:
        """Whether the Service of a release says that the model is ready."""
        service = Serving(self.cluster, self.namespace, release).service()["spec"]
        return fetch(service["clusterIP"], 8000, f"/v2/models/{release}/ready").status == 200

    def _ended_well(self, command: Command) -> subprocess.CompletedProcess[str]:
        done = self.ended(command)
        assert done.returncode == 0, f"$ {command.text}\n{done.stdout}{done.stderr}"
        return done


def left_to(test: str, document: str) -> list[Command]:
    """The commands that the table of documented commands leaves to the file `test`."""
    own = os.path.relpath(test, ROOT)
    found = commands(ROOT / document)
    return [one for one in found if (row := where(document, one)) is not None and row.test == own]
