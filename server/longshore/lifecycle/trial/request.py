"""What a trial is told by the process that starts it: pickled, from parent to child alone."""

from __future__ import annotations

from msgspec import Struct

from longshore.loading.load_options import LoadOptions
from longshore.loading.plan import ExecutionPlan
from longshore.repository.artifact import Artifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature


class ServingPlan(Struct, frozen=True):
    """That of the version which clients use meanwhile."""

    version: str
    signature: Signature
    plan: ExecutionPlan
    options: LoadOptions
    """With what its config pins."""


class TrialRequest(Struct, frozen=True):
    """A version to try, as `load_model` would load it."""

    artifact: Artifact
    config: ModelConfig
    options: LoadOptions
    serving: ServingPlan | None = None
    """Where something was executed of it: beside work nothing can be measured."""
