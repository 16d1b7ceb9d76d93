"""300 resources: what they cost the controller in memory, in renderings and in requests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from longshore_k8s.controller.kinds import MODEL
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.models import Models, defined, metric, model
from tests.cluster.node_agent.api import Json

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(400)]

COUNT = 300
MOST_MEBIBYTES = 64.0
MOST_OTHER_REQUESTS = 60
"""A list and a watch of each kind, what the cluster is, and to spare; beside them a model costs one
for its claim."""
RENDERER_GONE_SECONDS = 40
NO_POD: Json = {
    "image": {"repository": "registry.example/longshore"},
    "model": {"existingClaim": "models"},
    "replicas": 0,
}


def test_300_models_fit_into_the_memory_and_a_cold_start_renders_none_of_them(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    models = Models(cluster, namespace)
    with defined(cluster):
        try:
            documents = [model(NO_POD, f"model-{number}") for number in range(COUNT)]
            text = "\n---\n".join(json.dumps(document) for document in documents)
            cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=text)
            begun = time.monotonic()
            models.start()
            cluster.wait_until(lambda: _turns() >= COUNT, "every first turn", seconds=200)
            print(f"{COUNT} models created in {time.monotonic() - begun:.1f} s")
            # What the cluster does later would be news to the second controller.
            cluster.wait_until(
                lambda: _is_settled(cluster, namespace), "every Deployment seen", seconds=120
            )
            cluster.wait_until(_is_idle, "an idle queue", seconds=30)
            models.kill()

            begun = time.monotonic()
            program = models.start(notes=tmp_path / "notes")
            cluster.wait_until(lambda: _turns() >= COUNT and _is_idle(), "every turn", seconds=120)
            seconds = time.monotonic() - begun
            done = (tmp_path / "notes").read_text(encoding="ascii")
            at_start = _mebibytes(program.process.pid)
            assert metric("longshore_controller_writes_total", verb="Apply") == 0
            cluster.wait_until(
                lambda: not _children(program.process.pid),
                "no renderer",
                seconds=RENDERER_GONE_SECONDS,
            )
            at_rest = _mebibytes(program.process.pid)
        finally:
            models.kill()
            cluster.kubectl("delete", "lsm", "--all", "-n", namespace, "--wait=false")
    bare = _bare_interpreter()
    above = f"{at_rest - bare:.1f} at rest, {at_start - bare:.1f} after the start"
    requests, renderings = done.count("q"), done.count("r")
    print(f"cold start {seconds:.1f} s, {requests} requests, {renderings} renderings")
    print(f"MiB above the interpreter's {bare:.1f}: {above}")
    assert renderings == 0
    assert requests <= COUNT + MOST_OTHER_REQUESTS
    assert at_rest - bare < MOST_MEBIBYTES


def _is_settled(cluster: Cluster, namespace: str) -> bool:
    """Whether every model's status says what has become of its Deployment."""
    path = f"/apis/{MODEL.api_version}/namespaces/{namespace}/{MODEL.plural}"
    found = [one.get("status", {}).get("conditions", ()) for one in cluster.api.get(path)["items"]]
    reasons = [{one["type"]: one["reason"] for one in conditions} for conditions in found]
    return all(one.get("Progressing") == "RolledOut" for one in reasons)


def _turns() -> float:
    return metric("longshore_controller_reconciliations_total", outcome="done")


def _is_idle() -> bool:
    return metric("longshore_controller_queue_length") == 0


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    tasks = Path(f"/proc/{pid}/task").iterdir()
    texts = [text, *((task / "children").read_text(encoding="utf-8") for task in tasks)]
    return sorted({int(child) for one in texts for child in one.split()})


def _mebibytes(pid: int) -> float:
    """Resident memory of a process and its children."""
    return sum(_resident(one) for one in (pid, *_children(pid)))


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def _bare_interpreter() -> float:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        time.sleep(0.5)
        return _resident(process.pid)
