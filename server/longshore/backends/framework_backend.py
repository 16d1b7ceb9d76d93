"""What the backends of torch and onnxruntime have in common: a CPU, or a GPU by way of a runner."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from longshore.backends.base import Backend, Begun, Device
from longshore.backends.devices.health import device_error
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.errors import (
    ExecutionFailed,
    LongshoreError,
    ModelLoadError,
    NoDeviceMemory,
    OutOfDeviceMemory,
)
from longshore.repository.integrity import VerifiedArtifact
from longshore.tensors import Array, Tensors

if TYPE_CHECKING:  # a pod without a GPU imports nothing that is for one
    from longshore.backends.cuda.runner import CudaRunner

_SHOWN_CHARACTERS = 600
_Result = TypeVar("_Result")


class FrameworkBackend(Backend):
    """Runs on the CPU by `compute`, on a GPU by the runner that it was given."""

    framework: ClassVar[str]
    _runner: CudaRunner | None = None

    @classmethod
    def framework_version(cls) -> str:
        return str(importlib.import_module(cls.framework).__version__)

    def use(self, runner: CudaRunner) -> None:
        """Run by `runner` from now on."""
        self._runner = runner
        self.pipeline_depth = runner.depth

    @abstractmethod
    def compute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        """As `execute`, without a runner."""

    def execute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        if self._runner is None:
            return self.compute(inputs, output_names)
        return self.begin(inputs, output_names)()

    def begin(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Begun:
        runner = self._runner
        if runner is None:
            outputs = self.compute(inputs, output_names)
            return lambda: outputs
        begun = self._guarded(lambda: runner.begin(inputs, output_names))
        return lambda: self._guarded(begun)

    def prepare(self, inputs: Mapping[str, Array]) -> None:
        runner = self._runner
        if runner is not None:
            self._guarded(lambda: runner.prepare(inputs))

    def limit_rows(self, rows: int) -> None:
        if self._runner is not None:
            self._runner.limit_rows(rows)

    def device_seconds(
        self, inputs: Mapping[str, Array], output_names: Sequence[str]
    ) -> float | None:
        runner = self._runner
        if runner is None:
            return None
        return self._guarded(lambda: runner.seconds(inputs, output_names))

    def device_memory(self) -> DeviceMemory | None:
        runner = self._runner
        return None if runner is None else self._guarded(lambda: runner.device.memory())

    def device_identity(self) -> DeviceIdentity | None:
        runner = self._runner
        return None if runner is None else self._guarded(lambda: runner.device.identity())

    def describe(self) -> dict[str, Any]:
        return {} if self._runner is None else self._runner.describe()

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def fails_always(self, errors: Sequence[Exception], verified: VerifiedArtifact) -> bool:
        if super().fails_always(errors, verified):
            return True
        texts = {str(error) for error in errors}
        return len(texts) == 1 and self.is_constant(texts.pop(), verified)

    def is_constant(self, text: str, verified: VerifiedArtifact) -> bool:
        """Whether an error that is the same for unlike inputs follows from none of them."""
        return False

    def failure(self, error: Exception) -> LongshoreError:
        """What an error of the framework, the model or the device means."""
        message = f"{self.framework}: {plain(error)}"
        found = None
        if self.device.kind != "cpu":
            found = device_error(error, message, self.device.health)
        return found or ExecutionFailed(message)

    def _guarded(self, work: Callable[[], _Result]) -> _Result:
        """`work` on the device, with its errors as those of the family."""
        self.device.health.check()
        try:
            return work()
        except LongshoreError:
            raise
        except Exception as error:  # whatever the framework or the model's own code raises
            failure = self.failure(error)
            if not isinstance(failure, OutOfDeviceMemory):
                raise failure from error
        # Outside of the handler: the traceback of the error would keep the tensors of its frames.
        if self._runner is not None:
            self._runner.device.release_unused()
        raise failure


def load_failure(path: Path, error: Exception, text: str, device: Device) -> ModelLoadError:
    """What stands against loading `path`; noted when it is the end of the device."""
    found = None
    if device.kind != "cpu":
        found = device_error(error, text, device.health)
    kind = NoDeviceMemory if isinstance(found, OutOfDeviceMemory) else ModelLoadError
    return kind(f"{path}: {text}")


def plain(error: Exception) -> str:
    """An error of a framework as one line that may be shown: without the traces into the model's
    source that TorchScript (before its last line) and torch.export (behind its own words) give.
    """
    text = str(error).strip()
    if "Traceback of TorchScript" in text:
        text = text.splitlines()[-1]
    text = text.partition("Original traceback:")[0]
    return " ".join(text.split())[:_SHOWN_CHARACTERS]
