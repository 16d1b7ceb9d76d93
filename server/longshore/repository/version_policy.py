"""Which directories are versions, and which of them a model serves.

Triton's rules: a version directory is named with a number that does not start with 0
(https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_repository.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from longshore.repository.model_config import VersionPolicy

_VERSION = re.compile(r"[1-9][0-9]{0,18}")
_ALMOST_VERSION = re.compile(r"[vV]?[0-9].*", re.DOTALL)


def is_version(name: str) -> bool:
    return _VERSION.fullmatch(name) is not None


def is_almost_version(name: str) -> bool:
    """Whether someone who named a directory so probably meant a version: `v3`, `01`, `2.tmp`."""
    return not is_version(name) and _ALMOST_VERSION.fullmatch(name) is not None


def candidates(policy: VersionPolicy, versions: Iterable[str]) -> list[str]:
    """The versions that the policy could serve, newest first; of `latest` n those are all, because
    the next is served in place of a broken one.
    """
    listed = {str(version) for version in policy.versions}
    return sorted(
        (version for version in versions if policy.kind != "specific" or version in listed),
        key=int,
        reverse=True,
    )


def limit(policy: VersionPolicy) -> int | None:
    """How many versions are served at most; `None` for no bound."""
    return policy.num_versions if policy.kind == "latest" else None


def missing(policy: VersionPolicy, versions: Iterable[str]) -> list[str]:
    """Versions that a `specific` policy names and that are not there."""
    present = set(versions)
    return [str(version) for version in policy.versions if str(version) not in present]
