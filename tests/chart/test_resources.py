"""Requests and limits: what is given over what the device's defaults are."""

from __future__ import annotations

import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Values


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        ({"limits": {"memory": "2Gi"}},
         {"cpu": "1", "memory": "2Gi"}, {"cpu": "1", "memory": "2Gi"}),
        ({"requests": {"cpu": "500m"}}, {"cpu": "500m", "memory": "1Gi"}, None),
        ({"requests": {"cpu": 2}}, {"cpu": 2, "memory": "1Gi"}, {"cpu": 2, "memory": "1Gi"}),
        ({"limits": {"cpu": "250m"}}, {"cpu": "250m", "memory": "1Gi"},
         {"cpu": "250m", "memory": "1Gi"}),
        ({"limits": {"cpu": "2"}}, None, {"cpu": "2", "memory": "1Gi"}),
        ({"limits": {"cpu": "none"}}, None, {"memory": "1Gi"}),
        ({"limits": {"cpu": None}}, None, None),
        ({"requests": {"cpu": 0}}, {"cpu": 0, "memory": "1Gi"}, None),
        ({"requests": {"cpu": "none"}, "limits": {"cpu": "none", "memory": "none"}},
         {"memory": "1Gi"}, {}),
        ({"requests": {"ephemeral-storage": "1Gi"}},
         {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}, None),
    ],
    ids=str,
)  # fmt: skip
def test_partial_resources_are_merged_over_the_defaults(
    engine: Engine, given: Values, requests: Values | None, limits: Values | None
):
    (found,) = [o for o in engine({"resources": given}, "") if o["kind"] == "Deployment"]
    defaults = {"cpu": "1", "memory": "1Gi"}
    shown = found["spec"]["template"]["spec"]["containers"][0]["resources"]

    assert shown["requests"] == (defaults if requests is None else requests)
    assert shown["limits"] == (defaults if limits is None else limits)


@pytest.mark.parametrize(
    ("request_", "limit"),
    [("1024Mi", "1Gi"), (1073741824, "1Gi"), ("1e9", "1G"), ("0.5Gi", "512Mi"), ("1000m", 1)],
)
def test_quantities_are_compared_as_quantities(engine: Engine, request_: object, limit: object):
    memory = {"requests": {"memory": request_}, "limits": {"memory": limit}}
    more = {"requests": {"cpu": request_}, "limits": {"cpu": limit}}

    assert engine({"resources": memory}, "")
    assert engine({"resources": more}, "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"requests": {"memory": "1Gi"}, "limits": {"memory": "1G"}}, ["1Gi", "1G", "differ"]),
        ({"requests": {"cpu": "1500m"}, "limits": {"cpu": 1}},
         ["requests.cpu 1500m is more than limits.cpu 1"]),
        ({"requests": {"ephemeral-storage": "2Gi"}, "limits": {"ephemeral-storage": "2000Mi"}},
         ["requests.ephemeral-storage 2Gi is more"]),
    ],
)  # fmt: skip
def test_quantities_that_contradict_each_other_are_refused(
    engine: Engine, given: Values, words: list[str]
):
    with pytest.raises(RefusedError) as caught:
        engine({"resources": given}, "")

    assert all(word in str(caught.value) for word in words), str(caught.value)
