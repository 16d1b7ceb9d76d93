"""The backends that one load opens on its way."""

from __future__ import annotations

from longshore.backends.base import Backend, Device
from longshore.backends.registry import create_backend
from longshore.loading.plan import Split
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig


class BackendPool:
    """Opens an artifact for every split that is asked for, and closes what is not used in the end.

    `device` is where what is opened next will run.
    """

    def __init__(self, verified: VerifiedArtifact, config: ModelConfig, device: Device) -> None:
        self.verified = verified
        self.config = config
        self.device = device
        self._opened: dict[Split, list[Backend]] = {}

    def open(self, split: Split) -> list[Backend]:
        """One backend for each instance; the same object several times when it may be shared.

        Raises:
            ModelLoadError: as `create_backend`.
        """
        if split not in self._opened:
            first = self._create(self.device, split.threads)
            others = (
                [first] * (split.instances - 1)
                if first.shares_instances
                else [self._create(self.device, split.threads) for _ in range(split.instances - 1)]
            )
            self._opened[split] = [first, *others]
        return self._opened[split]

    def open_on_cpu(self, threads: int) -> Backend:
        """One beside the others, which the caller closes."""
        return self._create(Device("cpu"), threads)

    def keep_only(self, used: list[Backend], *others: Backend) -> None:
        """Close every backend that is not one of `used` or `others`, and forget all but `used`."""
        kept = {id(backend) for backend in (*used, *others)}
        for split, backends in list(self._opened.items()):
            for backend in {id(b): b for b in backends if id(b) not in kept}.values():
                backend.close()
            if backends != used:
                del self._opened[split]

    def _create(self, device: Device, threads: int) -> Backend:
        verified = self.verified
        verified.progress.begin(f"opening {verified.artifact.path.name} on {device}")
        return create_backend(verified, config=self.config, device=device, threads=threads)
