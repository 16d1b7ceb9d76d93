"""The contract that every backend keeps; small on purpose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from longshore.repository.layout import Artifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Array, Signature, Tensors


@dataclass(frozen=True, slots=True)
class Device:
    """Where a model runs."""

    kind: Literal["cpu", "cuda"]
    index: int = 0

    def __str__(self) -> str:
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"


class Backend(ABC):
    """One loaded artifact on one device.

    `execute` is called by several instance threads at once when `shares_instances` is true, and by
    one thread at a time otherwise (each instance then loads an artifact of its own).
    """

    platform: ClassVar[str]
    """Triton's platform name, as shown in the model metadata."""

    signature: Signature
    device: Device

    @classmethod
    @abstractmethod
    def load(cls, artifact: Artifact, *, config: ModelConfig, device: Device, threads: int) -> Self:
        """Open the artifact; `threads` is the number of CPU threads one execution may use.

        Raises:
            ModelLoadError: the artifact is refused or broken, or the device is not what was asked
            for.
        """

    @abstractmethod
    def execute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        """Run the model once and return the outputs named, C-ordered.

        Raises:
            InferenceFailed: the model raised; the message says what, without a stack trace.
        """

    @classmethod
    def cuda_problem(cls) -> str | None:
        """Why this backend cannot use CUDA here, as the end of a sentence; `None` when it can."""
        return f"the backend {cls.platform} runs on the CPU alone"

    @property
    def shares_instances(self) -> bool:
        """Whether one loaded copy may be executed by several threads at once."""
        return False

    def close(self) -> None:  # noqa: B027 - most backends have nothing to give back
        """Give back device memory; the backend is not used again."""
