"""The contract that every backend keeps; small on purpose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from msgspec import Struct, field
from msgspec.structs import replace

from longshore import __version__
from longshore.backends.devices.health import DeviceHealth
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.errors import ModelDefect
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Array, LeftOut, Signature, Tensors

if TYPE_CHECKING:
    from longshore.backends.draft import InputDraft

Precision = Literal["float32", "tf32", "fp16", "bf16"]
GraphUse = Literal["auto", "on", "off"]

Begun = Callable[[], Tensors]
"""An execution that was begun; calling it waits for its end and returns the outputs."""


class CudaOptions(Struct, frozen=True):
    """How a GPU is used; the CPU ignores them."""

    precision: Precision = "float32"
    """`float32` means IEEE: TF32 is off unless it is asked for. fp16 and bf16 are autocast."""
    graphs: GraphUse = "auto"
    """`auto` leaves it to the backend."""
    compiles: bool = False
    """By `torch.compile`."""
    memory_limit_bytes: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the model runs as its file says: in its own precision, not compiled."""
        return self.precision == "float32" and not self.compiles

    def plain(self) -> CudaOptions:
        return replace(self, precision="float32", compiles=False)


class Device(Struct, frozen=True):
    """Where a model runs."""

    kind: Literal["cpu", "cuda"]
    index: int = 0
    options: CudaOptions = CudaOptions()
    health: DeviceHealth = field(default_factory=DeviceHealth)
    """Shared by all that runs on it: a sticky error of one is the end of all."""

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
    def examine(cls, verified: VerifiedArtifact) -> None:
        """What costs little, and refuses most files that are no model: before a file is read whole.

        Raises:
            ModelLoadError: as `load`.
        """
        return

    @classmethod
    @abstractmethod
    def load(
        cls, verified: VerifiedArtifact, *, config: ModelConfig, device: Device, threads: int
    ) -> Self:
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

    def execute_all(self, inputs: Mapping[str, Array]) -> tuple[Tensors, tuple[LeftOut, ...]]:
        """Run the model once and return every output that can be served, and those that cannot.

        For an artifact that does not say its outputs: the signature has none while neither the
        config has any.
        """
        return self.execute(inputs, self.signature.output_names), self.signature.left_out

    def fails_always(self, errors: Sequence[Exception], verified: VerifiedArtifact) -> bool:
        """Whether `errors`, raised by inputs that differ in rows, sizes and values as much as they
        can, show that the model fails on every input. In doubt it does not.
        """
        return any(isinstance(error, ModelDefect) for error in errors)

    sample: Callable[[], Tensors] | None = None
    """Makes one row of inputs that the model was seen to run on; `None` where none is known."""

    pipeline_depth: int = 1
    """Executions that may be begun before the first of them is finished."""

    def begin(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Begun:
        """Start an execution; its end is waited for by calling what is returned.

        At most `pipeline_depth` are open at once, begun and finished by the same thread, in order.
        The inputs have been read when this returns. Errors are those of `execute`, from either.
        """
        outputs = self.execute(inputs, output_names)
        return lambda: outputs

    def prepare(self, inputs: Mapping[str, Array]) -> None:
        """Get ready for batches of this shape (a CUDA graph); a shape seen before costs nothing."""
        return

    def limit_rows(self, rows: int) -> None:
        """No batch will be larger than `rows`: give back what was prepared for larger ones."""
        return

    def device_seconds(
        self, inputs: Mapping[str, Array], output_names: Sequence[str]
    ) -> float | None:
        """Seconds that one execution keeps the device, by its own clock; `None` without one."""
        return None

    def device_memory(self) -> DeviceMemory | None:
        """What this process holds of the device's memory; `None` where nobody can say.

        Raises:
            DeviceLost: the device is, or asking it showed that it is.
        """
        return None

    def device_identity(self) -> DeviceIdentity | None:
        """Which device it is; `None` for the CPU."""
        return None

    def describe(self) -> dict[str, Any]:
        """How it uses its device, for the metadata."""
        return {}

    @classmethod
    def draft_inputs(cls, verified: VerifiedArtifact, config: ModelConfig) -> InputDraft | None:
        """Guesses at the inputs that neither the artifact nor `config` declares; `None` where the
        artifact declares them all, or no config can help.

        Raises:
            ModelLoadError: the artifact is refused or broken.
        """
        return None

    @classmethod
    def framework_version(cls) -> str:
        """Of what computes; what was learned with one holds for no other."""
        return __version__

    @classmethod
    def cuda_problem(cls, index: int = 0) -> str | None:
        """Why this backend cannot use the CUDA device `index` here, as the end of a sentence;
        `None` when it can.
        """
        return f"the backend {cls.platform} runs on the CPU alone"

    @property
    def shares_instances(self) -> bool:
        """Whether one loaded copy may be executed by several threads at once."""
        return False

    def close(self) -> None:  # noqa: B027 - most backends have nothing to give back
        """Give back device memory; the backend is not used again."""
