"""What lies on the volume and is not served: one way for every reason, from layout to warm-up.

Each refusal is counted once for each state of the files, logged once, and logged once more when it
has ended; the ready body and the repository index show it as long as it lasts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from longshore.lifecycle.state import ModelState
from longshore.repository.layout import Artifact, VersionProblem
from longshore.repository.model_config import ModelConfig
from longshore.repository.version_policy import is_version

logger = logging.getLogger(__name__)

WHOLE_MODEL = ""
"""In place of a version, where nothing of the volume can be served."""
MOST_REMEMBERED = 1000


class Refusal(Struct, frozen=True):
    """Why a version, or something that looks like one, is not served."""

    version: str
    reason: str
    files: str = ""
    """Fingerprint of what was refused; empty when nobody knows. The same reason for other files is
    another refusal."""
    artifact: Artifact | None = None
    """What was tried to load, with `config`; `None` when it did not come so far."""
    config: ModelConfig | None = None
    state: ModelState = ModelState.FAILED
    """`FAILED` or `HELD`."""

    @classmethod
    def of_problem(cls, problem: VersionProblem) -> Refusal:
        return cls(problem.version, problem.message, problem.files)

    @classmethod
    def of_artifact(
        cls, artifact: Artifact, config: ModelConfig, reason: str, state: ModelState
    ) -> Refusal:
        return cls(artifact.version, reason, artifact.state, artifact, config, state)

    @property
    def is_of_version(self) -> bool:
        return is_version(self.version)

    def is_of(self, artifact: Artifact, config: ModelConfig) -> bool:
        """Whether this very content was tried, with this very config."""
        tried = self.artifact
        return tried is not None and tried.state == artifact.state and self.config == config

    def __str__(self) -> str:
        if self.version == WHOLE_MODEL:
            return self.reason
        verb = "is held" if self.state is ModelState.HELD else "is not served"
        return f"version {self.version} {verb}: {self.reason}"


class Refusals:
    """Those that last; written on the event loop, read from any thread.

    `count` is called for each that is new.
    """

    def __init__(self, model_name: str, count: Callable[[], None]) -> None:
        self._model_name = model_name
        self._count = count
        self._current: dict[str, Refusal] = {}
        """By version; replaced as a whole, so that readers need no lock."""
        self._counted: dict[str, Refusal] = {}
        """The last of each version, those that have ended included."""

    def __iter__(self) -> Iterator[Refusal]:
        return iter(self._current.values())

    def get(self, version: str) -> Refusal | None:
        return self._current.get(version)

    def refuse(self, refusal: Refusal) -> None:
        """In place of what was said of the same version before."""
        self._replace({**self._current, refusal.version: refusal})

    def end(self, version: str) -> None:
        self._replace({v: r for v, r in self._current.items() if v != version})

    def forget_tried(self) -> None:
        """What was tried may be tried again as it is."""
        self._replace({v: r for v, r in self._current.items() if r.artifact is None})

    def after_look(self, found: Iterable[Refusal], *, tried: set[str]) -> None:
        """All that a look at the volume found wrong; of the versions that were tried before, those
        in `tried` are still there.
        """
        kept = {
            version: refusal
            for version, refusal in self._current.items()
            if refusal.artifact is not None and version in tried
        }
        self._replace({**kept, **{refusal.version: refusal for refusal in found}})

    def _replace(self, now: dict[str, Refusal]) -> None:
        before, self._current = self._current, now
        for version in before.keys() - now.keys():
            logger.info("no longer refused: name=%s version=%s", self._model_name, version or "any")
        for version, refusal in now.items():
            if not _is_same(before.get(version), refusal):
                self._tell(refusal)

    def _tell(self, refusal: Refusal) -> None:
        version = refusal.version
        logger.error(
            "not served: name=%s version=%s state=%s reason=%s",
            self._model_name,
            version or "any",
            refusal.state,
            refusal.reason,
        )
        counted = self._counted.pop(version, None)
        if not refusal.files or not _is_same(counted, refusal):
            self._count()
        self._counted[version] = refusal
        if len(self._counted) > MOST_REMEMBERED:
            del self._counted[next(iter(self._counted))]


def _is_same(one: Refusal | None, other: Refusal) -> bool:
    return one is not None and (one.reason, one.files) == (other.reason, other.files)
