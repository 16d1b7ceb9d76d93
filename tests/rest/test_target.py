"""Paths as the hot endpoint reads them."""

from __future__ import annotations

import pytest

from longshore.rest.target import Target, parse_target
from longshore.rest.wire import V1, V2


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2/models/m/infer", Target(V2, "m", None)),
        ("/v2/models/m/versions/3/infer", Target(V2, "m", "3")),
        ("/v1/models/m:predict", Target(V1, "m", None)),
        ("/v1/models/m/versions/3:predict", Target(V1, "m", "3")),
        ("/v2/models/a:predict/infer", Target(V2, "a:predict", None)),
        ("/v1/models/a:b:predict", Target(V1, "a:b", None)),
    ],
)
def test_a_path_of_inference_names_a_protocol_a_model_and_perhaps_a_version(path, target):
    assert parse_target(path) == target


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v2",
        "/v2/models",
        "/v2/models/infer",
        "/v2/models/m",
        "/v2/models/m/ready",
        "/v2/models/m/infer/",
        "/v2/models/m/versions/infer",
        "/v2/models/m/versions/3",
        "/v2/models/m/versions/3/4/infer",
        "/v2/models/m/revisions/3/infer",
        "/v2/others/m/infer",
        "/v3/models/m/infer",
        "/v2/models/m:predict",
        "/v1",
        "/v1/models",
        "/v1/models:predict",
        "/v1/models/m",
        "/v1/models/m/infer",
        "/v1/others/m:predict",
        "/v1/models/m/versions:predict",
        "/v1/models/m/revisions/3:predict",
        "/v1/models/m/versions/3/4:predict",
    ],
)
def test_everything_else_is_for_the_routes(path):
    assert parse_target(path) is None
