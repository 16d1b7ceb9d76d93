"""`version_policy`; `repository.version_policy` applies it."""

from __future__ import annotations

from longshore.repository.config_node import ConfigNode
from longshore.repository.model_config import VersionPolicy

KEYS = ("latest", "all", "specific")


def read(node: ConfigNode | None) -> VersionPolicy:
    if node is None:
        return VersionPolicy()
    keys = node.section(KEYS)
    if len(keys) != 1:
        raise node.unexpected(f"one of {', '.join(KEYS)}")
    if "all" in keys:
        keys["all"].section(())
        return VersionPolicy(kind="all")
    if "latest" in keys:
        count = keys["latest"].section(("num_versions",)).get("num_versions")
        return VersionPolicy(num_versions=1 if count is None else count.integer(minimum=1))
    versions = keys["specific"].section(("versions",))
    listed = keys["specific"].required(versions, "versions").ascending()
    if not listed:
        raise versions["versions"].unexpected("at least one version")
    return VersionPolicy(kind="specific", versions=listed)
