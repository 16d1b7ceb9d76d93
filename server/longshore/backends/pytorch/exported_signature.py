"""What an exported program says of its inputs and outputs, flattened by its own tree specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.utils import _pytree as pytree

from longshore.backends.pytorch.structure import argument_names, has_names, result_names
from longshore.backends.pytorch.tensors import UnservableTensor, shown_value, tensor_spec
from longshore.repository.model_config import ModelConfig
from longshore.tensors import LeftOut, TensorSpec


class ExportedInputs:
    """The tensors that `forward` takes, and the constants that the export fixed.

    Raises:
        ValueError: an input that cannot be served.
    """

    def __init__(self, exported: Any, config: ModelConfig) -> None:
        self.specs: list[TensorSpec] = []
        self.left_out: list[LeftOut] = []
        self._in_spec = exported.call_spec.in_spec
        self._leaves: list[Any] = []
        self._places: list[tuple[int, str]] = []
        given = exported.graph_signature.input_specs
        parts = [spec.arg for spec in given if spec.kind is InputKind.USER_INPUT]
        values = _values(exported)
        names = _input_names(exported, [part.name for part in parts], config)
        for name, part in zip(names, parts, strict=True):
            if isinstance(part, ConstantArgument):
                self._fix(name, part.value)
            else:
                self._take(name, values.get(part.name))

    def arguments(self, tensors: Mapping[str, Any]) -> Any:
        """The positional and the keyword arguments of the module."""
        leaves = self._leaves.copy()
        for index, name in self._places:
            leaves[index] = tensors[name]
        return pytree.tree_unflatten(leaves, self._in_spec)

    def _fix(self, name: str, value: Any) -> None:
        self._leaves.append(value)
        reason = (
            f"was {shown_value(value)} when the model was exported, and stays so; "
            "to send it, export the model with a tensor for it"
        )
        self.left_out.append(LeftOut("input", name, reason))

    def _take(self, name: str, value: Any) -> None:
        self._places.append((len(self._leaves), name))
        self._leaves.append(None)
        try:
            self.specs.append(tensor_spec(name, value))
        except UnservableTensor as error:
            raise ValueError(f"input '{name}' {error}") from error


class ExportedOutputs:
    """Those parts of what the model returns that can be served.

    Raises:
        ValueError: there are none, or the config names another number of them.
    """

    def __init__(self, exported: Any, config: ModelConfig) -> None:
        self.specs: list[TensorSpec] = []
        self.left_out: list[LeftOut] = []
        self._indices: list[int] = []
        given = exported.graph_signature.output_specs
        parts = [spec.arg for spec in given if spec.kind is OutputKind.USER_OUTPUT]
        values = _values(exported)
        result = _numbered(exported.call_spec.out_spec)
        for index, (name, part) in enumerate(zip(result_names(result), parts, strict=True)):
            is_fixed = isinstance(part, ConstantArgument)
            self._take(index, name, part.value if is_fixed else values.get(part.name))
        if not self.specs:
            raise ValueError(f"no output can be served: {'; '.join(map(str, self.left_out))}")
        if not has_names(result):
            self._rename([output.name for output in config.output])
        self._by_name = {
            spec.name: index for spec, index in zip(self.specs, self._indices, strict=True)
        }
        self._is_plain = type(result) is dict and list(result) == list(self._by_name)

    def read(self, result: Any) -> dict[str, Any]:
        """The tensors by name of what the module returned."""
        if self._is_plain:
            return result  # type: ignore[no-any-return]
        leaves = pytree.tree_leaves(result)
        return {name: leaves[index] for name, index in self._by_name.items()}

    def _take(self, index: int, name: str, value: Any) -> None:
        try:
            self.specs.append(tensor_spec(name, value))
            self._indices.append(index)
        except UnservableTensor as error:
            self.left_out.append(LeftOut("output", name, str(error)))

    def _rename(self, names: list[str]) -> None:
        """By order, as the config has it, where the model itself has no names."""
        if set(names) <= {spec.name for spec in self.specs}:
            return
        if len(names) != len(self.specs):
            raise ValueError(f"config.yaml: output has {len(names)}, the model {len(self.specs)}")
        self.specs = [
            replace(spec, name=name) for spec, name in zip(self.specs, names, strict=True)
        ]


def _input_names(exported: Any, placeholders: list[str], config: ModelConfig) -> list[str]:
    """By the structure of the arguments, or by the names in the graph where the config has those
    or the archive does not say how the arguments are called.
    """
    parameters = exported.module_call_graph[0].signature.forward_arg_names
    if not parameters:
        return placeholders
    names = argument_names(exported.call_spec.in_spec, parameters)
    declared = {tensor.name for tensor in config.input} - set(names)
    return [
        placeholder if placeholder in declared else name
        for name, placeholder in zip(names, placeholders, strict=True)
    ]


def _numbered(spec: pytree.TreeSpec) -> Any:
    """A structure like that of `spec` with numbers as leaves."""
    return pytree.tree_unflatten(range(spec.num_leaves), spec)


def _values(exported: Any) -> dict[str, Any]:
    """What the graph says of its values, by name; tensors are without data."""
    return {node.name: node.meta.get("val") for node in exported.graph.nodes}
