from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.backends.cuda.graphs import BucketGraphs, choose_bucket
from tests.backends.cuda.fake_graphs import FakeGraphs


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
    assert graphs.buckets() == [1, 4, 8]


@pytest.mark.parametrize(("rows", "width"), [(9, 3), (4, 5), (0, 3)])
def test_what_no_graph_holds_runs_as_before(rows, width):
    graphs = BucketGraphs(FakeGraphs(double))
    graphs.prepare(batch(8))

    assert graphs.find(shapes(rows, width)) is None


@pytest.mark.parametrize(
    ("gain", "by_graph"), [(1.05, [8]), (1.35, [6, 7, 8]), (1.9, [5, 6, 7, 8]), (9.0, [5, 6, 7, 8])]
)
def test_a_batch_is_filled_up_only_as_far_as_that_is_cheaper(gain, by_graph):
    graphs = BucketGraphs(FakeGraphs(double, gain=gain))
    for rows in (4, 8):
        graphs.prepare(batch(rows))

    assert [rows for rows in (5, 6, 7, 8) if graphs.find(shapes(rows))] == by_graph
    for rows in range(1, 10):
        np.testing.assert_array_equal(graphs.run(batch(rows))["y"], batch(rows)["x"] * 2)


def test_a_graph_that_is_no_faster_is_dropped_and_said(caplog):
    graphs = BucketGraphs(FakeGraphs(double, gain=0.98))

    graphs.prepare(batch(4))

    assert graphs.buckets() == []
    assert "no CUDA graph for 4 rows: the model takes 0.98 times as long without it" in caplog.text


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

    assert graphs.buckets() == [1, 2, 4]
    graphs.clear()
    assert graphs.buckets() == []


def test_a_model_that_writes_to_its_inputs_is_captured_on_what_was_given():
    def halve_in_place(inputs):
        inputs["x"] /= 2
        return {"y": inputs["x"].copy()}

    graphs = BucketGraphs(FakeGraphs(halve_in_place))
    graphs.prepare(batch(4))

    assert graphs.buckets() == [4]
    np.testing.assert_array_equal(graphs.run(batch(4))["y"], batch(4)["x"] / 2)
    np.testing.assert_array_equal(graphs.run(batch(9))["y"], batch(9)["x"] / 2)


def test_one_graph_is_captured_at_a_time_in_the_whole_process():
    class Slow(FakeGraphs):
        def capture(self, inputs):
            inside.append(None)
            most.append(len(inside))
            graph = super().capture(inputs)
            inside.pop()
            return graph

    inside: list[None] = []
    most: list[int] = []
    graphs = [BucketGraphs(Slow(double)) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: each.prepare(batch(4)), graphs))

    assert most == [1] * 8
