"""One list of numbers in memory that two processes share, and the array made of it behind it."""

from __future__ import annotations

import mmap
import os

import numpy as np
import orjson
from msgspec import Struct

from longshore.protocol.steps import STEP_BYTES, Body
from longshore.tensors import Array, Datatype, element_count

ALIGNMENT = 64
MOST_MESSAGE_BYTES = 4096


class SharedList(Struct, frozen=True):
    """Where it lies, and what is to be made of it."""

    text_bytes: int
    datatype: Datatype
    shape: tuple[int, ...]

    @property
    def array_start(self) -> int:
        return -(-self.text_bytes // ALIGNMENT) * ALIGNMENT

    @property
    def bytes_needed(self) -> int:
        """Of the shared memory."""
        return self.array_start + element_count(self.shape) * self.datatype.numpy_dtype.itemsize

    def message(self) -> bytes:
        """One datagram."""
        return orjson.dumps([self.text_bytes, self.datatype.value, self.shape])

    @classmethod
    def of(cls, message: bytes) -> SharedList:
        text_bytes, datatype, shape = orjson.loads(message)
        return cls(text_bytes, Datatype(datatype), tuple(shape))


class SharedMemory:
    """Of memfd_create(2): no file system has a part in it, and it goes with the last process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map: mmap.mmap | None = None

    @classmethod
    def create(cls) -> SharedMemory:
        """Raises OSError where the kernel gives none."""
        return cls(os.memfd_create("longshore-numbers", os.MFD_CLOEXEC))

    def grow(self, size: int) -> None:
        """To at least `size` bytes, for both processes."""
        if size > os.fstat(self.descriptor).st_size:
            os.ftruncate(self.descriptor, size)

    def write_text(self, body: Body, start: int, stop: int) -> None:
        """Text comes first; in steps, during which other threads run."""
        view = memoryview(body)
        for begin in range(start, stop, STEP_BYTES):
            part = view[begin : min(stop, begin + STEP_BYTES)]
            self._mapped(stop - start)[begin - start : begin - start + len(part)] = part

    def text(self, shared: SharedList) -> bytes:
        return self._mapped(shared.text_bytes)[: shared.text_bytes]

    def write_array(self, shared: SharedList, array: Array) -> None:
        self._array(shared)[:] = array

    def array(self, shared: SharedList) -> Array:
        """A copy: the memory is used again."""
        return self._array(shared).copy()

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
        os.close(self.descriptor)

    def _array(self, shared: SharedList) -> Array:
        count = element_count(shared.shape)
        whole = np.frombuffer(
            self._mapped(shared.bytes_needed), shared.datatype.numpy_dtype, count,
            shared.array_start,
        )  # fmt: skip
        return whole.reshape(shared.shape)

    def _mapped(self, size: int) -> mmap.mmap:
        if self._map is None or len(self._map) < size:
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self.descriptor, 0)
        return self._map
