"""Which of the versions on the volume are to be loaded now."""

from __future__ import annotations

from longshore.lifecycle.candidate_spread import CandidateSpread
from longshore.lifecycle.crash_marks import CrashMarks
from longshore.lifecycle.served_versions import ServedVersions
from longshore.lifecycle.state import ModelState
from longshore.lifecycle.version_loader import Candidate
from longshore.repository.layout import Artifact, Scan
from longshore.repository.model_config import ModelConfig


class DueVersions:
    """Those that were never tried as they are, unless something speaks against it now."""

    def __init__(self, served: ServedVersions, marks: CrashMarks, spread: CandidateSpread) -> None:
        self._served = served
        self._marks = marks
        self._spread = spread
        self.reserve: dict[str, Candidate] = {}
        """Versions that were not seen to run, while nothing serves and others are tried."""
        self._suspects: set[str] | None = set()
        """Versions that an earlier process ended with: at the start, what is older is served first.
        `None` once it is."""

    def of(self, scan: Scan) -> tuple[list[Artifact], list[str]]:
        """What is to be loaded, and what is said of those that wait: beside a version that serves,
        each pod waits for its turn.
        """
        due = [artifact for artifact in scan.artifacts if self._is_new(artifact, scan.config)]
        if not self._served.ready:
            return due, []
        waits = {artifact.version: self._spread.waiting(artifact) for artifact in due}
        said = [f"version {version}: {waiting}" for version, waiting in waits.items() if waiting]
        return [artifact for artifact in due if not waits[artifact.version]], said

    def is_passed_over(self, artifact: Artifact, config: ModelConfig) -> bool:
        """In favour of the next that the policy could serve; not while its earlier files serve.
        Called on the thread that scans.
        """
        if artifact.version in self.reserve or self._is_suspect(artifact, config):
            return True
        served = self._served.by_number.get(artifact.version)
        is_ready = served is not None and served.is_ready
        return not is_ready and self._was_refused(artifact, config)

    def take_reserve(self) -> list[Candidate]:
        """The newest first; none are left."""
        reserve = sorted(self.reserve.values(), key=lambda c: int(c.served.version), reverse=True)
        self.reserve.clear()
        return reserve

    def end_suspicion(self) -> bool:
        """From now on none is passed over for how an earlier process ended; whether one was."""
        suspects, self._suspects = self._suspects, None
        return bool(suspects)

    def _is_suspect(self, artifact: Artifact, config: ModelConfig) -> bool:
        if self._suspects is None:
            return False
        mark = self._marks.find(artifact, config)
        if mark is None or mark.refusal:
            return False
        self._suspects.add(artifact.version)
        return True

    def _is_new(self, artifact: Artifact, config: ModelConfig) -> bool:
        """Never tried as it is, or unloaded since."""
        if artifact.version in self.reserve or self._was_refused(artifact, config):
            return False
        served = self._served.by_number.get(artifact.version)
        if served is None or served.state in (ModelState.UNLOADED, ModelState.DRAINING):
            return True
        return not served.artifact.is_same_version(artifact)

    def _was_refused(self, artifact: Artifact, config: ModelConfig) -> bool:
        refusal = self._served.refusals.get(artifact.version)
        return refusal is not None and refusal.is_of(artifact, config)
