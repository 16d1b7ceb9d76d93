"""Triton's own HTTP server and batcher, from NVIDIA's wheel, before a Python backend."""

import sys

import numpy
from bench_session import BenchSession
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

SESSION = BenchSession()


@batch
def infer(x):
    return {"y": SESSION.run(x)}


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1", http_port=int(sys.argv[2]), allow_grpc=False, allow_metrics=False
    )
    batching = ModelConfig(
        max_batch_size=32, batcher=DynamicBatcher(max_queue_delay_microseconds=2000)
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name=sys.argv[1],
            infer_func=infer,
            inputs=[Tensor(name="x", dtype=SESSION.dtype, shape=SESSION.row_shape)],
            outputs=[Tensor(name="y", dtype=numpy.float32, shape=(-1,))],
            config=batching,
        )
        triton.serve()
