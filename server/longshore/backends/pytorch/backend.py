"""TorchScript (`model.pt`) and torch.export (`model.pt2`) models by torch."""

from __future__ import annotations

import importlib
import re
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch.export.passes import move_to_device_pass
from torch.utils import _pytree as pytree

from longshore.backends.base import Device
from longshore.backends.framework_backend import FrameworkBackend, load_failure, plain
from longshore.backends.pytorch.archive import check_torchscript, safe_pt2
from longshore.errors import InferenceFailed, InvalidRequest, LongshoreError, ModelLoadError
from longshore.repository.integrity import VerifiedArtifact, open_verified
from longshore.repository.layout import Artifact, ArtifactFormat
from longshore.repository.model_config import ModelConfig, ModelInput, ModelOutput
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec

_DATATYPES = {
    torch.bool: Datatype.BOOL,
    torch.uint8: Datatype.UINT8,
    torch.uint16: Datatype.UINT16,
    torch.uint32: Datatype.UINT32,
    torch.uint64: Datatype.UINT64,
    torch.int8: Datatype.INT8,
    torch.int16: Datatype.INT16,
    torch.int32: Datatype.INT32,
    torch.int64: Datatype.INT64,
    torch.float16: Datatype.FP16,
    torch.float32: Datatype.FP32,
    torch.float64: Datatype.FP64,
}
_INDEX_ERROR = re.compile(r"\bindex (?:-?\d+ )?(?:is )?out of (?:range|bounds)\b")
"""TorchScript raises everything as a RuntimeError."""
_AUTOCAST = {"fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend(FrameworkBackend):
    """A module run in inference mode."""

    platform = "pytorch_libtorch"
    framework = "torch"

    def __init__(
        self,
        call: Callable[[list[Any]], Any],
        *,
        signature: Signature,
        device: Device,
        threads: int,
    ) -> None:
        self.signature = signature
        self.device = device
        self._call = call
        self._threads = threads
        self._of_thread = threading.local()
        self._output_dtypes = {
            spec.name: dtype for spec in signature.outputs
            for dtype, datatype in _DATATYPES.items() if datatype is spec.datatype
        }  # fmt: skip
        if device.kind != "cpu":
            self.use(_torch_cuda().open_runner(self._forward, device))

    @classmethod
    def load(cls, artifact: Artifact, *, config: ModelConfig, device: Device, threads: int) -> Self:
        if device.kind != "cpu" and (problem := cls.cuda_problem(device.index)) is not None:
            raise ModelLoadError(f"{artifact.path}: {device} was asked for, but {problem}")
        opener = _open_script if artifact.format is ArtifactFormat.TORCHSCRIPT else _open_exported
        with open_verified(artifact) as verified:
            call, signature = opener(verified, config, device)
        try:
            return cls(call, signature=signature, device=device, threads=threads)
        except RuntimeError as error:  # of CUDA
            raise _refused(artifact.path, error, device) from error

    @classmethod
    def cuda_problem(cls, index: int = 0) -> str | None:
        problem: str | None = _torch_cuda().cuda_problem(index)
        return problem

    def compute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        self._set_threads()
        try:
            tensors = {spec.name: _to_tensor(inputs[spec.name]) for spec in self.signature.inputs}
            with torch.inference_mode():
                outputs = self._forward(tensors)
            return {name: _to_array(outputs[name]) for name in output_names}
        except LongshoreError:
            raise
        except Exception as error:  # whatever the model's own code raises
            raise self.failure(error) from error

    def failure(self, error: Exception) -> LongshoreError:
        """An index out of range, a token beyond the vocabulary, is the client's mistake."""
        text = plain(error)
        if isinstance(error, IndexError) or _INDEX_ERROR.search(text):
            return InvalidRequest(f"the model refuses its inputs: {text}")
        return super().failure(error)

    def close(self) -> None:
        del self._call
        super().close()

    def _forward(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """All outputs by name, of the types that the signature says."""
        arguments = [tensors[spec.name] for spec in self.signature.inputs]
        autocast = _AUTOCAST.get(self.device.options.precision)
        if self.device.kind == "cpu" or autocast is None:
            return _name_outputs(self._call(arguments), self.signature)
        # Casts kept from one pass to the next would be outside of a graph that was captured.
        with torch.autocast("cuda", autocast, cache_enabled=False):
            outputs = _name_outputs(self._call(arguments), self.signature)
        return {name: outputs[name].to(dtype) for name, dtype in self._output_dtypes.items()}

    def _set_threads(self) -> None:
        """The size of the OpenMP pool belongs to the thread that calls."""
        if not getattr(self._of_thread, "is_set", False):
            torch.set_num_threads(self._threads)
            self._of_thread.is_set = True


def _torch_cuda() -> Any:
    """Imported by those who ask for a GPU alone."""
    return importlib.import_module("longshore.backends.pytorch.cuda")


def _refused(path: Path, error: Exception, device: Device) -> ModelLoadError:
    return load_failure(path, error, f"torch {torch.__version__}: {plain(error)}", device)


def _open_exported(
    verified: VerifiedArtifact, config: ModelConfig, device: Device
) -> tuple[Callable[[list[Any]], Any], Signature]:
    path = verified.artifact.path
    with verified.open() as file:
        copy = safe_pt2(file, path=path)
    try:
        program = torch.export.load(copy)
        if device.kind != "cpu":
            program = move_to_device_pass(program, str(device))
        signature = _exported_signature(program, config)
        module = program.module()
        if device.kind != "cpu" and device.options.compiles:
            module = torch.compile(module)
    except Exception as error:  # the loader raises almost anything
        raise _refused(path, error, device) from error
    in_spec = program.call_spec.in_spec

    def call(tensors: list[Any]) -> Any:
        args, kwargs = pytree.tree_unflatten(tensors, in_spec)
        return module(*args, **kwargs)

    return call, signature


def _exported_signature(program: Any, config: ModelConfig) -> Signature:
    nodes = {node.name: node for node in program.graph.nodes}
    given = program.graph_signature
    inputs = tuple(_exported_spec(nodes.get(name), str(name)) for name in given.user_inputs)
    names = _output_names(program, config, count=len(given.user_outputs))
    outputs = tuple(
        _exported_spec(nodes.get(source), name)
        for source, name in zip(given.user_outputs, names, strict=True)
    )
    return Signature(inputs, outputs)


def _exported_spec(node: Any, name: str) -> TensorSpec:
    value = None if node is None else node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"'{name}' is not a tensor, and only plain tensors can be served")
    datatype = _DATATYPES.get(value.dtype)
    if datatype is None:
        raise ValueError(f"'{name}' is {value.dtype}, which the protocol cannot carry")
    return TensorSpec(name, datatype, tuple(d if isinstance(d, int) else -1 for d in value.shape))


def _output_names(program: Any, config: ModelConfig, *, count: int) -> tuple[str, ...]:
    """Those of the dictionary that the model returns, else of the config, else as Triton has it."""
    spec = program.call_spec.out_spec
    if spec.type is dict:
        return tuple(str(key) for key in spec.context)
    if not config.output:
        return tuple(f"OUTPUT__{index}" for index in range(count))
    if len(config.output) != count:
        raise ValueError(f"config.yaml: output has {len(config.output)}, the model {count}")
    return tuple(output.name for output in config.output)


def _open_script(
    verified: VerifiedArtifact, config: ModelConfig, device: Device
) -> tuple[Callable[[list[Any]], Any], Signature]:
    path = verified.artifact.path
    if device.kind != "cpu" and device.options.compiles:
        raise ModelLoadError(f"{path}: torch_compile: TorchScript cannot be compiled; use .pt2")
    if not config.input or not config.output:
        missing = "output" if config.input else "input"
        raise ModelLoadError(
            f"{path}: config.yaml: {missing}: missing; TorchScript does not say the types and "
            f"sizes of its tensors"
        )
    with verified.open() as file:
        check_torchscript(file, path=path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
            module = torch.jit.load(str(verified.path), map_location=str(device)).eval()
        arguments = module.forward.schema.arguments[1:]
    except Exception as error:  # the loader raises almost anything
        raise _refused(path, error, device) from error
    names = _argument_names(path, [argument.name for argument in arguments], config.input)

    def call(tensors: list[Any]) -> Any:
        return module(**dict(zip(names, tensors, strict=True)))

    return call, Signature(
        _configured(path, config.input, config), _configured(path, config.output, config)
    )


def _argument_names(path: Path, known: list[str], inputs: tuple[ModelInput, ...]) -> list[str]:
    """The argument for each configured input: by its name, or by the index in Triton's `X__0`."""
    names = []
    for given in inputs:
        index = given.name.rpartition("__")[2]
        if given.name in known:
            names.append(given.name)
        elif "__" in given.name and index.isdecimal() and int(index) < len(known):
            names.append(known[int(index)])
        else:
            raise ModelLoadError(
                f"{path}: config.yaml: input: found {given.name!r}, allowed: {', '.join(known)}"
            )
    return names


def _configured(
    path: Path, tensors: tuple[ModelInput, ...] | tuple[ModelOutput, ...], config: ModelConfig
) -> tuple[TensorSpec, ...]:
    batch = (-1,) if config.max_batch_size else ()
    for tensor in tensors:
        if tensor.data_type is Datatype.BYTES:
            raise ModelLoadError(f"{path}: '{tensor.name}' is BYTES, and torch has no text tensors")
    return tuple(TensorSpec(t.name, t.data_type, (*batch, *t.dims)) for t in tensors)


def _to_tensor(array: Array) -> Any:
    # torch has no read-only tensors and warns of them; a model may write to its inputs.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _to_array(tensor: Any) -> Array:
    if not isinstance(tensor, torch.Tensor):
        raise InferenceFailed(f"the model returned {type(tensor).__name__} where a tensor belongs")
    return np.asarray(tensor.numpy(force=True), order="C")


def _name_outputs(result: Any, signature: Signature) -> dict[str, Any]:
    if isinstance(result, dict):
        missing = [name for name in signature.output_names if name not in result]
        if missing:
            raise InferenceFailed(f"the model returned no '{missing[0]}', but {', '.join(result)}")
        return result
    values = pytree.tree_leaves(result)
    if len(values) != len(signature.outputs):
        raise InferenceFailed(
            f"the model returned {len(values)} tensors, its signature has {len(signature.outputs)}"
        )
    return dict(zip(signature.output_names, values, strict=True))
