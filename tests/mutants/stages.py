"""Which tests are run on a mutant, in which order: its module's own, and then those that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.mutants.trials import Stage

OFF_THE_WAY = frozenset(
    {
        "execution/description.py",
        "rest/metrics_endpoint.py",
        "rest/openapi.py",
        "rest/openapi_schemas.py",
        "rest/ports.py",
        "rest/repository_extension.py",
        "rest/routes.py",
    }
)
"""What no inference request runs through: documents, the management port, wiring at start."""

_INSTANCES = (
    "tests/execution/test_model_instance.py",
    "tests/execution/test_inline_instance.py",
    "tests/execution/test_closing.py",
)
_MODEL = ("tests/execution/test_model.py", "tests/execution/test_delivery.py")
_ENDPOINT = (
    "tests/rest/test_statistics.py",
    "tests/rest/test_offered_work.py",
    "tests/rest/test_overload_is_logged.py",
    "tests/rest/test_parts_that_differ.py",
)
_CONNECTION = ("tests/rest/test_connection_limits.py", "tests/rest/test_http_protocol.py")
_ARITHMETIC = (("tests/replay/test_upstream_facts.py", "tests/replay/test_controller.py"),)
_CONTROLLER = ("controller", "pods", "policies", "proposals", "recommendations")
OF_PACKAGE: dict[str, tuple[Stage, ...]] = {
    "batching": (("tests/batching",),),
    "execution": (("tests/execution/test_batch_execution.py", *_INSTANCES, *_MODEL), _ENDPOINT),
    "rest": (("tests/rest",),),
    "replay": (("tests/replay",),),
}
"""For every module, after its own tests."""
OF_MODULE: dict[str, tuple[Stage, ...]] = {
    "execution/input_fault.py": (("tests/execution/test_batch_execution.py",),),
    "execution/instance_group.py": (_INSTANCES,),
    "execution/model.py": (_INSTANCES,),
    "execution/model_instance.py": (_INSTANCES,),
    "batching/padding.py": (("tests/batching/test_batch.py",),),
    "batching/pending_request.py": (("tests/batching/test_batch.py",),),
    "batching/request_groups.py": (("tests/batching/test_request_queue.py",),),
    "rest/app.py": (("tests/rest/test_boundary.py",),),
    "rest/connection_timers.py": (_CONNECTION,),
    "rest/http_protocol.py": (_CONNECTION,),
    "rest/inference.py": (_ENDPOINT,),
    "rest/upgrade.py": (_CONNECTION,),
    "rest/write_watch.py": (("tests/rest/test_watching_writes.py",),),
}
"""Where no test module has its name, or more than that are near."""
HELD_BY: dict[str, tuple[Stage, ...]] = {f"replay/{name}.py": _ARITHMETIC for name in _CONTROLLER}
"""The controller's arithmetic: what the oracle recorded is to kill every mutant."""
LAST: tuple[Stage, ...] = (("tests/integration",),)
"""Whole servers, for what has survived the others (`--wide`); minutes for each."""


def stages(package: str, module: str, root: Path, *, is_wide: bool) -> Iterator[Stage]:
    """Of `package/module`, whose tests lie below `root`."""
    if held := HELD_BY.get(f"{package}/{module}"):
        yield from held
        return
    nearest = f"tests/{package}/test_{module}"
    if (root / nearest).exists():
        yield (nearest,)
    yield from OF_MODULE.get(f"{package}/{module}", ())
    yield from OF_PACKAGE[package]
    if is_wide:
        yield from LAST
