"""What every peer runs: the same model in onnxruntime, as that is by itself."""

import os

import numpy
import onnxruntime


class BenchSession:
    """`BENCH_MODEL` names the file."""

    def __init__(self):
        self._session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], providers=["CPUExecutionProvider"]
        )
        spec = self._session.get_inputs()[0]
        self.dtype = numpy.int64 if spec.type == "tensor(int64)" else numpy.float32
        self.row_shape = tuple(spec.shape[1:])

    def run(self, rows):
        """Outputs of `rows`, an array of shape `[batch, ...]`."""
        return self._session.run(None, {"x": rows.astype(self.dtype, copy=False)})[0]
