"""From settings to what loading obeys: where the model lies, CPUs to plan for, options."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

from longshore.backends.base import CudaOptions, GraphUse, Precision
from longshore.cpu.quota import cpu_quantity
from longshore.loading.load_options import LoadOptions
from longshore.repository.layout import ModelRepository
from longshore.repository.manifest import ManifestPolicy
from longshore.settings.groups import Settings
from longshore.settings.model_groups import CudaSettings, ModelSettings

logger = logging.getLogger(__name__)


def model_root(path: Path) -> Path:
    """The directory of the model that is served from `path`, which may be a lone file."""
    return path.parent if path.is_file() else path


def repository(settings: Settings) -> ModelRepository:
    """What lies on the volume."""
    lifecycle = settings.lifecycle
    return ModelRepository(
        Path(settings.model.model_path),
        name=settings.model.name,
        version=settings.model.model_version,
        settle_seconds=lifecycle.version_settle_seconds,
        manifest=cast(ManifestPolicy, lifecycle.manifest),
    )


def planned_cpus(model: ModelSettings) -> float:
    """What to plan for: the setting, but never more than this process may use."""
    usable = cpu_quantity()
    cpus = min(usable, model.cpus or usable)
    request = f" cpu_request={model.cpu_request:g}" if model.cpu_request else ""
    logger.info("planning threads and instances: cpus=%g usable=%g%s", cpus, usable, request)
    return cpus


def load_options(settings: Settings, cpus: float) -> LoadOptions:
    """What loading obeys, with `cpus` to plan for."""
    model = settings.model
    return LoadOptions(
        cpus=cpus,
        device=model.device,
        cuda=_cuda_options(settings.cuda),
        instances=model.instances,
        threads=model.threads,
        max_batch_size=settings.batching.max_batch_size,
        calibration_budget_seconds=settings.calibration.calibration_budget_seconds,
        max_execution_seconds=settings.calibration.max_execution_seconds,
        calibration_cache=_calibration_cache(settings.calibration.calibration_cache),
        model_root=model_root(Path(model.model_path)),
        waits_for_batches=bool(settings.batching.max_queue_delay_microseconds),
    )


def _calibration_cache(directory: str) -> Path | None:
    """`None` keeps nothing; so does a home that is not there, as for a user id without an entry in
    the password file (OpenShift's arbitrary ones) and without HOME.
    """
    try:
        return Path(directory).expanduser() if directory else None
    except RuntimeError as error:
        logger.warning("calibration not kept: calibration_cache=%s %s", directory, error)
        return None


def _cuda_options(settings: CudaSettings) -> CudaOptions:
    return CudaOptions(
        precision=cast(Precision, settings.cuda_precision),
        graphs=cast(GraphUse, settings.cuda_graphs),
        compiles=settings.torch_compile,
        memory_limit_bytes=settings.cuda_memory_limit_bytes,
    )
