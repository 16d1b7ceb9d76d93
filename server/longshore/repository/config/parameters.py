"""`parameters`: free-form; Triton's `{key: {string_value: "..."}}` and `{key: "..."}` mean the
same.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from longshore.repository.config_node import ConfigNode

BATCHING = ("proven", "vouched", "forbidden")
STARTUP = ("proven", "vouched")


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
    return cast("Literal['proven', 'vouched', 'forbidden']", _choice(node, "batching", BATCHING))


def read_startup(node: ConfigNode | None) -> Literal["proven", "vouched"]:
    return cast("Literal['proven', 'vouched']", _choice(node, "startup", STARTUP))


def _choice(node: ConfigNode | None, key: str, allowed: tuple[str, ...]) -> str:
    """One of the parameters that this server reads itself; the first allowed is the default."""
    found = None if node is None else node.entries().get(key)
    return allowed[0] if found is None else _unwrapped(found).choice(allowed)


def _unwrapped(node: ConfigNode) -> ConfigNode:
    if isinstance(node.value, dict) and set(node.value) == {"string_value"}:
        return node.entries()["string_value"]
    return node
