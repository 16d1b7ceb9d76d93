from __future__ import annotations

import resource

import pytest

from longshore.rest import listener


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised_to"),
    [
        (1_048_576, 1_048_576, 16384, None),
        (1024, 524_288, 16384, 16640),
        (1024, 4096, 3840, 4096),
        (1024, 1024, 768, 1024),
        (100, 100, 50, 100),
    ],
)
def test_connections_leave_descriptors_for_everything_else(
    monkeypatch, soft, hard, connections, raised_to
):
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: raised.append(limits))

    assert listener.affordable_connections(16384) == connections
    assert raised == ([] if raised_to is None else [(raised_to, hard)])
