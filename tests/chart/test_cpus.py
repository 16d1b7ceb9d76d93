"""The server is told the CPUs of its container, by the downward API."""

from __future__ import annotations

import helm_python
import pytest
import yaml

from longshore.settings.reading import load_settings
from tests.chart.rendering import server, server_config
from tests.cluster import bare_node


@pytest.fixture
def told(tmp_path):
    """(`cpus`, `cpu_request`) as the server reads them, from the variables that a kubelet makes of
    the container and from the config file.

    A request that is missing is the limit, which the API server sees to.
    """
    written = tmp_path / "longshore.yaml"

    def read(values):
        written.write_text(yaml.safe_dump(server_config(values)), encoding="utf-8")
        container = server(values)
        resources = container["resources"]
        if "cpu" in resources["limits"]:
            resources["requests"].setdefault("cpu", resources["limits"]["cpu"])
        model = load_settings({}, bare_node.variables(container), written).model
        return model.cpus, model.cpu_request

    return read


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}, (0.5, 0.1)),
        ({"limits": {"cpu": 1.5}, "requests": {"cpu": "none"}}, (1.5, 1.5)),
        ({"requests": {"cpu": "250m"}, "limits": {"cpu": "none"}}, (0.25, 0.25)),
        ({"requests": {"cpu": 2}, "limits": {"memory": "1Gi", "cpu": "none"}}, (2, 2)),
        ({"requests": {"cpu": "0"}, "limits": {"cpu": "2"}}, (2, None)),
        ({"requests": {"cpu": 0}, "limits": {"cpu": "none"}}, (None, None)),
        ({"limits": {"cpu": "none"}, "requests": {"cpu": "none"}}, (None, None)),
    ],
    ids=["both", "limit", "request", "request beside memory", "no request", "zero", "neither"],
)
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_the_limit_is_told_or_the_request_where_there_is_no_limit(
    told, device, resources, expected
):
    assert told({"resources": resources, "device": device}) == expected


def test_the_resources_of_the_device_are_told_where_none_are_given(told):
    assert told({}) == (1, 1)
    assert told({"device": "gpu"}) == (4, 2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"config": {"cpus": "700m"}}, (0.7, 1)),
        ({"config": {"cpu_request": 0.3}}, (1, 0.3)),
        ({"extraEnv": [{"name": "LONGSHORE_CPUS", "value": "700m"}]}, (0.7, 1)),
        ({"extraEnv": [{"name": "CPUS", "value": "700m"}]}, (1, 1)),
    ],
)
def test_what_the_user_sets_stays_and_no_variable_is_there_twice(told, values, expected):
    names = [entry["name"] for entry in server(values)["env"]]

    assert told(values) == expected
    assert len(names) == len(set(names))


@pytest.mark.parametrize("cpus", ["many", "0", "1e3", "-1", "500M", 0, True])
def test_what_is_no_quantity_is_refused_by_the_schema(cpus):
    with pytest.raises(helm_python.HelmValuesError, match="cpus"):
        server({"config": {"cpus": cpus}})
