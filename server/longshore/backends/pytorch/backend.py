"""TorchScript (`model.pt`) and torch.export (`model.pt2`) models by torch."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import torch

from longshore.backends.base import Device
from longshore.backends.framework_backend import FrameworkBackend, plain
from longshore.backends.pytorch.archive import check_archive
from longshore.backends.pytorch.exported import open_exported
from longshore.backends.pytorch.program import Program, refused
from longshore.backends.pytorch.tensors import DATATYPES, servable, to_array, to_tensor
from longshore.backends.pytorch.torchscript import open_script_module, open_torchscript
from longshore.errors import InvalidRequest, LongshoreError, ModelDefect, ModelLoadError
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.layout import ArtifactFormat
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Array, LeftOut, Tensors

if TYPE_CHECKING:
    from longshore.backends.draft import InputDraft

_INDEX_ERROR = re.compile(r"\bindex (?:-?\d+ )?(?:is )?out of (?:range|bounds)\b")
"""TorchScript raises everything as a RuntimeError."""
_CONSTANT_INDEX = re.compile(
    r"index -?\d+ (?:is out of bounds for dimension \d+ with size [1-9]"
    r"|out of range for tensor of size \[[1-9])"
)
"""Index and size are stated; a size of 0 may be that of what a search in the input has found."""
_WRONG_TYPE = re.compile(
    r"same dtype|scalar types?\b|types? .*should be the same|not implemented for '\w+'"
    r"|can't be cast to the desired output type"
)
"""The types of the inputs are declared: no value and no size of an input changes them."""
_AUTOCAST = {"fp16": torch.float16, "bf16": torch.bfloat16}

_POOL = threading.local()
"""`threads`: the size of the calling thread's pool."""


class TorchBackend(FrameworkBackend):
    """A module run in inference mode."""

    platform = "pytorch_libtorch"
    framework = "torch"

    def __init__(self, program: Program, *, device: Device, threads: int) -> None:
        self.signature = program.signature
        self.device = device
        self._call = program.call
        self._threads = threads
        self._output_dtypes = {
            spec.name: dtype for spec in self.signature.outputs
            for dtype, datatype in DATATYPES.items() if datatype is spec.datatype
        }  # fmt: skip
        if device.kind != "cpu":
            self.use(_torch_cuda().open_runner(self._forward, device))

    @classmethod
    def examine(cls, verified: VerifiedArtifact) -> None:
        with verified.open() as file:
            check_archive(file, path=verified.artifact.path)

    @classmethod
    def load(
        cls, verified: VerifiedArtifact, *, config: ModelConfig, device: Device, threads: int
    ) -> Self:
        artifact = verified.artifact
        if device.kind != "cpu" and (problem := cls.cuda_problem(device.index)) is not None:
            raise ModelLoadError(f"{artifact.path}: {device} was asked for, but {problem}")
        is_script = artifact.format is ArtifactFormat.TORCHSCRIPT
        program = (open_torchscript if is_script else open_exported)(verified, config, device)
        try:
            return cls(program, device=device, threads=threads)
        except RuntimeError as error:  # of CUDA
            raise refused(artifact.path, error, device) from error

    @classmethod
    def draft_inputs(cls, verified: VerifiedArtifact, config: ModelConfig) -> InputDraft | None:
        if verified.artifact.format is not ArtifactFormat.TORCHSCRIPT:
            return None
        draft: Callable[..., InputDraft | None] = importlib.import_module(
            "longshore.backends.pytorch.script_draft"
        ).draft_inputs
        return draft(open_script_module(verified, Device("cpu")), config)

    @classmethod
    def cuda_problem(cls, index: int = 0) -> str | None:
        problem: str | None = _torch_cuda().cuda_problem(index)
        return problem

    def compute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        self._set_threads()
        try:
            tensors = {spec.name: to_tensor(inputs[spec.name]) for spec in self.signature.inputs}
            with torch.inference_mode():
                outputs = self._forward(tensors)
            return {name: to_array(outputs[name]) for name in output_names}
        except LongshoreError:
            raise
        except Exception as error:  # whatever the model's own code raises
            raise self.failure(error) from error

    def execute_all(self, inputs: Mapping[str, Array]) -> tuple[Tensors, tuple[LeftOut, ...]]:
        if self.signature.outputs:
            return super().execute_all(inputs)
        tensors = {name: to_tensor(array) for name, array in inputs.items()}
        try:
            with torch.inference_mode():
                return servable(self._call(tensors))
        except Exception as error:  # whatever the model's own code raises
            raise self.failure(error) from error

    def failure(self, error: Exception) -> LongshoreError:
        """An index out of range, a token beyond the vocabulary, is the client's mistake."""
        text = plain(error)
        if isinstance(error, IndexError) or _INDEX_ERROR.search(text):
            return InvalidRequest(f"the model refuses its inputs: {text}")
        if _WRONG_TYPE.search(text):
            return ModelDefect(f"torch: {text}")
        return super().failure(error)

    def is_constant(self, text: str, verified: VerifiedArtifact) -> bool:
        return _CONSTANT_INDEX.search(text) is not None

    def close(self) -> None:
        del self._call
        super().close()

    def _forward(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """All outputs by name, of the types that the signature says."""
        autocast = _AUTOCAST.get(self.device.options.precision)
        if self.device.kind == "cpu" or autocast is None:
            return self._call(tensors)
        # Casts kept from one pass to the next would be outside of a graph that was captured.
        with torch.autocast("cuda", autocast, cache_enabled=False):
            outputs = self._call(tensors)
        return {name: outputs[name].to(dtype) for name, dtype in self._output_dtypes.items()}

    def _set_threads(self) -> None:
        """The size of the OpenMP pool belongs to the thread that calls, which may serve others."""
        if getattr(_POOL, "threads", None) != self._threads:
            torch.set_num_threads(self._threads)
            _POOL.threads = self._threads


def _torch_cuda() -> Any:
    """Imported only where a GPU is asked for."""
    return importlib.import_module("longshore.backends.pytorch.cuda")
