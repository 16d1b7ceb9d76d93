"""The binding of onnxruntime to device memory, with the real onnxruntime over a fake CUDA whose
device memory is the host's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import get_ident

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from longshore.backends.cuda.graphs import BucketGraphs
from longshore.backends.cuda.pipeline import CudaPipeline
from longshore.backends.cuda.runtime import CudaRuntime
from longshore.backends.ort.cuda import OnnxModel, OnnxStreams
from longshore.backends.ort.graphs import OnnxGraphs
from longshore.tensors import Datatype, Signature, TensorSpec
from tests.backends.conftest import onnx_bytes
from tests.backends.cuda.fake_cuda_library import FakeCudaLibrary

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2)), TensorSpec("i", Datatype.INT64, (-1,))),
    (TensorSpec("sum", Datatype.FP32, (-1, 2)), TensorSpec("small", Datatype.BOOL, (-1, 2))),
)


def model() -> bytes:
    nodes = [
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["f", "axis"], ["column"]),
        helper.make_node("Add", ["x", "column"], ["sum"]),
        helper.make_node("Less", ["sum", "limit"], ["small"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2]),
        helper.make_tensor_value_info("i", TensorProto.INT64, ["n"]),
    ]
    outputs = [
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n", 2]),
        helper.make_tensor_value_info("small", TensorProto.BOOL, ["n", 2]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.array([1]), "axis"),
        onnx.numpy_helper.from_array(np.array(3, np.float32), "limit"),
    ]
    return onnx_bytes(helper.make_graph(nodes, "tiny", inputs, outputs, initializer=constants))


def batch(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        "x": generator.standard_normal((rows, 2)).astype(np.float32),
        "i": generator.integers(0, 5, rows),
    }


def expected(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    total = inputs["x"] + inputs["i"][:, np.newaxis].astype(np.float32)
    return {"sum": total, "small": total < 3}


class OnHost:
    def __init__(self, call=lambda work: work()) -> None:
        self.library = FakeCudaLibrary()
        session = onnxruntime.InferenceSession(model(), providers=["CPUExecutionProvider"])
        self.streams = OnnxStreams(CudaRuntime(0, library=self.library))
        self.model = OnnxModel(session, SIGNATURE, kind="cpu", call=call)
        self.graphs = BucketGraphs(OnnxGraphs(self.model, self.streams))

    def pipeline(self, *, with_graphs: bool) -> CudaPipeline:
        self.streams.run = self.graphs.run if with_graphs else self.model.forward
        return CudaPipeline(self.streams)


@pytest.mark.parametrize("with_graphs", [False, True])
def test_executions_in_flight_get_their_own_outputs(with_graphs):
    host = OnHost()
    pipeline = host.pipeline(with_graphs=with_graphs)
    for rows in (1, 4):
        host.graphs.prepare(host.streams.send_now(batch(rows)))
    assert host.graphs.buckets() == [1, 4]
    names = ("sum", "small")

    open_tickets, wanted = [], []
    for number, rows in enumerate((1, 3, 4, 2, 7, 1, 4)):
        if len(open_tickets) == 2:
            compare(pipeline.finish(open_tickets.pop(0)), wanted.pop(0))
        inputs = batch(rows, seed=number)
        wanted.append(expected(inputs))
        open_tickets.append(pipeline.begin(inputs, names))
    for ticket, answer in zip(open_tickets, wanted, strict=True):
        compare(pipeline.finish(ticket), answer)


def compare(found, wanted):
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_allclose(found[name], array, rtol=1e-6)


def test_only_the_outputs_that_are_asked_for_are_copied():
    host = OnHost()
    pipeline = host.pipeline(with_graphs=False)

    assert list(pipeline.finish(pipeline.begin(batch(2), ("small",)))) == ["small"]


def test_what_graphs_copy_is_allocated_once():
    host = OnHost()
    pipeline = host.pipeline(with_graphs=True)
    host.graphs.prepare(host.streams.send_now(batch(4)))
    for seed in range(4):
        pipeline.finish(pipeline.begin(batch(4, seed), ("sum",)))
    allocated = host.library.calls.count("cudaMalloc")

    for seed in range(20):
        pipeline.finish(pipeline.begin(batch(4, seed), ("sum",)))

    assert host.library.calls.count("cudaMalloc") == allocated


def test_every_run_is_on_the_thread_that_captured():
    threads = set()
    with ThreadPoolExecutor(1) as thread:

        def call(work):
            def run():
                threads.add(get_ident())
                work()

            thread.submit(run).result()

        host = OnHost(call)
        pipeline = host.pipeline(with_graphs=True)
        host.graphs.prepare(host.streams.send_now(batch(2)))
        compare(pipeline.finish(pipeline.begin(batch(2), ("sum", "small"))), expected(batch(2)))

    assert len(threads) == 1
    assert get_ident() not in threads


def test_a_graph_of_another_model_is_told_from_the_model():
    host = OnHost()
    graphs = OnnxGraphs(host.model, host.streams)
    inputs = host.streams.send_now(batch(3))
    outputs = graphs.forward(inputs)

    assert graphs.difference(outputs, graphs.forward(inputs)) is None
    others = graphs.forward(graphs.vary(inputs))
    assert "output 'sum' differs" in graphs.difference(others, outputs)
    fewer = graphs.forward(host.streams.send_now(batch(2)))
    assert graphs.difference(fewer, outputs) == "output 'sum' has another shape"
