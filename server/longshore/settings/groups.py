"""The settings of the server, by group: name, type, default, bounds and one sentence each.

The command line, the environment, the config file, the table in docs and the chart's schema come
from here.
"""

from msgspec import Struct

from longshore.settings.model_groups import (
    BatchingSettings,
    CalibrationSettings,
    CudaSettings,
    ModelSettings,
)
from longshore.settings.server_groups import (
    HttpSettings,
    LifecycleSettings,
    LogSettings,
    MetricsSettings,
)


class Settings(Struct, frozen=True):
    """All groups, as one start reads them."""

    model: ModelSettings = ModelSettings()
    cuda: CudaSettings = CudaSettings()
    http: HttpSettings = HttpSettings()
    batching: BatchingSettings = BatchingSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
