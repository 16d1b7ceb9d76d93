"""What settings and config say about loading."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from longshore.backends.base import CudaOptions
from longshore.backends.devices.health import DeviceHealth
from longshore.repository.model_config import ModelConfig


class LoadOptions(Struct, frozen=True):
    """The settings that loading obeys; what is `None` is measured."""

    cpus: float
    """In parts too, as a quota may be."""
    device: str = "cpu"
    cuda: CudaOptions = field(default_factory=CudaOptions)
    device_health: DeviceHealth = field(default_factory=DeviceHealth)
    """Of the process, whatever it loads."""
    instances: int | None = None
    threads: int | None = None
    max_batch_size: int | None = None
    """0 forbids batching."""
    calibration_budget_seconds: float = 10.0
    max_execution_seconds: float | None = None
    calibration_cache: Path | None = None
    model_root: Path | None = None
    """The directory of the model, which may have recorded calibrations."""
    waits_for_batches: bool = False
    """An idle instance shall wait for a fuller batch, which the event loop cannot."""

    def with_config(self, config: ModelConfig) -> LoadOptions:
        """Filled up by what `config` says where no setting does."""
        batch_size = config.max_batch_size if self.max_batch_size is None else self.max_batch_size
        delay = config.dynamic_batching.max_queue_delay_seconds
        return replace(
            self,
            instances=self.instances or config.instance_group.count,
            max_batch_size=batch_size,
            waits_for_batches=self.waits_for_batches or bool(delay),
        )
