"""The client's part in the cluster, as the Job runs it: `longshore capacity --task FILE`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longshore.errors import SettingsError
from longshore.exit_code import ExitCode
from longshore_k8s.capacity.client_process import Address
from longshore_k8s.capacity.in_cluster.manifests import PAYLOAD
from longshore_k8s.capacity.in_cluster.task import (
    ERROR,
    MEASURED,
    STEP,
    TELL,
    VERSIONS,
    ClientTask,
    line_of,
)
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.provenance import versions
from longshore_k8s.capacity.readings import Readings
from longshore_k8s.capacity.served_model import ServedModel
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import measure_running

LOOK_SECONDS = 1.0
"""Between two looks at the memory: each costs the pod a scrape."""


@dataclass(frozen=True, slots=True)
class RemotePod:
    """A server on another machine, known by what it says of itself."""

    task: ClientTask

    @property
    def model(self) -> ServedModel:
        return ServedModel(self.address, self.task.model, self.task.wanted.headers)

    @property
    def address(self) -> Address:
        return self.task.address

    @property
    def management(self) -> Address:
        return self.task.management

    def working_set(self) -> int | None:
        return Readings.of(self.management).working_set

    def cpu_seconds(self) -> None:
        """Not exported."""

    def busy_seconds(self) -> None:
        """Nobody can look from here."""


def run_task(file: Path) -> int:
    """Says on stdout what it does, each step, and the result or why there is none."""
    _say(VERSIONS, versions())
    try:
        task = ClientTask.of(json.loads(file.read_text("utf-8")), file.with_name(PAYLOAD))
        pod = RemotePod(task)
        with MemoryPeak(pod.working_set, LOOK_SECONDS) as peak:
            found = measure_running(
                pod, task.wanted, peak=peak,
                tell=lambda text: _say(TELL, text), record=lambda step: _say(STEP, step),
            )  # fmt: skip
    except (UnsoundError, SettingsError, OSError) as error:
        _say(ERROR, str(error))
        return ExitCode.FAILED
    _say(MEASURED, replace(found, steps=()).document())
    return ExitCode.OK


def _say(name: str, value: Any) -> None:
    print(line_of(name, value), flush=True)
