from __future__ import annotations

from pathlib import Path

import pytest

from tests.chart import rendering
from tests.chart.golden_renders import GOLDEN, golden_path, golden_text

NAMES = ("cpu", "default", "everything", "gitops", "gpu", "hardened", "hpa", "keda", "mig", "rwo")


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_an_example_renders_as_it_did(values: Path):
    assert golden_text(values) == golden_path(values).read_text("utf-8"), "run `make render`"


def test_every_golden_render_has_its_values():
    assert tuple(path.stem for path in sorted(GOLDEN.glob("*.yaml"))) == NAMES
    assert tuple(golden_path(path).stem for path in rendering.CI_VALUES) == NAMES


def test_everything_sets_every_key():
    everything = rendering.ci_values(rendering.CHART / "ci/everything-values.yaml")
    known = set(rendering.chart().values)
    # Keys that exclude another one, or that the other example sets.
    left_out = {"replicas", "nameOverride", "kubeVersion", "resourceDefaults"}
    left_out |= {"podSecurityContext", "securityContext"}

    assert known - set(everything) == left_out
