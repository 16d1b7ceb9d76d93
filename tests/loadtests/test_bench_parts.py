"""The parts of the bench on which all its figures depend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import orjson
import pytest

from loadtests.bench import processes
from loadtests.bench.floors import Split, best_lone_splits, best_splits, candidate_splits, measure
from loadtests.bench.mean_batch import BatchCounters, total
from loadtests.bench.models import MODELS, artifact, model_directory
from loadtests.bench.payloads import random_rows, read_v2_binary, v2_binary, v2_json

EXPOSITION = """# TYPE longshore_executions_total counter
longshore_executions_total{model="m",version="1"} 3.0
longshore_executions_total{model="m",version="2"} 4.0
longshore_executions_total_other 100.0
"""


@pytest.mark.parametrize("name", ["tiny", "encoder", "image"])
def test_a_model_is_the_same_every_time_and_its_rows_do_not_depend_on_company(
    name: str, tmp_path: Path
) -> None:
    model = MODELS[name]
    first, again = (artifact(model_directory(model, tmp_path / side)) for side in "ab")
    assert first.read_bytes() == again.read_bytes()
    session = onnxruntime.InferenceSession(first)
    rows = random_rows(model, 3)
    alone = np.concatenate([np.asarray(session.run(None, {"x": row})[0]) for row in rows])
    together = np.asarray(session.run(None, {"x": np.concatenate(rows)})[0])
    np.testing.assert_allclose(together, alone, atol=model.tolerance)
    differences = np.abs(alone[:, None] - alone[None]).max(axis=-1) + np.eye(3)
    assert differences.min() > 10 * model.tolerance, "wrong answers would not be noticed"


def test_both_encodings_carry_the_same_row() -> None:
    (row,) = random_rows(MODELS["tiny"], 1)
    as_json = orjson.loads(v2_json(row).body)["inputs"][0]
    binary = v2_binary(row)
    length = int(binary.headers["Inference-Header-Content-Length"])
    np.testing.assert_array_equal(np.frombuffer(binary.body[length:], np.float32), row[0])
    np.testing.assert_allclose(as_json["data"], row[0])
    assert as_json["shape"] == [1, 64]


def test_a_binary_answer_is_read_behind_its_head() -> None:
    content = b"{}" + np.array([1, 2], np.float32).tobytes()
    answer = read_v2_binary(content, {"inference-header-content-length": "2"})
    assert answer.tolist() == [1, 2]


def test_splits_cover_all_processors_in_one_or_in_many_instances() -> None:
    shapes = {(split.instances, split.threads) for split in candidate_splits(4)}
    assert shapes == {(1, 1), (1, 4), (2, 2), (4, 1)}


def test_the_best_splits_are_those_with_the_most_rows() -> None:
    rates = {Split(1, 1, 1): 5.0, Split(2, 1, 4): 9.0, Split(1, 2, 8): 7.0}
    assert best_splits(rates) == [Split(2, 1, 4), Split(1, 2, 8)]


def test_a_lone_request_could_have_one_instance_and_all_threads() -> None:
    rates = {Split(1, 1, 1): 10.0, Split(1, 2, 1): 18.0, Split(2, 1, 1): 20.0, Split(1, 2, 8): 25.0}
    assert best_lone_splits(rates) == [Split(1, 2, 1), Split(1, 1, 1)]


def test_the_floor_is_measured_for_every_split(tmp_path: Path) -> None:
    model = artifact(model_directory(MODELS["tiny"], tmp_path))
    rates = measure(model, 0.05, [Split(1, 1, 1), Split(2, 1, 8)])
    assert len(rates) == 2
    assert min(rates.values()) > 0


def test_counters_are_summed_over_series_of_exactly_this_name() -> None:
    assert total(EXPOSITION, "longshore_executions_total") == 7.0


def test_the_mean_batch_is_taken_between_two_readings() -> None:
    assert BatchCounters(120, 30).mean_since(BatchCounters(20, 10)) == 5.0
    assert BatchCounters(20, 10).mean_since(BatchCounters(20, 10)) is None


def test_memory_and_cpu_count_the_children_too() -> None:
    script = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', "
        "'b = bytearray(50 << 20); print(len(b), flush=True); input()'], stdin=0);"
        "child.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert len(list(processes.tree(parent.pid))) == 2
        assert processes.memory(parent.pid).pss > 50
        assert processes.cpu_seconds(parent.pid) > 0
        assert processes.wait_until_idle(parent.pid, timeout_seconds=10)
        assert parent.stdin is not None
        parent.stdin.write(b"\n")
        parent.stdin.close()


def test_a_process_that_is_gone_has_no_memory() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert processes.memory(child.pid) == processes.Memory(0, 0)
    assert os.getpid() in processes.tree(os.getpid())
