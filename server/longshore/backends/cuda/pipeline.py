"""Executions that overlap on one GPU: while one computes, the inputs of the next are on their way.

There are three streams: in, compute and out. A slot owns the staging memory of one execution and
goes through the same steps each time:

    host       fill the pinned inputs                     (the slot's last execution is finished)
    in         copy pinned inputs to the device           -> `copied`
    compute    wait for `copied`, launch the model        -> `computed`
    out        wait for `computed`, copy outputs to pinned memory   -> `returned`
    host       wait for `returned`, copy the pinned outputs for the caller; the slot is free

Nothing but the last step makes the host wait, so the next execution is launched while this one
computes, and a copy never stands between two launches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from longshore.tensors import Array, Tensors

Stream = Literal["in", "compute", "out"]
STREAMS: tuple[Stream, ...] = ("in", "compute", "out")
Event = Any
"""A point in a stream, as `DeviceStreams.record` returns it."""
DEPTH = 2
"""One execution computes, one is copied. More would only add to the latency."""
_TIMED_EXECUTIONS = 8


class DeviceStreams(Protocol):
    """What the pipeline needs of a device; `TorchStreams` and `OnnxStreams` are the real ones."""

    def allocate_pinned(self, size: int) -> Any:
        """Page-locked host memory of `size` bytes; copies from pageable memory are synchronous."""

    def allocate_device(self, size: int) -> Any:
        """Device memory of `size` bytes."""

    def fill(self, pinned: Any, array: Array) -> None:
        """Copy `array` to the beginning of `pinned`; the only copy that the CPU makes."""

    def copy_in(self, pinned: Any, memory: Any, array: Array) -> Any:
        """Queue the copy of the bytes of `array` on the stream in; returns the device's tensor."""

    def launch(self, inputs: Mapping[str, Any], output_names: Sequence[str]) -> dict[str, Any]:
        """Queue the model on the stream compute; outputs are tensors that no later launch writes
        to.
        """

    def size_of(self, output: Any) -> int:
        """Bytes of an output."""

    def copy_out(self, output: Any, pinned: Any) -> Any:
        """Queue the copy of `output` on the stream out; returns what `read` takes."""

    def read(self, returned: Any) -> Array:
        """A copy, of the caller's own, of what was returned to pinned memory."""

    def record(self, stream: Stream) -> Event:
        """A mark after all that was queued on `stream`."""

    def wait(self, stream: Stream, event: Event) -> None:
        """Let what is queued on `stream` from now on wait for `event`; the host goes on."""

    def synchronize(self, event: Event) -> None:
        """Let the host wait for `event`, without holding the GIL."""

    def elapsed_seconds(self, start: Event, end: Event) -> float:
        """Device time between two events that have both happened."""

    def send_now(self, inputs: Mapping[str, Array]) -> dict[str, Any]:
        """The inputs on the device, without staging; the host waits."""

    def computing(self) -> AbstractContextManager[object]:
        """A context in which what is queued goes to the stream compute."""


class _Slot(Struct, eq=False):
    """Staging memory of one execution in flight; it grows to the largest seen and is kept."""

    pinned_inputs: dict[str, tuple[int, Any]] = field(default_factory=dict)
    device_inputs: dict[str, tuple[int, Any]] = field(default_factory=dict)
    pinned_outputs: dict[str, tuple[int, Any]] = field(default_factory=dict)


class Ticket(Struct, eq=False):
    """An execution in flight; `finish` once."""

    slot: _Slot
    outputs: dict[str, Any]
    """Kept until the copy is over: freed earlier, their memory could be handed out again."""
    results: dict[str, Any]
    computed: Event
    returned: Event


class PipelineFull(RuntimeError):
    """More was begun than the depth allows: a fault in this program."""


class CudaPipeline:
    """Slots over one set of streams; used by one thread."""

    def __init__(self, device: DeviceStreams, *, depth: int = DEPTH) -> None:
        self._device = device
        self._free = deque(_Slot() for _ in range(depth))

    def begin(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Ticket:
        """Queue one execution; returns as soon as its inputs are in pinned memory.

        Raises:
            PipelineFull: every slot is in flight.
        """
        if not self._free:
            raise PipelineFull("every slot of the pipeline is in flight")
        slot = self._free.popleft()
        try:
            return self._begin(slot, inputs, output_names)
        except BaseException:
            self._recover(slot)
            raise

    def finish(self, ticket: Ticket) -> Tensors:
        """Wait for the outputs; the slot may then be used again."""
        device = self._device
        try:
            device.synchronize(ticket.returned)
            return {name: device.read(result) for name, result in ticket.results.items()}
        finally:
            ticket.outputs.clear()
            self._free.append(ticket.slot)

    def seconds_per_execution(
        self, inputs: Mapping[str, Array], output_names: Sequence[str]
    ) -> float:
        """Device time from one execution to the next with the pipeline kept full, by events."""
        self.finish(self.begin(inputs, output_names))
        first = last = self.begin(inputs, output_names)
        in_flight = deque([first])
        for _ in range(_TIMED_EXECUTIONS):
            if not self._free:
                self.finish(in_flight.popleft())
            last = self.begin(inputs, output_names)
            in_flight.append(last)
        while in_flight:
            self.finish(in_flight.popleft())
        return self._device.elapsed_seconds(first.computed, last.computed) / _TIMED_EXECUTIONS

    def _begin(
        self, slot: _Slot, inputs: Mapping[str, Array], output_names: Sequence[str]
    ) -> Ticket:
        device = self._device
        on_device = {name: self._send(slot, name, array) for name, array in inputs.items()}
        device.wait("compute", device.record("in"))
        outputs = device.launch(on_device, output_names)
        computed = device.record("compute")
        device.wait("out", computed)
        results = {name: self._return(slot, name, output) for name, output in outputs.items()}
        return Ticket(slot, outputs, results, computed, device.record("out"))

    def _send(self, slot: _Slot, name: str, array: Array) -> Any:
        device = self._device
        pinned = _memory(slot.pinned_inputs, name, array.nbytes, device.allocate_pinned)
        memory = _memory(slot.device_inputs, name, array.nbytes, device.allocate_device)
        device.fill(pinned, array)
        return device.copy_in(pinned, memory, array)

    def _return(self, slot: _Slot, name: str, output: Any) -> Any:
        size = self._device.size_of(output)
        pinned = _memory(slot.pinned_outputs, name, size, self._device.allocate_pinned)
        return self._device.copy_out(output, pinned)

    def _recover(self, slot: _Slot) -> None:
        """What was queued before the error may still read the slot: wait before it is free.

        When even that fails the device is gone, and the error on its way says so.
        """
        with suppress(Exception):
            for stream in STREAMS:
                self._device.synchronize(self._device.record(stream))
        self._free.append(slot)


def _memory(kept: dict[str, tuple[int, Any]], name: str, size: int, allocate: Any) -> Any:
    found = kept.get(name)
    if found is None or found[0] < size:
        kept.pop(name, None)
        kept[name] = found = (size, allocate(size))
    return found[1]
