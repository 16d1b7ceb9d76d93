"""Rendered objects against Kubernetes' own schemas, of the oldest version and of the newest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import helm_python
import kubernetes_validate
import pytest

from tests.chart import rendering

CUSTOM = {"keda.sh", "gateway.networking.k8s.io", "monitoring.coreos.com"}
VERSIONS = ("1.29.0", kubernetes_validate.latest_version())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_every_object_is_what_kubernetes_knows(values: Path, version: str):
    shown = {**rendering.ci_values(values), "kubeVersion": version}
    objects = rendering.render(shown)
    known = [entry for entry in objects if entry["apiVersion"].split("/")[0] not in CUSTOM]

    assert known
    for entry in known:
        kubernetes_validate.validate(entry, version, strict=True)


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_helm_lints_it_strictly(values: Path):
    found = helm_python.lint(rendering.CHART, rendering.ci_values(values), strict=True)

    assert found["errors"] == []
    assert [m for m in found["messages"] if "icon" not in m["error"]] == []


def test_an_old_cluster_gets_nothing_that_it_does_not_know():
    old = rendering.server({"kubeVersion": "1.29.0", "preStopSeconds": 3})

    assert "lifecycle" not in old
    assert rendering.server({"preStopSeconds": 3})["lifecycle"] == {
        "preStop": {"sleep": {"seconds": 3}}
    }


def test_the_schema_is_packaged(tmp_path: Path):
    archive = helm_python.package(rendering.CHART, destination=tmp_path)
    packed = helm_python.Chart.load_archive(Path(archive).read_bytes())

    assert packed.schema
    assert packed.schema["additionalProperties"] is False


def test_the_schema_is_closed_in_every_block_of_the_charts_own():
    def blocks(schema: rendering.Values) -> Iterator[rendering.Values]:
        if "properties" in schema:
            yield schema
            for entry in schema["properties"].values():
                yield from blocks(entry)

    schema = rendering.chart().schema
    assert schema is not None
    found = list(blocks(schema))
    assert len(found) > 20
    assert all(block["additionalProperties"] is False for block in found)
