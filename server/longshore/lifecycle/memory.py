"""Memory that stays flat while versions come and go.

A load allocates far more than it keeps (the other splits, the largest batches), on threads of its
own; glibc keeps what they freed in one arena for each thread, and with every version the process
would grow. So there is one arena, and what is free in it goes back to the system after each load.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

M_ARENA_MAX = -8
"""malloc.h"""


def use_one_arena() -> None:
    """Called before the first thread starts; an arena that exists stays. Does nothing where the C
    library is not glibc.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Takes some milliseconds."""
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
