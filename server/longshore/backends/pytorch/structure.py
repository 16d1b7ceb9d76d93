"""Names for the parts of nested arguments and results, as torch's own pytree flattens them.

The name of a part is its path: `hidden.0` is the first tensor of what the model returns as
`hidden`. A result without names at the top is `OUTPUT__0`, `OUTPUT__1`, ..., as in Triton's PyTorch
backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from longshore.errors import ModelDefect

Path = tuple[Any, ...]
"""Of pytree's keys, from the outermost container to a part."""


def result_names(result: Any) -> list[str]:
    """The name of every leaf of what a model returns, in the order of pytree.

    Raises:
        ValueError: two parts have the same name.
    """
    names = [_result_name(path) for path, _ in _leaves_with_path(result)]
    return _unique(names, "outputs")


def argument_names(in_spec: pytree.TreeSpec, parameters: Sequence[str]) -> list[str]:
    """The name of every leaf of `(args, kwargs)`; `parameters` are those of `forward`, in order.

    Raises:
        ValueError: two parts have the same name.
    """
    tree = pytree.tree_unflatten(range(in_spec.num_leaves), in_spec)
    names = []
    for path, _ in _leaves_with_path(tree):
        kind, key, *rest = (_key(part) for part in path)
        names.append(".".join([parameters[int(key)] if kind == "0" else key, *rest]))
    return _unique(names, "inputs")


def named_parts(result: Any) -> dict[str, Any]:
    """Every leaf of what a model returns, by its name.

    Raises:
        ValueError: two parts have the same name.
    """
    return dict(zip(result_names(result), pytree.tree_leaves(result), strict=True))


def has_names(result: Any) -> bool:
    """Whether a result names its parts at the top: a dictionary, a dataclass or a NamedTuple."""
    return any(
        not isinstance(path[0], pytree.SequenceKey) for path, _ in _leaves_with_path(result) if path
    )


class ResultReader:
    """Reads the tensors of `names` out of what a model returns.

    Names are looked up once for each structure that a model returns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._wanted = frozenset(names)
        self._lone = self._names[0] if len(self._names) == 1 else None
        self._known: tuple[object, Mapping[str, int]] = (None, {})

    def read(self, result: Any) -> dict[str, Any]:
        """The parts of `result` by name; it may have more.

        Raises:
            ModelDefect: it does not hold them.
        """
        if self._lone is not None and isinstance(result, torch.Tensor):
            return {self._lone: result}
        if type(result) is dict and result.keys() >= self._wanted:
            return {name: result[name] for name in self._names}
        structure: object
        if type(result) is tuple and all(isinstance(part, torch.Tensor) for part in result):
            leaves, structure = result, len(result)
        else:
            leaves, structure = pytree.tree_flatten(result)
        known, indices = self._known
        if known != structure:
            indices = find_by_name_or_order(result, self._names)
            self._known = (structure, indices)
        return {name: leaves[index] for name, index in indices.items()}


def find_by_name_or_order(result: Any, names: Sequence[str]) -> dict[str, int]:
    """The index of the leaf for each of `names`: by name where the result has them all, else, in a
    result without names at the top, by the order of its tensors.

    Raises:
        ModelDefect: neither is possible.
    """
    leaves = pytree.tree_leaves(result)
    try:
        known = {name: index for index, name in enumerate(result_names(result))}
    except ValueError as error:
        raise ModelDefect(f"the model's result cannot be told apart: {error}") from error
    missing = [name for name in names if name not in known]
    if not missing:
        return {name: known[name] for name in names}
    if has_names(result):
        raise ModelDefect(f"the model returned no '{missing[0]}', but {', '.join(known)}")
    tensors = [index for index, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    if len(tensors) == len(names):
        return dict(zip(names, tensors, strict=True))
    others = [leaf for leaf in leaves if not isinstance(leaf, torch.Tensor) and leaf is not None]
    if others and len(tensors) < len(names):
        kind = type(others[0]).__name__
        raise ModelDefect(f"the model returned {kind} where a tensor belongs")
    raise ModelDefect(f"the model returned {len(tensors)} tensors, its signature has {len(names)}")


def _leaves_with_path(tree: Any) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = pytree.tree_flatten_with_path(tree)[0]
    return found


def _result_name(path: Path) -> str:
    if not path:
        return "OUTPUT__0"
    first, *rest = (_key(part) for part in path)
    if isinstance(path[0], pytree.SequenceKey):
        first = f"OUTPUT__{first}"
    return ".".join([first, *rest])


def _key(part: Any) -> str:
    if isinstance(part, pytree.SequenceKey):
        return str(part.idx)
    return str(part.key if isinstance(part, pytree.MappingKey) else part.name)


def _unique(names: list[str], what: str) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two {what} are called '{name}'; rename one of them in the model")
    return names
