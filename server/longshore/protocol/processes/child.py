"""The process that converts: `python -m longshore.protocol.processes.child SOCKET MEMORY`, two open
descriptors. It ends with the other end of the socket.

A list that is refused, for whatever reason, is converted again by the server, whose words the
client gets.
"""

from __future__ import annotations

import signal
import socket
import sys

from longshore.child_process import be_expendable
from longshore.protocol.large_json import NumberList
from longshore.protocol.processes.shared_list import MOST_MESSAGE_BYTES, SharedList, SharedMemory

READY, CONVERTED, REFUSED = b"ready", b"converted", b"refused"


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group or container
        signal.signal(number, signal.SIG_IGN)
    be_expendable()
    memory = SharedMemory(int(sys.argv[2]))
    with socket.socket(fileno=int(sys.argv[1])) as server:
        server.send(READY)
        while message := server.recv(MOST_MESSAGE_BYTES):
            server.send(_convert(memory, SharedList.of(message)))


def _convert(memory: SharedMemory, shared: SharedList) -> bytes:
    numbers = NumberList(memory.text(shared), 0, shared.text_bytes)
    try:
        array = numbers.to_array(shared.shape, datatype=shared.datatype, name="x")
    except Exception:  # the server finds it again, and says it to the client
        return REFUSED
    memory.write_array(shared, array)
    return CONVERTED


if __name__ == "__main__":
    main()
