from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.monitoring import prometheus
from tests.monitoring.scene import Scene, playing


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Takes about 20 s to be set; all that is asked of it afterwards is answered at once."""
    prometheus.program("prometheus")
    with playing(tmp_path_factory.mktemp("scene")) as scene:
        yield scene
