"""Guessing, by trial, which inputs a TorchScript module takes whose config does not say it.

The names are those of `forward`. Types and shapes are tried: first such as fit the module's weights
(what a linear layer, a convolution or an embedding takes), then common ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import torch
from msgspec.structs import replace

from longshore.backends.draft import InputDraft
from longshore.backends.pytorch.script_arguments import ScriptArguments, declarable
from longshore.backends.pytorch.tensors import DATATYPES
from longshore.backends.pytorch.torchscript import configured
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Datatype, TensorSpec

MOST_TRIALS = 400
MOST_SECONDS = 30.0
_SIDES = (224, 32, 64, 28, 8, 16, 96, 128, 256, 299, 384, 512)
_LENGTH = 16
_COMMON = (
    (Datatype.FP32, (_LENGTH,)),
    (Datatype.INT64, (_LENGTH,)),
    (Datatype.FP32, (3, 224, 224)),
    (Datatype.FP32, (1, 28, 28)),
    (Datatype.FP32, (_LENGTH, _LENGTH)),
    (Datatype.FP32, ()),
)

Run = Callable[[Sequence[TensorSpec]], bool]
Form = tuple[Datatype, tuple[int, ...]]
"""Type and sizes without the batch axis."""


def draft_inputs(module: Any, config: ModelConfig) -> InputDraft | None:
    """Guess at the inputs of `module`, first with those that `config` declares as they are; `None`
    where `forward` has arguments that no config can provide for.
    """
    required, optional = declarable(module)
    arguments = ScriptArguments(module, required)
    if arguments.faults:
        return None
    deadline = time.monotonic() + MOST_SECONDS

    def run(specs: Sequence[TensorSpec]) -> bool:
        if time.monotonic() > deadline:
            return False
        try:
            with torch.inference_mode():
                module(**arguments.build({spec.name: _sample(spec) for spec in specs}))
        except Exception:  # whatever the model's own code raises
            return False
        return True

    forms = _forms(_weight_shapes(module))
    declared = {spec.name: spec for spec in configured(config.input, config)}
    for known in (declared, {}) if declared else ({},):
        trials = islice(_trials(required, known, forms), MOST_TRIALS)
        found = next((specs for specs in trials if run(specs)), None)
        if found is not None:
            wide = _widened(run, found, [name for name in required if name not in known])
            return InputDraft(required, optional, (_declared(wide, known), _declared(found, known)))
    return InputDraft(required, optional, ())


def _trials(
    names: Sequence[str], declared: Mapping[str, TensorSpec], forms: Sequence[Form]
) -> Iterator[tuple[TensorSpec, ...]]:
    """All inputs alike first, then every mixture; two rows first, then one."""
    mixtures = product(forms, repeat=len(names)) if len(names) > 1 else ()
    for rows in (2, 1):
        for mixture in (*([form] * len(names) for form in forms), *islice(mixtures, MOST_TRIALS)):
            pairs = zip(names, mixture, strict=True)
            yield tuple(
                _with_rows(declared[name], rows) if name in declared else _spec(name, form, rows)
                for name, form in pairs
            )


def _declared(
    specs: Sequence[TensorSpec], declared: Mapping[str, TensorSpec]
) -> tuple[TensorSpec, ...]:
    return tuple(declared.get(spec.name, spec) for spec in specs)


def _with_rows(spec: TensorSpec, rows: int) -> TensorSpec:
    shape = (rows if axis == 0 and size == -1 else size for axis, size in enumerate(spec.shape))
    return replace(spec, shape=tuple(shape))


def _spec(name: str, form: Form, rows: int) -> TensorSpec:
    return TensorSpec(name, form[0], (rows, *form[1]))


def _forms(weights: Sequence[tuple[int, ...]]) -> list[Form]:
    forms: dict[Form, None] = {}
    for weight in weights:
        forms |= dict.fromkeys(_forms_for(weight))
    return [*forms, *(form for form in _COMMON if form not in forms)]


def _forms_for(weight: tuple[int, ...]) -> list[Form]:
    """What a layer with such a weight takes: (out, in) of a linear layer or (count, size) of an
    embedding, (out, in, ...) of a convolution.
    """
    width = weight[1]
    if len(weight) == 2:
        floats = [(Datatype.FP32, (width,)), (Datatype.FP32, (_LENGTH, width))]
        return [*floats, (Datatype.INT64, (_LENGTH,)), (Datatype.INT64, ())]
    axes = len(weight) - 2
    return [(Datatype.FP32, (width, *[side] * axes)) for side in _SIDES[: 1 if axes > 2 else None]]


def _weight_shapes(module: Any) -> list[tuple[int, ...]]:
    """Of the first few layers of each kind; a frozen module has its weights in its graph."""
    tensors = [*module.parameters()] or _constants(module)
    shapes = dict.fromkeys(tuple(tensor.shape) for tensor in tensors)
    return [shape for shape in shapes if 2 <= len(shape) <= 5][:6]


def _constants(module: Any) -> list[Any]:
    nodes = module.graph.findAllNodes("prim::Constant")
    held = [n for n in nodes if "value" in n.attributeNames() and n.kindOf("value") == "t"]
    return [node.t("value") for node in reversed(held)]


def _widened(
    run: Run, specs: tuple[TensorSpec, ...], free: Sequence[str]
) -> tuple[TensorSpec, ...]:
    """-1 for every size of the inputs `free` that the model also takes larger."""
    wide = {spec.name: list(spec.shape) for spec in specs}
    for axis in range(max((len(spec.shape) for spec in specs), default=0)):
        together = [spec.name for spec in specs if spec.name in free and len(spec.shape) > axis]
        for names in (together, *([name] for name in together if len(together) > 1)):
            if any(run([_larger(s, axis, names, grow) for s in specs]) for grow in (_add, _double)):
                for name in names:
                    wide[name][axis] = -1
    return tuple(replace(spec, shape=tuple(wide[spec.name])) for spec in specs)


def _add(size: int) -> int:
    return size + 1


def _double(size: int) -> int:
    return 2 * size


def _larger(
    spec: TensorSpec, axis: int, names: Sequence[str], grow: Callable[[int], int]
) -> TensorSpec:
    if spec.name not in names:
        return spec
    shape = (*spec.shape[:axis], grow(spec.shape[axis]), *spec.shape[axis + 1 :])
    return replace(spec, shape=shape)


def _sample(spec: TensorSpec) -> Any:
    """Floats from 0 to 1; integers of 0 and 1, which are indices into any table."""
    generator = torch.Generator().manual_seed(0)
    dtype = next(dtype for dtype, datatype in DATATYPES.items() if datatype is spec.datatype)
    shape = [_LENGTH if size == -1 else size for size in spec.shape]
    if dtype.is_floating_point:
        return torch.rand(shape, generator=generator).to(dtype)
    return torch.randint(0, 2, shape, generator=generator).to(dtype)
