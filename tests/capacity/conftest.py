from __future__ import annotations

from tests.chart.conftest import engine as engine
