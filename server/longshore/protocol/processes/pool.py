"""The processes that convert for one server: started when two lists first come at once.

Decoding 1.5 MB of JSON takes 4 ms under the interpreter's lock, so a server that decodes on threads
does no more of it on eight cores than on one. Where a process cannot be had, is lost or refuses a
list, the list is converted here: no request depends on one.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from longshore.cgroups.memory import free_memory
from longshore.protocol.large_json import NumberList
from longshore.protocol.processes.shared_list import SharedList
from longshore.tensors import Array, Datatype

if TYPE_CHECKING:
    from longshore.protocol.processes.converter import Converter

logger = logging.getLogger(__name__)

LEAST_BYTES = 512 * 1024
"""A shorter list takes about as long here as it takes to ask a process."""
MOST_BYTES = 16 * 1024 * 1024
"""Of memory shared with one process; a longer list is converted here, in pieces."""
PROCESS_BYTES = 32 * 1024 * 1024 + 2 * MOST_BYTES
"""What must be free for each: an interpreter with numpy, shared memory, and as much in between."""
MOST_PROCESSES = 4
"""By default: more than the event loop can receive for."""
RETRY_SECONDS = 60.0
CLOSE_SECONDS = 1.0
"""For a process that starts; it ends with the server."""
WAIT_SECONDS = 1.0
"""For a process that is free; then the list is converted here."""


def default_count(cpus: float) -> int:
    """With one CPU nothing is gained."""
    return min(int(cpus), MOST_PROCESSES) if cpus >= 2 else 0


class ConverterPool:
    """`convert` is called on any thread, the rest on one."""

    def __init__(
        self,
        count: int,
        *,
        free_bytes: Callable[[], int | None] = free_memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._free_bytes = free_bytes
        self._clock = clock
        self._idle: queue.LifoQueue[Converter] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._all: list[Converter] = []
        self._starting: threading.Thread | None = None
        self._next_start = 0.0
        self._ended_cpu_seconds = 0.0
        self._converting = 0
        self._is_closed = False

    def convert(
        self, numbers: NumberList, shape: tuple[int, ...], /, *, datatype: Datatype, name: str
    ) -> Array:
        """As `NumberList.to_array`, with the same errors. A list that is alone is converted here,
        where it takes a little less.
        """
        shared = SharedList(numbers.stop - numbers.start, datatype, shape)
        is_alone = self._count_converting(1) == 1
        try:
            is_elsewhere = not is_alone and self._is_worth(shared)
            array = self._elsewhere(numbers, shared) if is_elsewhere else None
            return numbers.to_array(shape, datatype=datatype, name=name) if array is None else array
        finally:
            self._count_converting(-1)

    def cpu_seconds(self) -> float:
        """Of all processes so far."""
        with self._lock:
            return self._ended_cpu_seconds + sum(each.cpu_seconds() for each in self._all)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            starting = self._starting
        if starting is not None:
            starting.join(CLOSE_SECONDS)
        for converter in list(self._all):
            self._end(converter)

    def _count_converting(self, step: int) -> int:
        with self._lock:
            self._converting += step
            return self._converting

    def _is_worth(self, shared: SharedList) -> bool:
        return (
            self._count > 0
            and shared.datatype is not Datatype.BYTES
            and shared.text_bytes >= LEAST_BYTES
            and 0 not in shared.shape
            and shared.bytes_needed <= MOST_BYTES
        )

    def _elsewhere(self, numbers: NumberList, shared: SharedList) -> Array | None:
        self._start_missing()
        if not self._all:
            return None
        try:
            converter = self._idle.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            return None
        try:
            array = converter.convert(numbers, shared)
        except (OSError, ValueError) as error:  # ValueError: `close` took its memory away
            logger.warning("a process that decodes JSON is lost: pid=%d %s", converter.pid, error)
            self._end(converter)
            return None
        self._idle.put(converter)
        return array

    def _start_missing(self) -> None:
        """On a thread of its own: no request waits for it."""
        with self._lock:
            is_complete = len(self._all) >= self._count
            is_starting = self._starting is not None and self._starting.is_alive()
            if is_complete or is_starting or self._is_closed or self._clock() < self._next_start:
                return
            self._next_start = self._clock() + RETRY_SECONDS
            self._starting = threading.Thread(target=self._start, name="json-start", daemon=True)
            self._starting.start()

    def _start(self) -> None:
        from longshore.protocol.processes.converter import Converter  # few bodies are large

        for _ in range(self._count - len(self._all)):
            free = self._free_bytes()
            if free is not None and free < PROCESS_BYTES:
                logger.info(
                    "JSON is decoded by %d of %d processes: free_mib=%d needed_mib=%d",
                    len(self._all), self._count, free // 2**20, PROCESS_BYTES // 2**20,
                )  # fmt: skip
                return
            try:
                converter = Converter()
            except OSError as error:
                logger.warning("no process that decodes JSON: %s", error)
                return
            with self._lock:
                self._all.append(converter)
            if self._is_closed:
                return
            self._idle.put(converter)

    def _end(self, converter: Converter) -> None:
        with self._lock:
            if converter not in self._all:
                return
            self._all.remove(converter)
            self._ended_cpu_seconds += converter.cpu_seconds()
        converter.close()
