"""What a trial in another process found out, in a form that the process that serves can read.

The other process ran what lies on the volume: nothing is believed that a load could not have found.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from longshore.backends.base import Backend
from longshore.loading.plan import ExecutionPlan
from longshore.loading.proof.findings import Findings
from longshore.loading.records.calibration_record import CalibrationRecord
from longshore.loading.records.record_reader import Section
from longshore.repository.integrity import Seen, VerifiedArtifact
from longshore.repository.model_config import ModelConfig, ModelOutput
from longshore.tensors import Datatype, LeftOut

_KEYS = ("record", "source", "is_kept", "run_problem", "outputs", "left_out", "seen")
SOURCES = ("measured", "inherited", "cached", "recorded")


class _Load(Protocol):
    verified: VerifiedArtifact
    config: ModelConfig
    left_out: tuple[LeftOut, ...]
    record: CalibrationRecord | None
    findings: Findings


class TrialFindings(Struct, frozen=True):
    """Enough to load the version without trying it."""

    record: CalibrationRecord
    is_kept: bool
    """Whether later starts may believe it."""
    run_problem: str
    """Why the version has not been seen to run, in a sentence; empty when it has."""
    outputs: tuple[ModelOutput, ...]
    """Those of the config, learned ones included."""
    left_out: tuple[LeftOut, ...]
    seen: Seen

    @classmethod
    def of(cls, load: _Load, plan: ExecutionPlan, backend: Backend) -> TrialFindings:
        """`load` has ended with `plan`, to be run on `backend` and others like it."""
        return cls(
            CalibrationRecord.of(plan, load.findings, backend),
            load.record is not None,
            load.findings.run_problem,
            load.config.output,
            load.left_out,
            load.verified.seen,
        )

    def to_content(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "record": self.record.to_content(),
            "source": self.record.plan.source,
            "is_kept": self.is_kept,
            "run_problem": self.run_problem,
            "outputs": [[o.name, str(o.data_type), list(o.dims)] for o in self.outputs],
            "left_out": [[part.kind, part.name, part.reason] for part in self.left_out],
            "seen": self.seen.to_content(),
        }

    @classmethod
    def of_content(cls, document: object) -> TrialFindings:
        """Raises ValueError when it is none."""
        content = Section(document, _KEYS)
        record = CalibrationRecord.of_partial(content.raw("record"))
        source = content.choice("source", SOURCES)
        return cls(
            replace(record, plan=replace(record.plan, source=source)),
            content.flag("is_kept"),
            content.text("run_problem"),
            tuple(_output(row) for row in content.items("outputs")),
            tuple(_left_out(row) for row in content.items("left_out")),
            Seen.of_content(content.raw("seen")),
        )


def _output(row: object) -> ModelOutput:
    match row:
        case [str(name), str(datatype), list(dims)] if datatype in Datatype.__members__:
            if all(type(size) is int and size >= -1 for size in dims):
                return ModelOutput(name, Datatype[datatype], tuple(dims))
    raise ValueError("outputs: not name, datatype and sizes")


def _left_out(row: object) -> LeftOut:
    match row:
        case ["input" | "output" as kind, str(name), str(reason)]:
            return LeftOut(kind, name, reason)
    raise ValueError("left_out: not kind, name and reason")
