"""The ways of a pipeline in the chart's README: rendered, validated and, where that can be, run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from longshore.repository.layout import ModelRepository
from tests.chart import rendering
from tests.chart.engines import Engine
from tests.chart.test_pod_security import findings

TEXT = (rendering.CHART / "README.md").read_text(encoding="utf-8")
DIGITS = rendering.CHART.parent / "models/digits/1/model.onnx"


def example(begins: str) -> rendering.Values:
    """The only block of YAML that begins like that."""
    (found,) = re.findall(rf"```yaml\n({begins}\n.*?)```", TEXT, re.DOTALL)
    document: rendering.Values = yaml.safe_load(found)
    return document


def test_an_artifact_in_a_registry_is_the_volume(engine: Engine):
    objects = engine(example("model:"), "")
    (deployment,) = [entry for entry in objects if entry["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (volume,) = [one for one in pod["volumes"] if one["name"] == "model"]

    reference = "registry.example/models/sentiment:2"
    image = {"reference": reference, "pullPolicy": "IfNotPresent"}
    assert volume == {"name": "model", "image": image}
    kubernetes_validate.validate(deployment, "1.36.0", strict=True)


def test_the_next_version_is_another_reference(engine: Engine):
    reference = "registry.example/models/sentiment:3"
    objects = engine(example("model:"), f"model.volume.image.reference={reference}")

    assert reference in str(objects)


@pytest.fixture(scope="module")
def job():
    return example("apiVersion: batch/v1")


def test_the_job_is_what_a_restricted_namespace_admits(job):
    kubernetes_validate.validate(job, "1.36.0", strict=True)

    assert list(findings(job["spec"]["template"]["spec"])) == []


def publish(job, model: Path) -> int:
    """What the Job runs in the end, in a model's directory of this machine."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    command = [*container["command"], *container["args"]]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(command, cwd=model, env={"PATH": path}, check=False, timeout=60)
    return done.returncode


def test_the_job_publishes_what_was_fetched_and_leaves_a_version_alone(job, tmp_path):
    incoming = tmp_path / ".incoming/2"
    incoming.mkdir(parents=True)
    shutil.copy(DIGITS, incoming)
    (tmp_path / "config.yaml").write_text("name: digits\n")

    assert publish(job, tmp_path) == 0
    scan = ModelRepository(tmp_path, manifest="required").scan()
    assert [artifact.version for artifact in scan.artifacts] == ["2"]
    assert not (tmp_path / ".incoming").exists()

    before = (tmp_path / "2/model.onnx").stat()
    incoming.mkdir(parents=True)
    (incoming / "model.onnx").write_bytes(b"another")
    assert publish(job, tmp_path) == 0
    assert (tmp_path / "2/model.onnx").stat() == before


def test_the_job_publishes_nothing_that_would_not_be_served(job, tmp_path):
    (tmp_path / ".incoming/2").mkdir(parents=True)
    (tmp_path / ".incoming/2/model.onnx").write_bytes(b"not a model")

    assert publish(job, tmp_path) != 0
    assert not (tmp_path / "2").exists()
