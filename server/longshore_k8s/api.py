"""What the API server of a cluster is asked and says, without the library that asks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


class ClusterUnreachable(Exception):
    """Nobody answered where the API server should be."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API server said."""

    status: int
    body: bytes

    def json(self) -> Json:
        """Empty where it is no object."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}
