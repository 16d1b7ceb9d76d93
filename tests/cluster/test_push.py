"""`longshore push` and `longshore versions` on a real API server, in a restricted namespace."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster import chart_values, example_models, image
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.helm import CHART
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import CLAIM, Serving
from tests.push.running import run_quietly

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
LARGE_BYTES = 300_000_000
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"


@dataclass(frozen=True, slots=True)
class Laptop:
    """Whoever pushes, with a model at hand."""

    serving: Serving
    models: Path
    kubeconfig: str

    @property
    def cluster(self) -> Cluster:
        return self.serving.cluster

    @property
    def model(self) -> Path:
        return self.models / example_models.NAME

    def words(self, target: str, *options: str) -> list[str]:
        access = ["--kubeconfig", self.kubeconfig, "-n", self.serving.namespace]
        return [str(self.model), target, *access, *options]

    def push(self, target: str, *options: str) -> tuple[int, str]:
        """Exit code, and all that was said."""
        code, out, err = run_quietly("push", self.words(target, *options))
        return code, out + err

    def versions(self, target: str) -> Json:
        words = self.words(target, "-o", "json")[1:]
        code, out, err = run_quietly("versions", words)
        assert code == 0, err
        found: Json = json.loads(out)
        return found

    def left_behind(self) -> list[str]:
        """The pods of pushes that are still there."""
        pods = f"/api/v1/namespaces/{self.serving.namespace}/pods"
        found = self.cluster.list(pods, labelSelector="app.kubernetes.io/component=push")
        return [pod["metadata"]["name"] for pod in found]

    def nodes_of_pushes(self) -> set[str]:
        """Where their pods were, by the scheduler's events."""
        events = self.cluster.list(f"/api/v1/namespaces/{self.serving.namespace}/events")
        told = (
            e["message"] for e in events if e["involvedObject"]["name"].startswith("longshore-push")
        )
        return {found[1] for text in told if (found := re.search(r"assigned \S+ to (\S+)", text))}


@pytest.fixture
def laptop(cluster: Cluster, namespace: str, tmp_path: Path) -> Laptop:
    cluster.kubectl("label", "namespace", namespace, RESTRICTED)
    found = Laptop(Serving(cluster, namespace, "scale"), tmp_path, str(cluster.kubeconfig))
    example_models.write_version(found.model, 1)
    return found


def image_words() -> list[str]:
    chosen = image.chosen()
    return ["--image", f"{chosen['repository']}:{chosen['tag']}"]


def empty_claim(modes: list[str] | None = None) -> Json:
    """Values of a release that makes its claim."""
    claim = {"create": True, "size": "1Gi", "accessModes": modes or ["ReadWriteMany"]}
    model = {"name": example_models.NAME, "path": "text/scale", "claim": claim}
    return chart_values.serving(model=model)


def test_a_model_is_pushed_and_served_in_three_commands(laptop: Laptop) -> None:
    serving = laptop.serving
    serving.release.install(empty_claim(), wait=False)
    code, said = laptop.push("scale", "--wait", "120")
    assert code == 0, said
    assert "published: scale-longshore-model:text/scale/1" in said
    assert "Phase:          Succeeded" in serving.release.test()

    assert serving.predicted_version() == 1
    assert laptop.left_behind() == []
    found = laptop.versions("scale")
    (row,) = found["versions"]
    assert (row["version"], row["state"], found["path"]) == ("1", "complete", "text/scale")
    assert [pod["versions"] for pod in found["pods"]] == [{"1": "READY"}]

    code, said = laptop.push("scale")
    assert code == 1
    assert "version 1 is at scale-longshore-model:text/scale already" in said
    example_models.write_version(laptop.model, 2)
    assert laptop.push(f"claim/{found['claim']}")[0] == 0, "the same place by the claim's name"
    laptop.cluster.wait_until(lambda: serving.predicted_version() == 2, "the pushed version")
    assert laptop.left_behind() == []


@contextmanager
def pushing(laptop: Laptop, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A push of something large, in a process of its own, once some of it is there."""
    words = laptop.words(CLAIM, *image_words(), "--no-run")
    command = [sys.executable, "-m", "tests.push.running", "push", *words]
    with log.open("wb") as file, subprocess.Popen(command, stderr=file, stdout=file) as process:
        try:
            yield process
        finally:
            process.kill()


def staged_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob(".push-1-*/*"))


def test_a_push_that_is_broken_in_the_middle_goes_on(laptop: Laptop, tmp_path: Path) -> None:
    folder = laptop.serving.create_claim()
    large = laptop.model / "1/weights.bin"
    with large.open("wb") as file:
        file.truncate(LARGE_BYTES)
    log = tmp_path / "log"

    with pushing(laptop, log) as process:
        laptop.cluster.wait_until(lambda: staged_bytes(folder) > 20_000_000, "some of it")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert "the same command goes on from there" in log.read_text("utf-8")
    assert laptop.left_behind() == []
    stopped_at = staged_bytes(folder)
    assert 20_000_000 < stopped_at < LARGE_BYTES, "broken in the middle"

    with pushing(laptop, log) as process:
        laptop.cluster.wait_until(lambda: staged_bytes(folder) > stopped_at + 10_000_000, "more")
        (pod,) = laptop.left_behind()
        path = f"/api/v1/namespaces/{laptop.serving.namespace}/pods/{pod}"
        laptop.cluster.api.delete(path, {"gracePeriodSeconds": 0})
        assert process.wait(120) == 0, log.read_text("utf-8")
    said = log.read_text("utf-8")
    assert "going on from" in said
    assert "trying again" in said, "once by itself"
    assert (folder / "1/weights.bin").stat().st_size == LARGE_BYTES
    assert [path.name for path in folder.iterdir()] == ["1"], "nothing else is left on the volume"
    assert laptop.left_behind() == []


def test_a_volume_of_one_node_is_pushed_to_where_it_is(laptop: Laptop) -> None:
    laptop.serving.release.install(empty_claim(["ReadWriteOnce"]), wait=False)
    laptop.cluster.wait_until(
        lambda: [p for p in laptop.serving.pods() if p["spec"].get("nodeName")], "a pod on a node"
    )
    (serving,) = {pod["spec"]["nodeName"] for pod in laptop.serving.pods()}

    for _ in range(3):
        code, said = laptop.push("scale")
        assert code == 0, said
        example_models.write_version(laptop.model, len(list(laptop.model.iterdir())) + 1)

    assert laptop.nodes_of_pushes() == {serving}


def test_a_role_of_the_charts_readme_is_enough_and_less_is_told(laptop: Laptop) -> None:
    serving, cluster = laptop.serving, laptop.cluster
    serving.release.install(empty_claim(), wait=False)
    pusher = Laptop(
        serving, laptop.models, str(cluster.control_plane.identity("pusher", "pusher", "people"))
    )
    code, said = pusher.push("scale")
    assert (code, "you lack the right to" in said) == (1, True)

    text = (CHART / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(kind: Role\n.*?)```", text, re.DOTALL)
    assert block is not None
    rules = yaml.safe_load(block[1])["rules"]
    some = [rule for rule in rules if rule["resources"] != ["pods/exec"]]
    roles = f"{RBAC}/{serving.namespace}/roles"
    cluster.api.post(roles, {"metadata": {"name": "pusher"}, "rules": some})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pusher"}
    subject = {"kind": "User", "name": "pusher"}
    bound = {"metadata": {"name": "pusher"}, "roleRef": role, "subjects": [subject]}
    cluster.api.post(f"{RBAC}/{serving.namespace}/rolebindings", bound)

    def lacks_exec_alone() -> bool:
        return "create pods/exec, get pods/exec;" in pusher.push("scale")[1]

    cluster.wait_until(lacks_exec_alone, "the rights to count")
    assert pusher.left_behind() == []
    cluster.api.patch(f"{roles}/pusher", {"rules": rules}, kind="merge")
    cluster.wait_until(lambda: pusher.push("scale")[0] == 0, "the other rights to count")
    assert [row["version"] for row in pusher.versions("scale")["versions"]] == ["1"]


def test_what_a_namespace_does_not_allow_is_told_with_what_to_do(laptop: Laptop) -> None:
    serving, api = laptop.serving, laptop.cluster.api
    serving.create_claim()
    base = f"/api/v1/namespaces/{serving.namespace}"

    code, said = laptop.push("absent", *image_words())
    assert (code, f"the namespace has {CLAIM}" in said) == (1, True)

    limits = [{"type": "Container", "min": {"memory": "300Mi"}}]
    api.post(f"{base}/limitranges", {"metadata": {"name": "large"}, "spec": {"limits": limits}})
    laptop.cluster.wait_until(
        lambda: "a LimitRange of" in laptop.push(CLAIM, *image_words())[1], "the limits to count"
    )
    assert laptop.push(CLAIM, *image_words(), "--memory", "300Mi")[0] == 0
    api.delete(f"{base}/limitranges/large")

    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    api.post(f"{base}/resourcequotas", quota)
    laptop.cluster.wait_until(
        lambda: "has no room for the pod that copies" in laptop.push(CLAIM, *image_words())[1],
        "the quota to count",
    )
    api.delete(f"{base}/resourcequotas/none")
    assert laptop.left_behind() == []


def test_a_full_node_and_an_image_that_is_not_there_are_told(laptop: Laptop) -> None:
    laptop.serving.create_claim()

    code, said = laptop.push(
        CLAIM, *image_words(), "--cpu", "1", "--memory", "1000Gi", "--timeout", "3"
    )
    assert code == 1
    assert "no node takes the pod that copies: make room, or --cpu and --memory" in said
    code, said = laptop.push(CLAIM, "--image", "localhost/longshore-absent:1")
    assert code == 1
    assert "the node has no image localhost/longshore-absent:1" in said
    assert laptop.left_behind() == []


def test_a_full_volume_is_told_before_anything_is_sent(laptop: Laptop) -> None:
    folder = laptop.serving.create_claim()
    commands.run("mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(folder))
    try:
        with (laptop.model / "1/weights.bin").open("wb") as file:
            file.truncate(5_000_000)
        code, said = laptop.push(CLAIM, *image_words())
        assert code == 1
        assert "the volume of claim models is full (1.0 MiB left, 5." in said
        assert list(folder.iterdir()) == []
    finally:
        commands.run("umount", str(folder))
    assert laptop.left_behind() == []
