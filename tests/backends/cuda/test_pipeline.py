from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.backends.cuda.pipeline import DEPTH, CudaPipeline, PipelineFull
from tests.backends.cuda.fake_device import FakeDevice


def double(inputs):
    return {"y": inputs["x"] * 2, "sum": inputs["x"].sum(axis=1)}


def batch(rows: int, value: float = 1.0) -> dict[str, np.ndarray]:
    return {"x": np.full((rows, 3), value, np.float32)}


@given(
    rows=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    seed=st.integers(0, 2**16),
    depth=st.integers(1, 3),
)
def test_every_execution_gets_its_own_outputs_in_any_order_of_the_streams(rows, seed, depth):
    device = FakeDevice(double, seed=seed)
    pipeline = CudaPipeline(device, depth=depth)
    open_tickets, answers = [], []
    for number, count in enumerate(rows):
        if len(open_tickets) == depth:
            answers.append(pipeline.finish(open_tickets.pop(0)))
        given_inputs = batch(count, number + 1)
        open_tickets.append(pipeline.begin(given_inputs, ("y", "sum")))
        given_inputs["x"][:] = -1  # the caller may reuse its arrays at once
    answers += [pipeline.finish(ticket) for ticket in open_tickets]

    for number, (count, answer) in enumerate(zip(rows, answers, strict=True)):
        np.testing.assert_array_equal(answer["y"], batch(count, 2.0 * (number + 1))["x"])
        np.testing.assert_array_equal(answer["sum"], np.full(count, 3.0 * (number + 1)))


def test_the_next_batch_is_copied_and_launched_before_the_host_waits_for_this_one():
    device = FakeDevice(double)
    pipeline = CudaPipeline(device)

    first = pipeline.begin(batch(2), ("y",))
    second = pipeline.begin(batch(2), ("y",))
    pipeline.finish(first)
    pipeline.finish(second)

    steps = device.asked("copy_in", "launch", "copy_out", "synchronize", "read")
    once = ["copy_in", "launch", "copy_out"]
    assert steps == once + once + ["synchronize", "read"] * 2


def test_copies_never_share_the_stream_that_computes():
    device = FakeDevice(double)
    pipeline = CudaPipeline(device)

    pipeline.finish(pipeline.begin(batch(2), ("y",)))

    streams = {operation: stream for operation, stream in device.log if operation != "record"}
    assert (streams["copy_in"], streams["launch"], streams["copy_out"]) == ("in", "compute", "out")
    waits = [stream for operation, stream in device.log if operation == "wait"]
    assert waits == ["compute", "out"]


def test_staging_memory_is_allocated_once_a_slot_and_grows_only_for_a_larger_batch():
    device = FakeDevice(double)
    pipeline = CudaPipeline(device)
    for rows in (4, 4, 2, 4, 1, 3):
        pipeline.finish(pipeline.begin(batch(rows), ("y",)))
    allocated = len(device.allocations)
    assert allocated == DEPTH * 3

    for _ in range(DEPTH):
        pipeline.finish(pipeline.begin(batch(8), ("y",)))
    assert len(device.allocations) == 2 * allocated


def test_answers_stay_as_they_are_when_their_slot_is_used_again():
    pipeline = CudaPipeline(FakeDevice(double), depth=1)
    kept = pipeline.finish(pipeline.begin(batch(2, 1.0), ("y",)))

    pipeline.finish(pipeline.begin(batch(2, 9.0), ("y",)))

    np.testing.assert_array_equal(kept["y"], batch(2, 2.0)["x"])


def test_more_than_the_depth_is_refused():
    pipeline = CudaPipeline(FakeDevice(double), depth=1)
    pipeline.begin(batch(1), ("y",))

    with pytest.raises(PipelineFull):
        pipeline.begin(batch(1), ("y",))


def test_a_failed_launch_gives_its_slot_back_after_its_copies_have_ended():
    device = FakeDevice(double)
    pipeline = CudaPipeline(device, depth=1)
    device.launch_error = RuntimeError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="out of memory"):
        pipeline.begin(batch(2), ("y",))
    assert device.log[-1] == ("synchronize", "host")

    device.launch_error = None
    answer = pipeline.finish(pipeline.begin(batch(2), ("y",)))
    np.testing.assert_array_equal(answer["y"], batch(2, 2.0)["x"])


def test_an_error_that_shows_only_at_the_end_is_raised_by_finish():
    device = FakeDevice(double)
    pipeline = CudaPipeline(device, depth=1)
    ticket = pipeline.begin(batch(2), ("y",))
    device.synchronize_error = RuntimeError("an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        pipeline.finish(ticket)


def test_the_cost_of_an_execution_is_read_from_the_devices_own_clock():
    device = FakeDevice(double, compute_seconds=0.02)

    seconds = CudaPipeline(device).seconds_per_execution(batch(4), ("y",))

    assert seconds == pytest.approx(0.02)


def test_empty_and_scalar_tensors_pass():
    pipeline = CudaPipeline(FakeDevice(lambda inputs: {"total": inputs["x"].sum()}))

    for rows in (0, 2):
        answer = pipeline.finish(pipeline.begin(batch(rows), ("total",)))
        assert answer["total"].shape == ()
        assert answer["total"] == 3 * rows


def test_the_fake_device_catches_outputs_that_are_dropped_before_their_copy():
    device = FakeDevice(double, seed=3)
    pipeline = CudaPipeline(device, depth=1)
    found = []
    for _ in range(20):
        ticket = pipeline.begin(batch(2), ("y",))
        ticket.outputs.clear()
        found.append(pipeline.finish(ticket)["y"][0, 0])

    assert any(value != 2.0 for value in found)


def test_the_fake_device_catches_a_slot_that_is_used_before_its_copies_have_ended():
    device = FakeDevice(double)
    pipeline = CudaPipeline(device, depth=1)
    ticket = pipeline.begin(batch(2), ("y",))
    pipeline._free.append(ticket.slot)

    with pytest.raises(AssertionError, match="written while it is being copied"):
        pipeline.begin(batch(2), ("y",))
