"""ONNX models by onnxruntime, on the CPU or by the CUDA execution provider."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import onnxruntime
from msgspec import Struct
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from longshore.backends.base import Device
from longshore.backends.framework_backend import FrameworkBackend, load_failure, plain
from longshore.backends.ort.external_data import check_external_data
from longshore.backends.ort.pool_threads import PoolThreads, thread_ids
from longshore.backends.ort.signature import UnservableTensor, tensor_spec
from longshore.errors import InvalidRequest, ModelLoadError
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Array, Datatype, LeftOut, Signature, Tensors, TensorSpec

if TYPE_CHECKING:
    from longshore.backends.ort.device import OnnxCuda

logger = logging.getLogger(__name__)

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_FATAL_SEVERITY = 4
"""Whatever is less, onnxruntime raises as well; it would write raw lines into the log."""

onnxruntime.disable_telemetry_events()
onnxruntime.set_default_logger_severity(_FATAL_SEVERITY)


class OnnxRuntimeBackend(FrameworkBackend):
    """One `onnxruntime.InferenceSession`."""

    platform = "onnxruntime_onnx"
    framework = "onnxruntime"

    def __init__(
        self,
        session: Any,
        *,
        path: Path,
        device: Device,
        threads: int,
        pool: PoolThreads | None,
        cuda: OnnxCuda | None,
    ) -> None:
        self.device = device
        self.signature = _read_signature(session, path)
        self._run = session.run
        self._pool = pool
        self._cuda = cuda
        self._shares_instances = device.kind == "cpu" and threads == 1
        self._bytes_inputs = _bytes_names(self.signature.inputs)
        self._bytes_outputs = _bytes_names(self.signature.outputs)
        for part in self.signature.left_out:
            logger.warning("%s: not served: %s", path, part)
        # Texts are not for a device: onnxruntime itself takes such a model's tensors to and fro.
        if cuda is not None and not self._bytes_inputs and not self._bytes_outputs:
            self.use(cuda.open_runner(session, self.signature))

    @classmethod
    def examine(cls, verified: VerifiedArtifact) -> None:
        if verified.external_data is not None:
            return
        artifact = verified.artifact
        with verified.open() as file:
            external = check_external_data(file, path=artifact.path, progress=verified.progress)
        if external and verified.path != artifact.path:
            raise ModelLoadError(
                f"{artifact.path}: its external data {external[0]!r} is not a file of this version"
            )
        verified.external_data = external

    @classmethod
    def load(
        cls, verified: VerifiedArtifact, *, config: ModelConfig, device: Device, threads: int
    ) -> Self:
        artifact = verified.artifact
        cls.examine(verified)
        cuda = None if device.kind == "cpu" else _open_cuda(artifact.path, device)
        opening = _Opening(artifact.path, verified.path, device, threads)
        others = thread_ids()
        session = opening.on_cpu() if cuda is None else opening.on_cuda(cuda)
        started = thread_ids() - others
        # What else began meanwhile, of another model that was opened, cannot be told from them.
        pool = PoolThreads(started) if cuda is None and len(started) == threads - 1 > 0 else None
        return cls(
            session, path=artifact.path, device=device, threads=threads, pool=pool, cuda=cuda
        )

    @classmethod
    def cuda_problem(cls, index: int = 0) -> str | None:
        problem: str | None = _onnxruntime_device().cuda_problem(index)
        return problem

    def compute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        feed = inputs if isinstance(inputs, dict) else dict(inputs)
        if self._bytes_inputs:
            feed = {
                name: _to_text(array, name) if name in self._bytes_inputs else array
                for name, array in feed.items()
            }
        if self._pool is not None:
            self._pool.leave_caller_alone()
        try:
            arrays = self._run(output_names, feed)
        except InvalidArgument as error:  # an index out of bounds, an image below the kernel's size
            raise InvalidRequest(f"the model refuses its inputs: {plain(error)}") from error
        except Exception as error:  # onnxruntime has a dozen types, without a base of their own
            raise self.failure(error) from error
        outputs = dict(zip(output_names, arrays, strict=True))
        if self._bytes_outputs:
            for name in self._bytes_outputs & outputs.keys():
                outputs[name] = _to_bytes(outputs[name])
        return outputs

    def is_constant(self, text: str, verified: VerifiedArtifact) -> bool:
        from longshore.backends.ort.failing_node import fails_on_any_input  # seldom asked

        with verified.open() as file:
            return fails_on_any_input(file, text)

    @property
    def shares_instances(self) -> bool:
        """A session may be run by several threads; with a pool of its own they would share it."""
        return self._shares_instances

    def close(self) -> None:
        super().close()
        del self._run


def _onnxruntime_device() -> Any:
    """Imported by those who ask for a GPU alone."""
    return importlib.import_module("longshore.backends.ort.device")


def _open_cuda(path: Path, device: Device) -> OnnxCuda:
    problem = OnnxRuntimeBackend.cuda_problem(device.index)
    if problem is not None:
        raise ModelLoadError(f"{path}: {device} was asked for, but {problem}")
    if device.options.precision in ("fp16", "bf16"):
        raise ModelLoadError(
            f"{path}: cuda_precision: found {device.options.precision}, allowed for ONNX: float32, "
            f"tf32; onnxruntime computes in the types of the file, so convert the file"
        )
    if device.options.compiles:
        raise ModelLoadError(f"{path}: torch_compile: an ONNX file cannot be compiled by torch")
    try:
        return cast("OnnxCuda", _onnxruntime_device().OnnxCuda(device))
    except RuntimeError as error:  # of CUDA
        raise load_failure(path, error, plain(error), device) from error


class _Opening(Struct, frozen=True):
    """What sessions are opened from; errors call the file by its `name`."""

    name: Path
    path: Path
    device: Device
    threads: int

    def on_cpu(self) -> Any:
        return self._open([_CPU])

    def on_cuda(self, cuda: OnnxCuda) -> Any:
        try:
            session = self._open([(_CUDA, cuda.provider_options()), _CPU])
        except ModelLoadError as error:
            if not cuda.gives_up_graphs(error):
                raise
            session = self._open([(_CUDA, cuda.provider_options()), _CPU])
        found = session.get_providers()
        if _CUDA not in found:
            raise ModelLoadError(
                f"{self.name}: {self.device} was asked for, but onnxruntime uses "
                f"{', '.join(found)}; its CUDA libraries could not be loaded or the GPU is not "
                f"usable"
            )
        return session

    def _open(self, providers: list[Any]) -> Any:
        options = _options(self.threads)
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=providers)
        except Exception as error:  # as above
            reason = _explain(error).replace(str(self.path), self.name.name)
            raise load_failure(self.name, error, reason, self.device) from error


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_SEVERITY
    # Threads that spin between executions eat the CPU quota of the container.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _read_signature(session: Any, path: Path) -> Signature:
    inputs: list[TensorSpec] = []
    for node in session.get_inputs():
        try:
            inputs.append(tensor_spec(node))
        except UnservableTensor as error:
            raise ModelLoadError(f"{path}: input '{node.name}' {error}") from error
    outputs: list[TensorSpec] = []
    left_out: list[LeftOut] = []
    for node in session.get_outputs():
        try:
            outputs.append(tensor_spec(node))
        except UnservableTensor as error:
            left_out.append(LeftOut("output", node.name, str(error)))
    if not outputs:
        raise ModelLoadError(f"{path}: no output can be served: {'; '.join(map(str, left_out))}")
    return Signature(tuple(inputs), tuple(outputs), tuple(left_out))


def _bytes_names(specs: tuple[TensorSpec, ...]) -> frozenset[str]:
    return frozenset(spec.name for spec in specs if spec.datatype is Datatype.BYTES)


def _to_text(array: Array, name: str) -> Array:
    text = np.empty(array.shape, dtype=object)
    try:
        text.ravel()[:] = [element.decode() for element in array.flat]
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"input '{name}': the model takes text, and an element is not UTF-8: {error.reason} "
            f"at byte {error.start}"
        ) from None
    return text


def _to_bytes(array: Array) -> Array:
    encoded = np.empty(np.shape(array), dtype=object)
    encoded.ravel()[:] = [element.encode() for element in np.asarray(array, dtype=object).flat]
    return encoded


def _explain(error: Exception) -> str:
    message = plain(error)
    if "Failed to construct locale" in message:
        return (
            "the model's text normaliser needs the locale en_US.UTF-8, which this system lacks "
            "(Debian: the package locales, then locale-gen en_US.UTF-8)"
        )
    return f"onnxruntime cannot load it: {message}"
