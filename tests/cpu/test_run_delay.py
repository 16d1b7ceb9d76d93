from __future__ import annotations

import os

import pytest

from longshore.cpu import run_delay
from longshore.cpu.run_delay import thread_run_delay


@pytest.mark.skipif(
    not os.path.exists("/proc/thread-self/schedstat"), reason="needs a kernel with schedstat"
)
def test_the_kernel_tells_what_the_calling_thread_waited():
    before = thread_run_delay()

    assert before is not None
    assert 0.0 <= before <= thread_run_delay()


@pytest.mark.parametrize("content", [None, "", "1 2"])
def test_a_kernel_that_does_not_is_said_to_not_tell(tmp_path, monkeypatch, content):
    file = tmp_path / "schedstat"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(run_delay, "_FILE", str(file))

    assert thread_run_delay() is None
