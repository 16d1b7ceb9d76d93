from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.backends.cuda_graphs import BucketGraphs, choose_bucket


class FakeGraphs:
    """Captures by remembering the model, or what the model gave: a graph that is frozen."""

    def __init__(self, model: Callable, *, freezes: bool = False, error: str = "") -> None:
        self._model = model
        self._freezes = freezes
        self._error = error
        self.captured: list[int] = []

    def capture(self, inputs):
        if self._error:
            raise RuntimeError(self._error)
        self.captured.append(len(inputs["x"]))
        outputs = self._model(inputs)
        return FakeGraph((lambda _: outputs) if self._freezes else self._model, inputs)

    def eager(self, inputs):
        return self._model(inputs)

    def vary(self, inputs):
        return {name: array[::-1] / 2 for name, array in inputs.items()}

    def difference(self, found, wanted):
        same = all(np.array_equal(found[name], wanted[name]) for name in wanted)
        return None if same else "output 'y' differs"


class FakeGraph:
    def __init__(self, model: Callable, inputs) -> None:
        self._model = model
        self._static = {name: array.copy() for name, array in inputs.items()}

    def replay(self, inputs, *, rows):
        for name, static in self._static.items():
            static[:rows] = inputs[name]
        return {name: output[:rows].copy() for name, output in self._model(self._static).items()}


def double(inputs):
    return {"y": inputs["x"] * 2}


def batch(rows: int, width: int = 3) -> dict[str, np.ndarray]:
    return {"x": np.arange(rows * width, dtype=np.float32).reshape(rows, width)}


def shapes(rows: int, width: int = 3) -> dict[str, tuple[int, ...]]:
    return {"x": (rows, width)}


@given(st.lists(st.integers(1, 512), max_size=8), st.integers(1, 600))
def test_the_bucket_is_the_smallest_that_holds_the_rows(buckets, rows):
    chosen = choose_bucket(buckets, rows)

    if chosen is None:
        assert all(bucket < rows for bucket in buckets)
    else:
        assert chosen in buckets
        assert chosen >= rows
        assert not any(rows <= bucket < chosen for bucket in buckets)


def test_rows_between_two_buckets_run_in_the_larger_and_come_back_alone():
    graphs = BucketGraphs(FakeGraphs(double))
    for rows in (1, 4, 8):
        graphs.prepare(batch(rows))

    found = graphs.find(shapes(3))

    assert found is not None
    graph, rows = found
    np.testing.assert_array_equal(graph.replay(batch(3), rows=rows)["y"], batch(3)["x"] * 2)
    assert graphs.buckets(shapes(1)) == [1, 4, 8]


@pytest.mark.parametrize(("rows", "width"), [(9, 3), (4, 5), (0, 3)])
def test_what_no_graph_holds_runs_as_before(rows, width):
    graphs = BucketGraphs(FakeGraphs(double))
    graphs.prepare(batch(8))

    assert graphs.find(shapes(rows, width)) is None


def test_inputs_that_do_not_share_their_rows_have_no_graph():
    graphs = BucketGraphs(FakeGraphs(double))

    graphs.prepare({"x": np.ones((2, 3)), "scale": np.ones(())})

    assert graphs.find({"x": (2, 3), "scale": ()}) is None


def test_a_shape_is_captured_once():
    device = FakeGraphs(double)
    graphs = BucketGraphs(device)

    for _ in range(3):
        graphs.prepare(batch(4))

    assert device.captured == [4]


def test_a_graph_that_answers_with_what_it_was_captured_on_is_dropped_and_said(caplog):
    graphs = BucketGraphs(FakeGraphs(double, freezes=True))

    graphs.prepare(batch(4))

    assert graphs.find(shapes(4)) is None
    assert "no CUDA graph for 4 rows: output 'y' differs" in caplog.text


def test_a_model_that_cannot_be_captured_is_served_as_it_is_and_said(caplog):
    graphs = BucketGraphs(FakeGraphs(double, error="operation not permitted when\n capturing"))

    graphs.prepare(batch(4))

    assert graphs.find(shapes(4)) is None
    assert "RuntimeError: operation not permitted when capturing" in caplog.text


def test_a_model_that_fails_on_its_own_is_not_a_failed_capture():
    def fail(inputs):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        BucketGraphs(FakeGraphs(fail)).prepare(batch(4))


def test_a_lower_limit_drops_the_graphs_that_are_larger_than_its_bucket():
    graphs = BucketGraphs(FakeGraphs(double))
    for rows in (1, 2, 4, 8, 16):
        graphs.prepare(batch(rows))

    graphs.limit_rows(3)

    assert graphs.buckets(shapes(1)) == [1, 2, 4]
    graphs.clear()
    assert graphs.buckets(shapes(1)) == []
