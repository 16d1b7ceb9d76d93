"""What a calibration depends on: it holds where all of it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property

from msgspec.structs import replace

from longshore import __version__
from longshore.backends.base import Device
from longshore.backends.registry import find_backend_class
from longshore.cpu.model import cpu_model
from longshore.loading.load_options import LoadOptions
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig, VersionPolicy

ARTIFACT = "artifact"


class Conditions:
    """Of one artifact, run as `options` and `config` say on `device`: the one that was asked for.

    What it depends on is found out when it is asked for: the files are hashed for it.
    """

    def __init__(
        self, verified: VerifiedArtifact, config: ModelConfig, options: LoadOptions, device: Device
    ) -> None:
        self._verified = verified
        self._config = config
        self._options = options
        self._device = device

    @cached_property
    def facts(self) -> Mapping[str, str]:
        """By name, in words.

        Raises:
            ModelLoadError: a file of the artifact cannot be read.
        """
        options, device = self._options, self._device
        artifact = self._verified.artifact
        config = replace(self._config, name=None, file="", version_policy=VersionPolicy())
        is_cuda = device.kind == "cuda"
        return {
            ARTIFACT: self._verified.digest(),
            "longshore": __version__,
            "framework": (
                f"{artifact.format.backend} "
                f"{find_backend_class(artifact.format).framework_version()}"
            ),
            "device": f"{device} {device.options}" if is_cuda else str(device),
            "cpu_model": "" if is_cuda else cpu_model(),
            "cpus": f"{options.cpus:g}",
            "instances": str(options.instances),
            "threads": str(options.threads),
            "max_batch_size": str(options.max_batch_size),
            "max_execution_seconds": str(options.max_execution_seconds),
            "waits_for_batches": str(options.waits_for_batches),
            "config": hashlib.sha256(repr(config).encode()).hexdigest(),
        }

    @property
    def key(self) -> str:
        """A digest of it all."""
        return digest_of(self.facts)


def digest_of(facts: Mapping[str, str]) -> str:
    """SHA-256 in hexadecimal, whatever their order."""
    return hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()
