from __future__ import annotations

import pytest

from longshore.assembly import assemble
from longshore.protocol.processes.pool import ConverterPool
from longshore.settings.reading import load_settings


@pytest.mark.anyio
async def test_what_processes_compute_for_the_server_is_cpu_that_its_requests_ask_for(
    tmp_path, monkeypatch
):
    parts = assemble(load_settings({"model_path": str(tmp_path)}, {}))
    monkeypatch.setattr(ConverterPool, "cpu_seconds", lambda self: 100.0)

    elapsed = parts.signal._clocks.elapsed()

    assert elapsed.cpu_elsewhere >= 99.0
