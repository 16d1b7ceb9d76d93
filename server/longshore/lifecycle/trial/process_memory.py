"""What a process takes of its memory limit and cannot give back.

Source: proc_pid_status(5): `RssAnon`, and `RssShmem` for what is shared; pages of files are left
out, which the kernel drops where memory is short.
"""

from __future__ import annotations

from pathlib import Path


def anonymous_bytes(pid: int | str = "self") -> int:
    """Of the process `pid`; 0 where it has ended or the kernel does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(
        int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem") if name in fields
    )
