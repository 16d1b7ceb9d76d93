"""What becomes of versions that load, and cannot answer what can be guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longshore.errors import ModelConfigError, ModelLoadError
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.model_loader import load_model
from longshore.loading.proof import trial_run
from longshore.repository.layout import ModelRepository
from tests.loading.startup_models import FAILS_ALWAYS, MAGIC, WORKS_ON_MAGIC, Version

OUTPUT = "y"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def load(tmp_path: Path):
    """Load what lies in a model directory as version 1 of it."""

    def load(version: Version, **options) -> LoadedModel:
        directory = tmp_path / "model" / "1"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / version.file).write_bytes(version.content())
        (tmp_path / "model" / "config.yaml").write_text(options.pop("config", version.config))
        for name, content in options.pop("files", {}).items():
            (tmp_path / "model" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "model" / name).write_bytes(content)
        repository = ModelRepository(tmp_path / "model", settle_seconds=0)
        settings = LoadOptions(**{"cpus": 1, "calibration_budget_seconds": 5.0, **options})
        (artifact,) = repository.scan().artifacts
        return load_model(artifact, repository.config(), settings)

    return load


def request(*rows: list[int], name: str = "x") -> dict:
    data = [element for row in rows for element in row]
    tensor = {"name": name, "datatype": "INT64", "shape": [len(rows), 2], "data": data}
    return {"inputs": [tensor]}


def samples(document: object) -> dict[str, bytes]:
    return {"1/samples.json": json.dumps(document).encode()}


@pytest.mark.parametrize("version", FAILS_ALWAYS.values(), ids=FAILS_ALWAYS)
def test_what_no_input_can_cause_or_cure_fails_the_load(load, version):
    with pytest.raises((ModelLoadError, ModelConfigError), match=r"model\.\w+: "):
        load(version)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("onnx: an index", "fails on every input: .*idx=9 must be .* if that is not so, add"),
        (
            "torchscript: an output missing",
            "cannot answer any request: the model returned no 'z', but score",
        ),
        ("torchscript: a wrong type", "cannot answer any request: torch: RuntimeError: Expected"),
        ("torchscript: a wrong name", "cannot answer any request: .* no 'scores', but score"),
    ],
)
def test_the_frameworks_last_line_says_why(load, name, message):
    with pytest.raises(ModelLoadError, match=message):
        load(FAILS_ALWAYS[name])


@pytest.mark.parametrize("version", WORKS_ON_MAGIC.values(), ids=WORKS_ON_MAGIC)
def test_a_model_that_refuses_what_can_be_guessed_loads_and_has_not_run(load, version):
    loaded = load(version)

    assert not loaded.has_run
    assert loaded.run_problem.startswith("no sample input works: ")


@pytest.mark.parametrize("version", WORKS_ON_MAGIC.values(), ids=WORKS_ON_MAGIC)
@pytest.mark.parametrize(
    "document",
    [request([0, MAGIC]), [request([0, MAGIC], [MAGIC, 5]), request([MAGIC, 1])]],
    ids=["one request", "a list"],
)
def test_a_recorded_sample_that_works_shows_that_the_model_runs(load, version, document):
    loaded = load(version, files=samples(document))

    assert loaded.has_run
    assert loaded.plan.cost is not None
    rows = loaded.maker.make(1, seed=0)["x"]
    assert MAGIC in rows


def test_rows_that_were_recorded_prove_batching(load):
    document = request([0, MAGIC], [MAGIC, 5], [MAGIC, 6])

    assert load(WORKS_ON_MAGIC["identity"], files=samples(document)).plan.is_batched
    one = load(WORKS_ON_MAGIC["identity"], files=samples(request([0, MAGIC]))).plan
    assert not one.is_batched
    assert "not batched: the samples have one row, where a proof needs rows that differ" in (
        one.notes
    )


@pytest.mark.parametrize("version", WORKS_ON_MAGIC.values(), ids=WORKS_ON_MAGIC)
def test_a_recorded_sample_that_fails_keeps_the_version_from_being_served(load, version):
    with pytest.raises(ModelLoadError, match=r"samples\.json: request 2: the model fails on it: "):
        load(version, files=samples([request([0, MAGIC]), request([0, 1])]))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "holds no inference request"),
        (7, "holds no inference request"),
        ([7], "request 1: "),
        ([request([0, MAGIC]), request([0, 1], name="other")], "request 2: .*'other'"),
    ],
)
def test_what_is_no_request_is_refused_by_its_number(load, document, message):
    with pytest.raises(ModelLoadError, match=rf"samples\.json: {message}"):
        load(WORKS_ON_MAGIC["identity"], files=samples(document))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([MAGIC, 1], ""),
        ([[MAGIC, 1]], ""),
        ([MAGIC, 2], f"output '{OUTPUT}': element 1 is 1, 2 was recorded"),
        ([MAGIC], f"output '{OUTPUT}': 2 elements, 1 were recorded"),
        (["a", 1], f"'{OUTPUT}'"),
    ],
)
def test_a_version_has_to_give_the_outputs_that_were_recorded(load, data, message):
    recorded = {**request([MAGIC, 1]), "outputs": [{"name": OUTPUT, "data": data}]}
    files = samples([recorded])
    if not message:
        assert load(WORKS_ON_MAGIC["identity"], files=files)
        return
    with pytest.raises(ModelLoadError, match=rf"samples\.json: request 1: .*{message}"):
        load(WORKS_ON_MAGIC["identity"], files=files)


def test_samples_that_are_not_json_are_refused(load):
    with pytest.raises(ModelLoadError, match=r"samples\.json: not JSON"):
        load(WORKS_ON_MAGIC["identity"], files={"1/samples.json": b"{"})


def test_a_second_start_runs_the_recorded_samples_and_tries_nothing_else(load, tmp_path):
    version = Version(
        "model.identity",
        lambda: WORKS_ON_MAGIC["identity"].content().replace(b"work_when: 12345", b"fail_when: 7"),
    )
    warmup = "model_warmup: [{inputs: {x: {data_type: INT64, dims: [2], input_data_file: one}}}]"
    options = {"config": warmup, "calibration_cache": tmp_path / "cache"}
    good = {"warmup/one": b"\0" * 16}

    assert load(version, files=good, **options).plan.source == "measured"
    assert load(version, files=good, **options).plan.source == "cached"
    with pytest.raises(ModelLoadError, match=r"model_warmup.*: the model fails on it: .*holds 7"):
        load(version, files={"warmup/one": (b"\7" + b"\0" * 7) * 2}, **options)


WARMUP = """
model_warmup:
  - name: magic
    batch_size: 2
    count: 3
    inputs:
      x: {data_type: TYPE_INT64, dims: [2], SOURCE}
"""


def test_a_warm_up_sample_in_tritons_words_works_as_a_recorded_one(load):
    config = WARMUP.replace("SOURCE", "input_data_file: magic.bin")
    content = MAGIC.to_bytes(8, "little") * 2

    loaded = load(WORKS_ON_MAGIC["identity"], config=config, files={"warmup/magic.bin": content})

    assert loaded.has_run
    assert not loaded.plan.is_batched, "two equal rows prove nothing"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("zero_data: true", "model_warmup: magic: the model fails on it: no input holds 12345"),
        ("random_data: true", "model_warmup: magic: the model fails on it: "),
        ("input_data_file: absent", "warmup/absent: "),
        ("input_data_file: ../config.yaml", "allowed: the name of a file in the directory warmup"),
        ("input_data_file: short", "has 3 bytes, the tensor takes 16"),
        ("zero_data: true, random_data: true", "found zero_data, random_data, allowed: one of"),
    ],
)
def test_a_warm_up_sample_that_is_none_is_refused(load, source, message):
    config = WARMUP.replace("SOURCE", source)

    with pytest.raises((ModelLoadError, ModelConfigError), match=message):
        load(WORKS_ON_MAGIC["identity"], config=config, files={"warmup/short": b"abc"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("TYPE_INT64", "TYPE_FP32"), "found FP32, allowed by the model: INT64"),
        (("dims: [2]", "dims: [3]"), "does not fit"),
        (("dims: [2]", "dims: [-1]"), "a sample has a shape"),
        (("x: {", "other: {"), "found inputs other, allowed by the model: x"),
        (("batch_size: 2", "batch_size: 0"), "batch_size: found 0"),
        (("dims: [2]", "dims: [2, 100000000]"), "more than 67108864 bytes in 2 rows"),
    ],
)
def test_a_warm_up_sample_that_does_not_fit_the_model_is_a_mistake_in_the_config(
    load, change, message
):
    config = WARMUP.replace("SOURCE", "zero_data: true").replace(*change)

    with pytest.raises(ModelConfigError, match=message):
        load(WORKS_ON_MAGIC["identity"], config=config)


def test_the_owner_may_know_better_than_errors_that_are_always_the_same(load):
    loaded = load(FAILS_ALWAYS["onnx: an index"], config="parameters: {startup: vouched}")

    assert not loaded.has_run
    assert loaded.is_vouched


def test_a_declaration_that_the_model_does_not_keep_is_no_matter_of_vouching(load):
    version = FAILS_ALWAYS["torchscript: a wrong name"]

    with pytest.raises(ModelLoadError, match="no 'scores'"):
        load(version, config=version.config + "\nparameters: {startup: vouched}")


@pytest.mark.parametrize("name", [name for name in FAILS_ALWAYS if ": a wrong type" in name])
def test_one_failure_that_is_certain_is_enough_where_the_budget_is_spent(load, monkeypatch, name):
    monkeypatch.setattr(trial_run, "QUICK_FAILURE_SECONDS", 0.0)

    with pytest.raises(ModelLoadError):
        load(FAILS_ALWAYS[name], calibration_budget_seconds=0)
