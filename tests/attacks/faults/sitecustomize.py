"""Artifacts that harm the process which loads them: on PYTHONPATH of a server under test alone.

A version of the identity backend does what the file `fault` beside it says, in the process that
loads it, as a framework would that crashes: `load SIGSEGV`, `execute SIGKILL`, `warm-up hang`,
`execute allocate`. Python imports a module of this name at its start (`site`).
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import signal
import sys
import time
from pathlib import Path

TARGET = "longshore.backends.identity_backend"


def _do(what: str) -> None:
    if what == "hang":
        time.sleep(3600)
    elif what == "spin":
        while True:
            pass
    elif what == "allocate":
        held = []
        while True:
            held.append(bytearray(b"x") * 2**24)
    elif what == "python":
        raise ZeroDivisionError("of the version")
    else:
        os.kill(os.getpid(), signal.Signals[what])
        time.sleep(60)


def _harm(module) -> None:
    backend = module.IdentityBackend
    load, execute = backend.load.__func__, backend.execute

    def harmful_load(cls, verified, **kwargs):
        fault = Path(verified.artifact.directory) / "fault"
        is_harmful = fault.exists() and "FAULTS_OFF" not in os.environ
        when, what = fault.read_text().split() if is_harmful else ("", "")
        if when == "load":
            _do(what)
        loaded = load(cls, verified, **kwargs)
        loaded.fault = (when, what)
        return loaded

    def harmful_execute(self, inputs, output_names):
        when, what = getattr(self, "fault", ("", ""))
        rows = len(next(iter(inputs.values())))
        if when == "execute" or (when == "proof" and rows > 1):
            _do(what)
        return execute(self, inputs, output_names)

    backend.load = classmethod(harmful_load)
    backend.execute = harmful_execute


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != TARGET:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _harm(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Finder())
