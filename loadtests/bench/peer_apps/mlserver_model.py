"""MLServer: a custom runtime."""

from bench_session import BenchSession
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class BenchModel(MLModel):
    async def load(self):
        self._session = BenchSession()
        return True

    async def predict(self, payload):
        rows = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("y", self._session.run(rows))
        return InferenceResponse(model_name=self.name, outputs=[output])
