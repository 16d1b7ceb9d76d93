"""`parameters`: free-form; Triton's `{key: {string_value: "..."}}` and `{key: "..."}` mean the
same.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from longshore.repository.config_node import ConfigNode

BATCHING = ("proven", "vouched", "forbidden")


def read(node: ConfigNode | None) -> dict[str, Any]:
    if node is None:
        return {}
    parameters = {}
    for key, child in node.entries().items():
        if not isinstance(key, str):
            raise child.error("found a key that is not text, allowed: text")
        parameters[key] = _unwrapped(child).value
    return parameters


def read_batching(node: ConfigNode | None) -> Literal["proven", "vouched", "forbidden"]:
    """The one parameter that this server reads itself."""
    batching = None if node is None else node.entries().get("batching")
    if batching is None:
        return "proven"
    return cast("Literal['proven', 'vouched', 'forbidden']", _unwrapped(batching).choice(BATCHING))


def _unwrapped(node: ConfigNode) -> ConfigNode:
    if isinstance(node.value, dict) and set(node.value) == {"string_value"}:
        return node.entries()["string_value"]
    return node
