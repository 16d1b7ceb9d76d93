"""One process that converts, from the side of the server."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress

from longshore.child_process import cpu_seconds_of, one_thread_environment
from longshore.protocol.large_json import NumberList
from longshore.protocol.processes.child import CONVERTED, READY
from longshore.protocol.processes.shared_list import MOST_MESSAGE_BYTES, SharedList, SharedMemory
from longshore.tensors import Array

CHILD = "longshore.protocol.processes.child"
START_SECONDS = 60.0
WAIT_SECONDS = 1.0
MOST_WAITS = 10
"""For an answer: a hundred times what the longest list takes on a whole CPU. In waits that are
short, because one of them ends while both processes are stopped (a frozen cgroup, a VM that moves).
"""
END_SECONDS = 1.0


class Converter:
    """Converts a list at a time; used by one thread at a time."""

    def __init__(self) -> None:
        """Blocks until it is ready; raises OSError where it cannot be."""
        self._memory = SharedMemory.create()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        passed = (theirs.fileno(), self._memory.descriptor)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", CHILD, *map(str, passed)],
                    stdin=subprocess.DEVNULL, pass_fds=passed, env=one_thread_environment(),
                )  # fmt: skip
        except OSError:
            self._socket.close()
            self._memory.close()
            raise
        try:
            self._wait_until_ready()
        except OSError:
            self.close()
            raise
        self._socket.settimeout(WAIT_SECONDS)

    @property
    def pid(self) -> int:
        return self._process.pid

    def convert(self, numbers: NumberList, shared: SharedList) -> Array | None:
        """The array; `None` where the list is refused.

        Raises:
            OSError: the process has ended, or does not answer.
        """
        self._memory.grow(shared.bytes_needed)
        self._memory.write_text(numbers.body, numbers.start, numbers.stop)
        self._socket.send(shared.message())
        answer = self._answer()
        if not answer:
            raise ConnectionResetError("it has ended")
        return self._memory.array(shared) if answer == CONVERTED else None

    def cpu_seconds(self) -> float:
        """So far."""
        return cpu_seconds_of(self.pid)

    def close(self) -> None:
        self._socket.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._memory.close()

    def _answer(self) -> bytes:
        for _ in range(MOST_WAITS):
            with suppress(TimeoutError):
                return self._socket.recv(MOST_MESSAGE_BYTES)
        raise TimeoutError(f"no answer for {MOST_WAITS * WAIT_SECONDS:g} s")

    def _wait_until_ready(self) -> None:
        self._socket.settimeout(START_SECONDS)
        if self._socket.recv(MOST_MESSAGE_BYTES) != READY:
            raise ConnectionResetError(f"it ended with status {self._process.wait()}")
