"""What a second start knows without trying the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from longshore.backends.identity_backend import IdentityBackend
from longshore.repository.model_config import ModelConfig, ModelInput, Padding, VersionPolicy
from longshore.tensors import Datatype

SLOW = "delay_seconds: 0.0003"
"""Too slow for the event loop."""
NARROW = {"max_batch_size": 4}
"""Where it is not about the batches: larger ones are not measured."""
RECORDS: pytest.StashKey[Path] = pytest.StashKey()
MASKED = (
    "input: [{name: INPUT0, data_type: TYPE_FP32, dims: [-1, -1]}, "
    "{name: mask, data_type: TYPE_INT64, dims: [-1, -1]}]"
)


def padded(**padding) -> ModelConfig:
    axes = {0: Padding(**padding)}
    return ModelConfig(input=(ModelInput("INPUT0", Datatype.FP32, (-1,), axes),))


@pytest.fixture
def record(tmp_path_factory, load_identity, request) -> Path:
    """What a first start of a padded model kept; it measured once for all tests."""
    directory = request.config.stash.setdefault(RECORDS, tmp_path_factory.mktemp("records"))
    if not any(directory.iterdir()):
        load_identity(SLOW, padded(buckets=(8, 16)), calibration_cache=directory, **NARROW)
    (entry,) = directory.iterdir()
    return entry


@pytest.fixture
def load_twice(load_identity, tmp_path):
    def load(content="", config=None, **options):
        options["calibration_cache"] = tmp_path / "cache"
        return [load_identity(content, config, **options) for _ in range(2)]

    return load


@pytest.mark.parametrize(
    ("content", "config"),
    [
        ("", None),
        (SLOW, None),
        ("", padded(buckets=(8, 16))),
        (MASKED, padded(mask="mask")),
        ("input: [{name: INPUT0, data_type: TYPE_FP32, dims: [1, 2]}]", None),
    ],
    ids=["inline", "on threads", "padded", "masked", "unbatched"],
)
def test_a_second_start_serves_as_the_first_did(load_twice, content, config):
    first, second = load_twice(content, config)

    assert (first.plan.source, second.plan.source) == ("measured", "cached")
    for name in ("is_batched", "max_batch_size", "split", "is_inline", "cost", "notes"):
        assert getattr(second.plan, name) == getattr(first.plan, name), name
    assert second.padding == first.padding
    assert second.signature == first.signature
    assert len(second.backends) == len(first.backends)
    for name, array in first.maker.make(3, seed=5).items():
        assert np.array_equal(second.maker.make(3, seed=5)[name], array), name


def test_a_second_start_opens_what_it_serves_and_executes_nothing(load_twice, monkeypatch):
    opened, executed = [], []
    load, execute = IdentityBackend.load.__func__, IdentityBackend.execute

    def counted_load(cls, artifact, **options):
        opened.append(options["threads"])
        return load(cls, artifact, **options)

    def counted_execute(self, inputs, output_names):
        executed.append(inputs)
        return execute(self, inputs, output_names)

    monkeypatch.setattr(IdentityBackend, "load", classmethod(counted_load))
    monkeypatch.setattr(IdentityBackend, "execute", counted_execute)
    _, second = load_twice(SLOW, cpus=8)
    before = len(executed)
    opened.clear()
    load_twice(SLOW, cpus=8)

    assert opened == [second.plan.threads] * 2
    assert len(executed) == before


def test_what_was_learned_with_another_version_of_the_framework_is_not_believed(
    load_twice, monkeypatch
):
    load_twice(SLOW, **NARROW)
    monkeypatch.setattr(IdentityBackend, "framework_version", classmethod(lambda cls: "9.9"))

    assert [loaded.plan.source for loaded in load_twice(SLOW, **NARROW)] == ["measured", "cached"]


@pytest.mark.parametrize(
    ("config", "sources"),
    [
        (ModelConfig(batching="forbidden"), ["measured", "cached"]),
        (padded(buckets=(8,)), ["measured", "cached"]),
        (ModelConfig(name="other", version_policy=VersionPolicy("all")), ["cached", "cached"]),
    ],
    ids=["no batches", "padding", "a name alone"],
)
def test_a_config_that_changes_how_the_model_runs_is_learned_anew(load_twice, config, sources):
    load_twice(SLOW)

    assert [loaded.plan.source for loaded in load_twice(SLOW, config)] == sources


def test_what_was_learned_with_other_cpus_is_not_believed(load_twice):
    load_twice(SLOW, cpus=0.5, **NARROW)
    again = load_twice(SLOW, cpus=0.75, **NARROW)

    assert [loaded.plan.source for loaded in again] == ["measured", "cached"]


def changed(path, value):
    """The record with `value` at `path`; `...` takes the key away."""

    def change(record):
        *parents, last = path
        holder = record
        for key in parents:
            holder = holder[key]
        if value is ...:
            del holder[last]
        else:
            holder[last] = value
        return record

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed(("plan", "cost", "points"), []),
        changed(("plan", "cost", "points"), None),
        changed(("plan", "cost", "points"), [[2, 0.1], [1, 0.1]]),
        changed(("plan", "cost", "points"), [[1, 0.0]]),
        changed(("plan", "cost", "points"), [[1, float("nan")]]),
        changed(("plan", "cost", "points"), [[1, "0.1"]]),
        changed(("plan", "cost", "points"), [[True, 0.1]]),
        changed(("plan", "cost", "points"), [[1, 0.1, 2]]),
        changed(("plan", "cost"), None),
        changed(("plan", "max_batch_size"), 0),
        changed(("plan", "max_batch_size"), 2.0),
        changed(("plan", "is_batched"), False),
        changed(("plan", "is_batched"), 1),
        changed(("plan", "instances"), None),
        changed(("plan", "instances"), 10**9),
        changed(("plan", "threads"), -1),
        changed(("plan", "is_inline"), "no"),
        changed(("plan", "notes"), "none"),
        changed(("plan", "notes"), [1]),
        changed(("plan", "unknown"), 1),
        changed(("plan", "source"), ...),
        changed(("dimension",), 10**6),
        changed(("dimension",), "16"),
        changed(("integer_bound",), 0),
        changed(("device_name",), None),
        changed(("padded_outputs",), 5),
        changed(("padded_outputs",), [["OUTPUT0", 1, "INPUT0"]]),
        changed(("padded_outputs",), [["OTHER", 1, "INPUT0", 1]]),
        changed(("padded_outputs",), [["OUTPUT0", 1, "INPUT0", 2]]),
        changed(("cuda", "precision"), "fp8"),
        changed(("cuda", "memory_limit_bytes"), 0),
        changed(("cuda", "unknown"), 0),
        changed(("cuda",), ...),
        lambda record: [record],
        lambda record: None,
        lambda record: {"plan": 5},
    ],
)
def test_a_record_that_no_start_writes_is_as_none(load_identity, record, tmp_path, change, caplog):
    config = padded(buckets=(8, 16))
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / record.name).write_text(json.dumps(change(json.loads(record.read_text()))))

    again = load_identity(SLOW, config, calibration_cache=cache, **NARROW)

    assert again.plan.source == "measured"
    assert list(again.padding.inputs.values()) == [Padding(buckets=(8, 16))]
    assert " ignored: " in caplog.text


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\ud800"])
def test_what_is_no_json_is_as_none(load_twice, tmp_path, content):
    load_twice(SLOW, **NARROW)
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(content.encode("utf-8", "surrogatepass"))

    assert [loaded.plan.source for loaded in load_twice(SLOW, **NARROW)] == ["measured", "cached"]
