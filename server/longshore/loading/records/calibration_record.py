"""What one start learned of a model, in a form that the next one can read."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from longshore.backends.base import Backend, CudaOptions
from longshore.loading.plan import ExecutionPlan
from longshore.loading.proof.declared_padding import client_signature, declared_padding
from longshore.loading.proof.findings import Findings
from longshore.loading.proof.sample_inputs import (
    DIMENSION_CANDIDATES,
    INTEGER_BOUNDS,
    SampleMaker,
)
from longshore.loading.records import record_reader
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature


class CalibrationRecord(Struct, frozen=True):
    """Enough to serve the model again without trying it."""

    plan: ExecutionPlan
    dimension: int | None
    """These two are `SampleMaker`'s; `None` where no random input works."""
    integer_bound: int | None
    padded_outputs: tuple[tuple[str, int, str, int], ...] | None
    """The output axes that follow an input's, by name and index; `None` without proven padding."""
    device_name: str
    """What was measured on one GPU holds for no other; empty for the CPU."""
    cuda: CudaOptions
    """Those that were kept."""

    @classmethod
    def of(cls, plan: ExecutionPlan, findings: Findings, backend: Backend) -> CalibrationRecord:
        """`backend` is one that the plan will run on."""
        sample = findings.sample if isinstance(findings.sample, SampleMaker) else None
        padding = findings.padding
        return cls(
            plan,
            None if sample is None else sample.dimension,
            None if sample is None else sample.integer_bound,
            None if padding is None else tuple((*to, *of) for to, of in padding.outputs.items()),
            device_name(backend),
            backend.device.options,
        )

    @property
    def is_whole(self) -> bool:
        """Whether a later start can do without trying and measuring."""
        parts = (self.dimension, self.integer_bound, self.plan.cost)
        return all(part is not None for part in parts)

    def findings(self, config: ModelConfig, signature: Signature) -> Findings:
        """As they were when the record was made; `signature` has the masks.

        Raises:
            ValueError: padded axes that this model has not.
        """
        declared = declared_padding(config, signature)
        clients = client_signature(signature, declared)
        padding = None
        if declared is not None and self.padded_outputs is not None:
            outputs = {(name, axis): (of, at) for name, axis, of, at in self.padded_outputs}
            padding = replace(declared, outputs=outputs)
            for (name, axis), source in outputs.items():
                spec = signature.output_by_name.get(name)
                if spec is None or axis >= len(spec.shape) or source not in declared.inputs:
                    raise ValueError(f"padded_outputs: the model has no such axis of '{name}'")
        sample = None
        if self.dimension is not None and self.integer_bound is not None:
            sample = SampleMaker(clients, self.dimension, self.integer_bound)
        return Findings(sample, declared, self.plan.is_batched, padding)

    def to_json(self) -> str:
        return json.dumps(self.to_content())

    def to_content(self) -> dict[str, Any]:
        """As JSON has it."""
        content: dict[str, Any] = to_builtins(self)
        return content

    @classmethod
    def from_json(cls, text: str) -> CalibrationRecord:
        """Raises ValueError when it is none: a key, a type or a value that no start writes."""
        return cls.of_content(json.loads(text))

    @classmethod
    def of_content(cls, document: object) -> CalibrationRecord:
        """The same of what is read from JSON already, and of a record that is whole."""
        record = cls.of_partial(document)
        if not record.is_whole:
            raise ValueError("cost, dimension or integer_bound: missing")
        return record

    @classmethod
    def of_partial(cls, document: object) -> CalibrationRecord:
        """The same of one that need not be whole."""
        content = record_reader.Section(document, cls.__struct_fields__)
        outputs = content.raw("padded_outputs")
        return cls(
            plan=record_reader.read_plan(content.raw("plan")),
            dimension=_choice(content, "dimension", DIMENSION_CANDIDATES),
            integer_bound=_choice(content, "integer_bound", INTEGER_BOUNDS),
            padded_outputs=None
            if outputs is None
            else record_reader.read_axes(content.items("padded_outputs")),
            device_name=content.text("device_name"),
            cuda=record_reader.read_cuda(content.raw("cuda")),
        )


def _choice(content: record_reader.Section, key: str, allowed: tuple[int, ...]) -> int | None:
    return None if content.raw(key) is None else int(content.choice(key, allowed))


def device_name(backend: Backend) -> str:
    identity = backend.device_identity()
    return "" if identity is None else identity.name
