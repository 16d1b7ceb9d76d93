"""What a newcomer follows: the commands of the README, docs/kubernetes.md, docs/autoscaling.md,
docs/capacity.md and chart/README.md, each as it stands there, on this cluster.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from longshore import __version__
from tests.cluster import example_models, image
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.operator_kinds import wait_until_established
from tests.cluster.node_agent import commands as programs
from tests.cluster.serving import Serving, fetch
from tests.contracts.crd import CRD
from tests.contracts.documented_commands import ROOT, where
from tests.guides.document import Command, commands

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(500)]

OWN = os.path.relpath(__file__, ROOT)
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

    def run(self, command: Command) -> str:
        """What it prints; fails where it ends otherwise than well."""
        done = self.ended(command)
        assert done.returncode == 0, f"$ {command.text}\n{done.stdout}{done.stderr}"
        return done.stdout

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


@pytest.fixture
def reader(cluster: Cluster, namespace: str, tmp_path: Path, closing: ExitStack) -> Reader:
    for kind, built in (("cpu", image.chosen()), ("controller", image.of_controller())):
        source = f"{built['repository']}:{built['tag']}"
        name = f"{REPOSITORY}:{__version__}-{kind}"
        programs.run("buildah", "tag", source, name)
        closing.callback(programs.run, "buildah", "rmi", name)
    config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    config["contexts"][0]["context"]["namespace"] = namespace
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    found = tmp_path / "bin"
    found.mkdir()
    for name in ("helm", "kubectl"):
        (found / name).symlink_to(cluster.programs[name])
    path = f"{found}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(tmp_path / "kubeconfig")}
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("chart", "models"):
        (clone / name).symlink_to(ROOT / name)
    example_models.write_version(tmp_path / "own", 1)
    return Reader(cluster, namespace, clone, tmp_path / "own", environment)


@pytest.fixture
def without_the_kind(cluster: Cluster) -> Iterator[None]:
    """The definition goes with the models, which the controller's chart leaves."""
    yield
    cluster.kubectl("delete", "crd", CRD.stem, "--ignore-not-found")


def own(document: str) -> list[Command]:
    """Those that the table of documented commands leaves to this test."""
    found = commands(ROOT / document)
    return [one for one in found if (row := where(document, one)) is not None and row.test == OWN]


def test_the_readme_leads_from_a_model_to_an_answer_and_to_a_sound_autoscaler(
    reader: Reader,
) -> None:
    install, push, test, upgrade, doctor = own("README.md")

    reader.run(install)
    assert "served by sentiment-longshore-" in says(reader, push)
    assert reader.answers("sentiment")
    assert "Phase:          Succeeded" in reader.run(test)
    reader.run(upgrade)

    reader.cluster.wait_until(
        lambda: reader.ended(doctor).returncode == 0, "every link to be sound", seconds=120
    )


@pytest.mark.usefixtures("without_the_kind")
def test_the_page_on_kubernetes_leads_to_a_release_and_to_a_model_as_a_resource(
    reader: Reader,
) -> None:
    install, push, test, keeper, apply, push_again, wait, listing = own("docs/kubernetes.md")

    for command in (install, push, test):
        reader.run(command)
    reader.run(keeper)
    wait_until_established(reader.cluster, CRD.stem)
    reader.run(apply)
    reader.run(push_again)
    reader.run(wait)

    assert reader.answers("topics")
    heading, row = listing.output.splitlines()
    shown, told = reader.run(listing).splitlines()
    assert shown.split() == heading.split()
    assert told.split()[1:] == row.split()[1:], "as it stands there, but for the namespace"
    reader.cluster.kubectl("delete", "lsm", "topics", "-n", reader.namespace)


def test_the_page_on_autoscaling_makes_a_release_with_an_autoscaler_or_gives_one_to_it(
    reader: Reader,
) -> None:
    release, watch = own("docs/autoscaling.md")

    reader.run(release)
    assert "sentiment-longshore" in reader.watched(watch)
    reader.run(release)


def test_the_page_on_capacity_deploys_what_was_measured(reader: Reader) -> None:
    install, push, watch = own("docs/capacity.md")
    values = {"autoscaling": {"mode": "hpa"}, "resources": {"requests": {"cpu": "500m"}}}
    (reader.clone / "capacity.yaml").write_text(yaml.safe_dump(values))

    reader.run(install)
    reader.run(push)

    assert reader.answers("digits")
    assert "digits-longshore" in reader.watched(watch)


def test_the_charts_readme_serves_what_is_on_a_claim_and_takes_another_version(
    reader: Reader,
) -> None:
    install, test, push, versions = own("chart/README.md")
    folder = Serving(reader.cluster, reader.namespace, "sentiment").create_claim() / "text"
    example_models.write_version(folder / "sentiment", 1)
    # The nodes here give no claim to the group of its pods.
    (folder / "sentiment").chmod(0o777)
    (reader.model / "1").rename(reader.model / "2")

    reader.run(install)
    assert "Phase:          Succeeded" in reader.run(test)
    reader.run(push)

    listed = reader.run(versions)
    assert [line.split()[0] for line in listed.splitlines()[2:4]] == ["1", "2"], listed


def says(reader: Reader, command: Command) -> str:
    """What a command that ends well says on the way."""
    done = reader.ended(command)
    assert done.returncode == 0, done.stderr
    return done.stderr
