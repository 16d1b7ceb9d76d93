"""The controller's README, from its text: a release that becomes a model, and a release again."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.cluster import example_models
from tests.cluster.control_plane.operator_kinds import wait_until_established
from tests.cluster.node_agent.api import Json
from tests.cluster.reader import Reader, left_to
from tests.cluster.serving import Serving
from tests.contracts.crd import CRD
from tests.guides.document import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(500)]

README = "chart/controller/README.md"
NAME = "sentiment"
INSTALL = Command(
    f"helm install {NAME} chart/ --set image.repository=registry.example/longshore"
    " --set model.existingClaim=models --set model.path=echo --wait --timeout 2m",
    "",
    "",
)


@pytest.fixture
def serving(reader: Reader) -> Serving:
    """A release that serves."""
    serving = Serving(reader.cluster, reader.namespace, NAME)
    example_models.write_version(serving.create_claim() / "echo", 1)
    reader.run(INSTALL)
    return serving


@pytest.mark.usefixtures("keeper_goes")
def test_a_release_becomes_a_model_and_a_release_again_without_a_new_pod(
    reader: Reader, serving: Serving
) -> None:
    keeper, get, listing, ready, settled, *adoption, give, install, give_up = left_to(
        __file__, README
    )
    values, apply, wait, forget = adoption
    before = _pods(serving)

    reader.run(keeper)
    wait_until_established(reader.cluster, CRD.stem)
    reader.run(values)
    _write_model(reader)
    reader.run(apply)
    reader.run(wait)
    for command in (ready, settled):
        assert "condition met" in reader.run(command)
    for command in (get, listing):
        assert NAME in reader.run(command)
    reader.run(forget)
    assert "not found" in reader.ended(Command(f"helm uninstall {NAME}", "", "")).stderr

    reader.run(give)
    reader.run(install)
    reader.run(give_up)

    assert _pods(serving) == before
    assert "longshore-controller" not in json.dumps(serving.deployment()["metadata"])
    reader.run(Command(f"helm uninstall {NAME} --wait", "", ""))


def _write_model(reader: Reader) -> None:
    """`sentiment.yaml` as the README says of the values that the release has."""
    values = yaml.safe_load((reader.clone / "values.yaml").read_text())
    model: Json = {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "LongshoreModel",
        "metadata": {"name": NAME},
        "spec": {"adoptRelease": True, "values": values},
    }
    (reader.clone / "sentiment.yaml").write_text(yaml.safe_dump(model))


def _pods(serving: Serving) -> set[str]:
    return {pod["metadata"]["uid"] for pod in serving.pods()}
