"""The custom resource `LongshoreModel`, as the controller reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from longshore_k8s.api import Json
from longshore_k8s.controller.aim import Aim, digest_of
from longshore_k8s.controller.rollout_spec import RolloutSpec, ValidationSpec

GROUP, VERSION, KIND, PLURAL = "longshore.dev", "v1alpha1", "LongshoreModel", "longshoremodels"
API_VERSION = f"{GROUP}/{VERSION}"
MODEL_LABEL = f"{GROUP}/model"
"""On every object of a resource: the resource's name."""

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a resource."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was applied, as the inventory in the status holds it."""

    digest: str
    """Of the object as the chart rendered it."""
    fields: str
    """Of the set of fields that belonged to the controller afterwards."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One `LongshoreModel`."""

    document: Json
    """As the API server has it, without `managedFields`."""

    @classmethod
    def read(cls, document: Json) -> Resource:
        metadata = {k: v for k, v in document["metadata"].items() if k != "managedFields"}
        return cls({**document, "metadata": metadata})

    @property
    def key(self) -> Key:
        return self._metadata["namespace"], self._metadata["name"]

    @property
    def name(self) -> str:
        return str(self._metadata["name"])

    @property
    def namespace(self) -> str:
        return str(self._metadata["namespace"])

    @property
    def uid(self) -> str:
        return str(self._metadata["uid"])

    @property
    def version(self) -> str:
        """Its resourceVersion."""
        return str(self._metadata["resourceVersion"])

    @property
    def generation(self) -> int:
        return int(self._metadata.get("generation", 0))

    @property
    def is_deleting(self) -> bool:
        return "deletionTimestamp" in self._metadata

    @property
    def values(self) -> Json:
        """The chart's values, as far as they differ from its defaults."""
        return self._spec.get("values") or {}

    @property
    def aim(self) -> Aim:
        """What its pods are to be made of."""
        return Aim.from_json(self._spec)

    @property
    def aim_hash(self) -> str:
        """Of all that a candidate has to fulfil before it has traffic."""
        return digest_of([self.aim.to_json(), self._spec.get("validation") or {}])

    @property
    def asks_hash(self) -> str:
        """Of what a candidate has to fulfil, without the values: those count by the pods that they
        make."""
        aim = self.aim
        return digest_of([aim.version, aim.digest, self._spec.get("validation") or {}])

    @property
    def is_guarded(self) -> bool:
        """Whether what changes its pods has to prove itself first."""
        return self.aim.version is not None

    @property
    def rollout_spec(self) -> RolloutSpec:
        return RolloutSpec.from_json(self._spec.get("rollout") or {})

    @property
    def validation_spec(self) -> ValidationSpec:
        return ValidationSpec.from_json(self._spec.get("validation") or {})

    @property
    def stable(self) -> Aim | None:
        """What serves, as far as it is known."""
        document = self.status.get("stable")
        return Aim.from_json(document) if document else None

    @property
    def rollout(self) -> Json:
        """How far the candidate is; empty where there is none."""
        return self.status.get("rollout") or {}

    @property
    def rejected(self) -> Json:
        """What is not tried again."""
        return self.status.get("rejected") or {}

    @property
    def is_paused(self) -> bool:
        return bool(self._spec.get("paused"))

    @property
    def adopts_release(self) -> bool:
        """Whether objects of the Helm release of the same name may be taken over."""
        return bool(self._spec.get("adoptRelease"))

    @property
    def status(self) -> Json:
        return self.document.get("status") or {}

    @property
    def inventory(self) -> Mapping[tuple[str, str], Record]:
        """What was applied, by kind and name."""
        entries = self.status.get("inventory") or ()
        return {(e["kind"], e["name"]): Record(e["digest"], e["fields"]) for e in entries}

    @property
    def owner_reference(self) -> Json:
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
        }

    @property
    def _metadata(self) -> Json:
        metadata: Json = self.document["metadata"]
        return metadata

    @property
    def _spec(self) -> Json:
        return self.document.get("spec") or {}
