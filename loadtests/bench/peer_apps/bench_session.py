"""What every peer runs: the same model in onnxruntime, with the same threads."""

import os

import numpy
import onnxruntime


class BenchSession:
    """`BENCH_MODEL` names the file, `BENCH_THREADS` the threads."""

    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        spec = self._session.get_inputs()[0]
        self.dtype = numpy.int64 if spec.type == "tensor(int64)" else numpy.float32
        self.row_shape = tuple(spec.shape[1:])

    def run(self, rows):
        """Outputs of `rows`, an array of shape `[batch, ...]`."""
        return self._session.run(None, {"x": rows.astype(self.dtype, copy=False)})[0]
