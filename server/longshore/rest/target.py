"""The paths of inference: protocol, model and version."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from longshore.rest.wire import V1, V2, Protocol

PREDICT = ":predict"


class Target(NamedTuple):
    """A protocol and a model; `version` where the path names one."""

    protocol: Protocol
    name: str
    version: str | None


@lru_cache(maxsize=128)
def parse_target(path: str) -> Target | None:
    """`/v2/models/{name}[/versions/{version}]/infer` or `/v1/models/{name}[...]:predict`.

    Cached: it is called for every request, and nearly all have the same path.
    """
    parts = path.split("/")
    if len(parts) < 4 or parts[2] != "models":
        return None
    protocol = V2
    if parts[1] == "v1":
        protocol = V1
        if not parts[-1].endswith(PREDICT):
            return None
        parts[-1] = parts[-1].removesuffix(PREDICT)
    elif parts[1] != "v2" or parts.pop() != "infer":
        return None
    if len(parts) == 4:
        return Target(protocol, parts[3], None)
    if len(parts) == 6 and parts[4] == "versions":
        return Target(protocol, parts[3], parts[5])
    return None
