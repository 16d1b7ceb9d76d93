"""What the pods of a model are made of: values of the chart, and a version of the model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self

from longshore_k8s.api import Json


@dataclass(frozen=True, slots=True)
class Aim:
    """What a spec asks for, or what serves."""

    values: Json
    """Of the chart, without the version."""
    version: int | None = None
    """`None`: the values alone say what is served."""
    digest: str = ""
    """SHA-256 of the version's manifest, in hexadecimal; empty: it is not compared."""

    @classmethod
    def from_json(cls, document: Json) -> Self:
        return cls(
            document.get("values") or {}, document.get("version"), document.get("digest") or ""
        )

    def to_json(self) -> Json:
        document: Json = {"values": self.values}
        if self.version is not None:
            document["version"] = self.version
        return {**document, "digest": self.digest} if self.digest else document

    @property
    def chart_values(self) -> Json:
        """With the version where the chart has it."""
        if self.version is None:
            return self.values
        model = {**(self.values.get("model") or {}), "version": self.version}
        return {**self.values, "model": model}

    @property
    def model_path(self) -> str:
        """Of the model's directory in a pod, as the chart has it."""
        path = str((self.values.get("model") or {}).get("path") or "").strip("/")
        return f"/models/{path}".removesuffix("/")


def digest_of(document: Any) -> str:
    """Short, and the same for equal documents."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
