"""Whether a version can be served, found out on the CPU without measuring it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from longshore.backends.base import Device
from longshore.backends.registry import create_backend
from longshore.loading.budget import Budget
from longshore.loading.load_options import LoadOptions
from longshore.loading.proof.declared_signature import declared_signature
from longshore.loading.proof.discovery import Discovery
from longshore.loading.proof.learned_outputs import learn_outputs
from longshore.repository.artifact import Artifact
from longshore.repository.integrity import open_verified
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature


class TriedOut(Struct, frozen=True):
    """A version that loads."""

    signature: Signature
    """With what is left out."""
    run_problem: str
    """Why it has not been seen to run, in a sentence; empty when it has."""


def try_out(artifact: Artifact, config: ModelConfig) -> TriedOut:
    """Load a version as `load_model` would, and run it once.

    Raises:
        ModelLoadError, ModelConfigError: as `load_model`.
    """
    budget = Budget(LoadOptions(cpus=1).calibration_budget_seconds)
    with open_verified(artifact) as verified:
        config, left_out = learn_outputs(verified, config, threads=1, budget=budget)
        backend = create_backend(verified, config=config, device=Device("cpu"), threads=1)
        try:
            signature = declared_signature(config, backend.signature)
            discovery = Discovery(verified, config, signature, budget=budget, is_forbidden=True)
            findings = discovery.see_it_run(discovery.trial(backend), open_on_cpu=lambda: backend)
        finally:
            backend.close()
    signature = replace(signature, left_out=(*signature.left_out, *left_out))
    return TriedOut(signature, findings.run_problem)
