"""ONNX models by onnxruntime, on the CPU or by the CUDA execution provider."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime

from longshore.backends.base import Backend, Device
from longshore.backends.onnx_external_data import check_external_data
from longshore.backends.onnx_signature import UnservableTensor, tensor_spec
from longshore.errors import InferenceFailed, InvalidRequest, ModelLoadError
from longshore.repository.integrity import open_verified
from longshore.repository.layout import Artifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec

logger = logging.getLogger(__name__)

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_ERROR_SEVERITY = 3
_SHOWN_CHARACTERS = 600


class OnnxRuntimeBackend(Backend):
    """One `onnxruntime.InferenceSession`."""

    platform = "onnxruntime_onnx"

    def __init__(self, session: Any, *, path: Path, device: Device, threads: int) -> None:
        self.device = device
        self.signature, self.left_out = _read_signature(session, path)
        self._run = session.run
        self._shares_instances = device.kind == "cpu" and threads == 1
        self._bytes_inputs = _bytes_names(self.signature.inputs)
        self._bytes_outputs = _bytes_names(self.signature.outputs)
        for reason in self.left_out:
            logger.warning("%s: not served: output %s", path, reason)

    @classmethod
    def load(cls, artifact: Artifact, *, config: ModelConfig, device: Device, threads: int) -> Self:
        with open_verified(artifact) as verified:
            with verified.open() as file:
                external = check_external_data(file, path=artifact.path)
            if external and verified.path != artifact.path:
                raise ModelLoadError(
                    f"{artifact.path}: its external data {external[0]!r} is not a file of this "
                    f"version"
                )
            session = _open_session(artifact.path, verified.path, device=device, threads=threads)
        return cls(session, path=artifact.path, device=device, threads=threads)

    @classmethod
    def cuda_problem(cls) -> str | None:
        if _CUDA not in onnxruntime.get_available_providers():
            return "this onnxruntime has no CUDA provider: pip install onnxruntime-gpu"
        # The provider is listed wherever it is installed, with a GPU or without.
        if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists():
            return "this machine shows no NVIDIA GPU (/dev/nvidia*)"
        return None

    def execute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        feed = inputs if isinstance(inputs, dict) else dict(inputs)
        if self._bytes_inputs:
            feed = {
                name: _to_text(array, name) if name in self._bytes_inputs else array
                for name, array in feed.items()
            }
        try:
            arrays = self._run(output_names, feed)
        except Exception as error:  # onnxruntime has a dozen types, without a base of their own
            raise InferenceFailed(f"onnxruntime: {_plain(error)}") from error
        outputs = dict(zip(output_names, arrays, strict=True))
        if self._bytes_outputs:
            for name in self._bytes_outputs & outputs.keys():
                outputs[name] = _to_bytes(outputs[name])
        return outputs

    @property
    def shares_instances(self) -> bool:
        """A session may be run by several threads; with a pool of its own they would share it."""
        return self._shares_instances

    def close(self) -> None:
        del self._run


def _open_session(named: Path, path: Path, *, device: Device, threads: int) -> Any:
    providers: list[Any] = [_CPU]
    if device.kind == "cuda":
        problem = OnnxRuntimeBackend.cuda_problem()
        if problem is not None:
            raise ModelLoadError(f"{named}: {device} was asked for, but {problem}")
        onnxruntime.preload_dlls()
        providers = [(_CUDA, _cuda_options(device)), _CPU]
    try:
        session = onnxruntime.InferenceSession(str(path), _options(threads), providers=providers)
    except Exception as error:  # as above
        reason = _explain(error).replace(str(path), named.name)
        raise ModelLoadError(f"{named}: {reason}") from error
    found = session.get_providers()
    if (_CUDA in found) != (device.kind == "cuda"):
        raise ModelLoadError(
            f"{named}: {device} was asked for, but onnxruntime uses {', '.join(found)}; its CUDA "
            f"libraries could not be loaded or the GPU is not usable"
        )
    return session


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERROR_SEVERITY
    # Spinning threads eat the CPU quota of the container while they wait.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _cuda_options(device: Device) -> dict[str, str]:
    return {
        "device_id": str(device.index),
        # The defaults reserve up to twice what is needed, and search anew for every new shape.
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
    }


def _read_signature(session: Any, path: Path) -> tuple[Signature, tuple[str, ...]]:
    try:
        inputs = tuple(tensor_spec(node) for node in session.get_inputs())
    except UnservableTensor as error:
        raise ModelLoadError(f"{path}: input {error}") from error
    outputs: list[TensorSpec] = []
    left_out: list[str] = []
    for node in session.get_outputs():
        try:
            outputs.append(tensor_spec(node))
        except UnservableTensor as error:
            left_out.append(str(error))
    if not outputs:
        raise ModelLoadError(f"{path}: no output can be served: {'; '.join(left_out)}")
    return Signature(inputs, tuple(outputs)), tuple(left_out)


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
    message = _plain(error)
    if "Failed to construct locale" in message:
        return (
            "the model's text normaliser needs the locale en_US.UTF-8, which this system lacks "
            "(Debian: the package locales, then locale-gen en_US.UTF-8)"
        )
    return f"onnxruntime cannot load it: {message}"


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:_SHOWN_CHARACTERS]
