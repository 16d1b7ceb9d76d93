"""The GPU code of the torch backend on the CPU: streams and events do nothing, tensors are real."""

from __future__ import annotations

import inspect
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.export.passes import move_to_device_pass

from longshore.backends.cuda.graphs import BucketGraphs
from longshore.backends.cuda.pipeline import CudaPipeline
from longshore.backends.pytorch import cuda as torch_cuda
from longshore.backends.pytorch.cuda import TorchGraphs, TorchStreams

MODELS = Path(__file__).parents[3] / "models"


class StillStream:
    def __init__(self, device: str = "cpu") -> None:
        pass

    def synchronize(self) -> None:
        pass

    def wait_event(self, event: object) -> None:
        pass


class StillEvent:
    times = iter(())

    def __init__(self, **options: bool) -> None:
        pass

    def record(self, stream: object = None) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end: object) -> float:
        return next(self.times)


class StillGraph:
    """Replays by running the model again into the outputs of the capture."""

    replays = True

    def __init__(self) -> None:
        self.run = None

    def replay(self) -> None:
        if self.replays:
            self.run()


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def capture(graph, *, pool, stream, capture_error_mode):
        assert capture_error_mode == "thread_local"
        yield

    monkeypatch.setattr(torch.cuda, "Stream", StillStream)
    monkeypatch.setattr(torch.cuda, "Event", StillEvent)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: StillStream())
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", StillGraph)
    monkeypatch.setattr(TorchStreams, "allocate_pinned", lambda self, size: torch.empty(
        size, dtype=torch.uint8
    ))  # fmt: skip
    # Of a model against its graph, twice as long each time.
    monkeypatch.setattr(StillEvent, "times", iter([2.0, 1.0] * 20))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.float16).reshape(3, 2)[::2],
        np.array([[True, False]]),
        np.array(5, np.int64),
        np.empty((0, 3), np.float32),
        np.arange(4, dtype=np.uint16),
        np.arange(8, dtype=np.float64).reshape(2, 2, 2).T,
    ],
)
def test_every_type_and_shape_goes_to_the_device_and_comes_back(array):
    pipeline = CudaPipeline(TorchStreams("cpu", lambda inputs: {"y": inputs["x"].clone()}))

    for _ in range(3):
        found = pipeline.finish(pipeline.begin({"x": array}, ("y",)))["y"]
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_a_smaller_batch_does_not_show_what_the_larger_left_in_its_slot():
    pipeline = CudaPipeline(TorchStreams("cpu", lambda inputs: {"y": inputs["x"] * 2}), depth=1)

    for rows in (8, 3):
        batch = np.full((rows, 2), rows, np.float32)
        np.testing.assert_array_equal(
            pipeline.finish(pipeline.begin({"x": batch}, ("y",)))["y"], batch * 2
        )


@pytest.mark.parametrize("replays", [True, False])
def test_a_graph_is_kept_when_it_computes_and_dropped_when_it_repeats(monkeypatch, replays):
    monkeypatch.setattr(StillGraph, "replays", replays)

    class Graphs(TorchGraphs):
        def capture(self, inputs):
            found = super().capture(inputs)
            found._outputs = {name: t.clone() for name, t in found._outputs.items()}

            def run():
                for name, output in self._forward(found._inputs).items():
                    found._outputs[name].copy_(output)

            found._graph.run = run
            return found

    graphs = BucketGraphs(Graphs(lambda inputs: {"y": inputs["x"] * 2}, "cpu", 1e-4))
    streams = TorchStreams("cpu", graphs.run)
    with streams.computing():
        graphs.prepare(streams.send_now({"x": np.arange(8, dtype=np.float32).reshape(4, 2)}))

    assert graphs.buckets() == ([4] if replays else [])
    pipeline = CudaPipeline(streams)
    for rows in (4, 3, 1):
        batch = np.full((rows, 2), rows, np.float32)
        found = pipeline.finish(pipeline.begin({"x": batch}, ("y",)))["y"]
        np.testing.assert_array_equal(found, batch * 2)


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_every_way_to_ask_torch_for_its_precision_gets_the_same_answer(precision):
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        torch_cuda._state_precision(precision)
        is_allowed = precision == "tf32"

        assert torch.backends.cuda.matmul.allow_tf32 is is_allowed
        assert torch.backends.cudnn.allow_tf32 is is_allowed
        assert torch.get_float32_matmul_precision() == ("high" if is_allowed else "highest")
        assert (torch.backends.cuda.matmul.fp32_precision == "tf32") is is_allowed
        assert (torch.backends.cudnn.conv.fp32_precision == "tf32") is is_allowed
        assert (torch.backends.cudnn.rnn.fp32_precision == "tf32") is is_allowed
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def test_varied_inputs_are_others_and_an_index_stays_an_index():
    ids = torch.tensor([[1, 99], [50, 0]])

    varied = torch_cuda._varied(ids)

    assert not torch.equal(varied, ids)
    assert 0 <= int(varied.min()) <= int(varied.max()) <= 99
    assert torch_cuda._varied(torch.tensor([True, False])).tolist() == [False, True]


@pytest.mark.parametrize(
    ("found", "wanted", "is_close"),
    [
        ([1.0, 1000.0], [1.05, 1000.0], True),
        ([1e-6, 2e-6], [1e-6, 1e-6], False),
        ([float("nan"), 1.0], [float("nan"), 1.0], True),
        ([float("inf"), 1.0], [float("inf"), 1.0], True),
        ([0.0, 1.0], [float("nan"), 1.0], False),
        ([], [], True),
    ],
)
def test_closeness_is_relative_to_the_largest_value(found, wanted, is_close):
    assert torch_cuda._is_close(torch.tensor(found), torch.tensor(wanted), 1e-4) is is_close


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_exported_program_can_be_moved_to_another_device():
    program = torch.export.load(MODELS / "digits-pt2/1/model.pt2")

    moved = move_to_device_pass(program, "meta")

    assert {str(tensor.device) for tensor in moved.state_dict.values()} == {"meta"}


def test_a_machine_without_a_driver_says_so():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")

    assert torch_cuda.cuda_problem(0).startswith("torch finds no usable CUDA device: Found no")


def test_the_real_torch_takes_what_it_is_given(monkeypatch):
    monkeypatch.undo()

    inspect.signature(torch.cuda.graph).bind(
        None, pool=None, stream=None, capture_error_mode="thread_local"
    )
    inspect.signature(torch.cuda.Event.__new__).bind(None, enable_timing=True, blocking=True)
    inspect.signature(torch.cuda.set_per_process_memory_fraction).bind(0.5, 0)
    for name in ("mem_get_info", "memory_reserved", "memory_allocated", "empty_cache"):
        assert callable(getattr(torch.cuda, name))
    for field in ("name", "pci_domain_id", "pci_bus_id", "pci_device_id", "total_memory"):
        assert hasattr(torch._C._CudaDeviceProperties, field)
