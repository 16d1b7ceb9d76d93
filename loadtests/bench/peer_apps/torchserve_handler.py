"""TorchServe: a handler for JSON `{"x": [...]}` and for raw bytes."""

import numpy
from bench_session import BenchSession


class BenchHandler:
    def initialize(self, context):
        self._session = BenchSession()

    def handle(self, data, context):
        rows = numpy.stack([self._row(request) for request in data])
        return [{"y": row.tolist()} for row in self._session.run(rows)]

    def _row(self, request):
        body = request.get("body") or request.get("data")
        if isinstance(body, dict):
            return numpy.asarray(body["x"], self._session.dtype)
        rows = numpy.frombuffer(body, self._session.dtype)
        return rows.reshape(self._session.row_shape)
