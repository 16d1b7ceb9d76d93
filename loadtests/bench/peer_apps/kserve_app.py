"""KServe: a custom model behind its own server, V2 JSON and binary; it makes no batches."""

import logging
import sys

import kserve
from bench_session import BenchSession
from kserve.utils.utils import get_predict_response


class BenchModel(kserve.Model):
    def __init__(self, name):
        super().__init__(name)
        self._session = BenchSession()
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        rows = payload.inputs[0].as_numpy()
        return get_predict_response(payload, self._session.run(rows), self.name)


if __name__ == "__main__":
    logging.disable(logging.INFO)  # it has no switch for its access log
    server = kserve.ModelServer(
        http_port=int(sys.argv[2]), enable_grpc=False, enable_latency_logging=False
    )
    server.start([BenchModel(sys.argv[1])])
