"""`padding` of an input: a section of this server alone, not of Triton's."""

from __future__ import annotations

from longshore.repository.config_node import ConfigNode
from longshore.repository.model_config import Padding

KEYS = ("value", "buckets", "mask")
_AXES = frozenset(str(axis) for axis in range(64))


def read(node: ConfigNode | None, *, dims: tuple[int, ...], own_name: str) -> dict[int, Padding]:
    """By index in `dims`; `own_name` is the input's."""
    if node is None:
        return {}
    padding = {}
    for key, child in node.entries().items():
        axis = int(key) if isinstance(key, str) and key in _AXES else key
        variable = [index for index, size in enumerate(dims) if size == -1]
        if isinstance(axis, bool) or axis not in variable:
            allowed = ", ".join(str(index) for index in variable)
            raise child.error(
                f"not a dimension of `dims` that varies; those that do: {allowed or 'none'}"
            )
        padding[axis] = _of_axis(child, own_name)
    return padding


def _of_axis(node: ConfigNode, own_name: str) -> Padding:
    keys = node.section(KEYS)
    mask = keys["mask"].text() if "mask" in keys else None
    if mask == own_name:
        raise keys["mask"].unexpected("the name of another input")
    return Padding(
        value=keys["value"].number() if "value" in keys else 0.0,
        buckets=keys["buckets"].ascending() if "buckets" in keys else (),
        mask=mask,
    )
