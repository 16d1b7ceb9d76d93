"""BentoML: a batchable endpoint over arrays."""

import bentoml
import numpy
from bench_session import BenchSession


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Bench:
    def __init__(self):
        self._session = BenchSession()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=10000)
    def predict(self, x: numpy.ndarray) -> numpy.ndarray:
        return self._session.run(x)
