"""The child that tries a version.

`python -m longshore.lifecycle.trial.child PARENT MEMORY IS_LAST`, as `restrain` takes them.

It reads a request from its standard input, does what a load does by the same functions, and tells
what it does and what came of it through its standard output.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from longshore.lifecycle.trial.restraint import restrain

if TYPE_CHECKING:
    from longshore.lifecycle.trial.messages import Messenger
    from longshore.lifecycle.trial.request import TrialRequest

logger = logging.getLogger(__name__)

_NO_MEMORY = (
    "bad_alloc",
    "bad allocation",
    "memoryerror",
    "not enough memory",
    "failed to allocate",
    "can't allocate memory",
    "cannot allocate memory",
)
"""What frameworks say, in lower case, when an allocation fails on the host."""


def main() -> None:
    """Ends the process by 0 once it has told what came of it."""
    parent, memory, is_last = map(int, sys.argv[1:])
    restrain(parent, memory or None, is_last=bool(is_last))
    faulthandler.enable()
    pipe = os.dup(1)
    os.dup2(2, 1)  # what a framework prints is no message
    import pickle

    from longshore.lifecycle.trial.messages import FAILED, PASSED, Messenger, ToldLog

    messenger = Messenger(pipe)
    logging.basicConfig(level=logging.INFO, handlers=[ToldLog(messenger)], format="%(message)s")
    request: TrialRequest = pickle.load(sys.stdin.buffer)
    kind, content = PASSED, {}
    try:
        content = _try(request, messenger)
    except BaseException as error:
        kind, content = FAILED, _failure(error)
    messenger.send(kind, content)
    sys.stderr.flush()
    os._exit(0)  # what the version left behind is not run, and not waited for


def _try(request: TrialRequest, messenger: Messenger) -> dict[str, Any]:
    from longshore.backends.registry import find_backend_class
    from longshore.lifecycle.memory import use_one_arena
    from longshore.lifecycle.trial.messages import BEGUN, ToldProgress
    from longshore.lifecycle.trial.process_memory import anonymous_bytes
    from longshore.lifecycle.warmup import warm_up
    from longshore.loading.model_loader import run_load
    from longshore.loading.records.trial_findings import TrialFindings

    use_one_arena()
    progress = ToldProgress(messenger)
    progress.begin("importing what runs it")
    find_backend_class(request.artifact.format)
    messenger.send(BEGUN, anonymous_bytes())
    load, loaded = run_load(
        request.artifact, request.config, request.options, progress, known=_known(request)
    )
    # One after the other; the pauses are the parent's to make.
    warm_up(
        loaded, progress, is_beside_work=request.serving is not None, sleep=lambda seconds: None
    )
    gc.collect()
    found = TrialFindings.of(load, loaded.plan, loaded.backends[0])
    return {"findings": found.to_content(), "bytes": anonymous_bytes()}


def _known(request: TrialRequest) -> Any:
    serving = request.serving
    if serving is None:
        return None
    from longshore.loading.measurement.inheritance import KnownVersion

    return KnownVersion(
        serving.version,
        serving.signature,
        serving.plan,
        None,
        None,
        serving.options,
        lambda: True,
    )


def _failure(error: BaseException) -> dict[str, str]:
    from longshore.errors import ArtifactChanged, ModelConfigError, ModelLoadError, NoDeviceMemory

    text = str(error)
    if isinstance(error, NoDeviceMemory):  # whose texts may be like those of the host's
        return {"kind": "device memory", "message": text}
    told = f"{type(error).__name__}: {text}".lower()
    if any(words in told for words in _NO_MEMORY):
        return {"kind": "memory", "message": text}
    if isinstance(error, ArtifactChanged):
        return {"kind": "changed", "message": text}
    if isinstance(error, ModelLoadError | ModelConfigError):
        return {"kind": "refused", "message": text}
    logger.error("unexpected error while trying", exc_info=error)
    return {"kind": "refused", "message": f"{type(error).__name__} while loading"}


if __name__ == "__main__":
    main()
