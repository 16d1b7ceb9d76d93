from __future__ import annotations

import json

import pytest
import yaml

from longshore_k8s.capacity.files import record_file, write_record, write_values
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.objective import parse_objective
from longshore_k8s.capacity.plot import draw
from longshore_k8s.capacity.recommendation import Expected, recommend
from tests.capacity.results import measured

OBJECTIVE = parse_objective("p99=100ms", "0.1%")


def test_the_values_file_says_in_comments_where_each_value_comes_from(tmp_path):
    found = measured(doubts=("at 390 requests/s 90 were late, stalls of about 50 ms",))
    recommended = recommend(found, 2.0, Expected())
    file = tmp_path / "capacity.yaml"

    write_values(file, found, recommended, OBJECTIVE, {"sha256": "abc", "seed": 1})

    text = file.read_text()
    assert yaml.safe_load(text) == recommended.values
    assert "# Knee 402 requests/s (95 % CI 393 to 411), by bisection; bound by the model." in text
    assert "# The model does not hold: at 390 requests/s" in text
    assert "a peak of 402 MiB, with a buffer of 15 %" in text
    assert "# sha256: abc" in text
    assert [path.name for path in tmp_path.iterdir()] == ["capacity.yaml"]


def test_a_measurement_is_read_back_as_it_was_written(tmp_path):
    file = record_file(tmp_path / "capacity.yaml")
    found = measured()

    write_record(file, found.document())

    assert file.name == "capacity.json"
    assert Measured.of(json.loads(file.read_text())) == found


def test_a_record_has_no_number_that_json_has_not(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_record(tmp_path / "x.json", {"latency": float("inf")})
    assert list(tmp_path.iterdir()) == []


def test_the_picture_shows_load_latency_knee_and_objective(tmp_path):
    file = tmp_path / "knee.svg"
    found = measured()

    draw(found, recommend(found, 2.0, Expected()), OBJECTIVE, file, title="cnn, 2 CPUs")

    assert file.stat().st_size > 1000
