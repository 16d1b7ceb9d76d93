from __future__ import annotations

import pytest

from tests.chart.engines import Engine, helm_3, helm_4
from tests.cluster.tools import helm3


@pytest.fixture(params=["helm 4", "helm 3"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "helm 4":
        return helm_4
    if helm3.find() is None:
        pytest.skip("needs Helm 3: `make cluster-tools`, or python -m tests.cluster.tools.helm3")
    return helm_3
