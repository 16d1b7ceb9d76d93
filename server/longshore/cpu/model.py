"""Which CPU this is, in the kernel's words.

Source: `/proc/cpuinfo`: "model name" on x86, "CPU implementer" and "CPU part" on ARM.
"""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
_NAMES = ("model name", "CPU implementer", "CPU part")


def cpu_model(cpuinfo: Path = CPUINFO) -> str:
    """Of the first CPU; empty where the kernel does not tell."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    first, _, _ = text.partition("\n\n")
    facts = dict(_fact(line) for line in first.splitlines())
    return " ".join(facts[name] for name in _NAMES if facts.get(name))


def _fact(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
