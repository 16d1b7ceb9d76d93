"""LitServe: JSON `{"x": [...]}`, or a form with the raw bytes as the file `x`."""

import sys

import litserve
import numpy
from bench_session import BenchSession


class BenchAPI(litserve.LitAPI):
    def setup(self, device):
        self._session = BenchSession()

    def decode_request(self, request):
        x = request["x"]
        if isinstance(x, list):
            return numpy.asarray(x, self._session.dtype)
        rows = numpy.frombuffer(x.file.read(), self._session.dtype)
        return rows.reshape(self._session.row_shape)

    def batch(self, inputs):
        return numpy.stack(inputs)

    def predict(self, x):
        return self._session.run(x)

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return {"y": output.tolist()}


if __name__ == "__main__":
    api = BenchAPI(max_batch_size=32, batch_timeout=0.002)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )
