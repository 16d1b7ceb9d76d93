"""What a test does on a page, and what a person sees of it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.attacks.served_process import ServedProcess
from tests.console.conftest import MODELS

SEVEN = json.loads((MODELS / "digits" / "request.json").read_text())["inputs"][0]["data"]


def sees(page, text: str) -> None:
    page.get_by_text(text).first.wait_for()


def until(page, condition: Callable[[], bool]) -> None:
    """The page forbids what Playwright's own waiting for a script needs: `eval`."""
    for _ in range(150):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("waited in vain")


def picture_of_seven(directory: Path) -> Path:
    """A scanned 7 as a PNG, larger than the model takes it."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow (extra image)")
    pixels = (np.array(SEVEN[0][0]) * 255).astype(np.uint8)
    file = directory / "seven.png"
    image.fromarray(pixels).resize((160, 160), image.Resampling.NEAREST).save(file)
    return file


def predict_seven(page) -> None:
    page.get_by_label("image", exact=True).fill(json.dumps(SEVEN))
    page.get_by_role("button", name="Predict").click()
    sees(page, "Largest: 7, answered in")


def ask(server: ServedProcess, body: bytes, count: int = 1) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for _ in range(count):
        connection.request("POST", "/v2/models/digits/infer", body)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()
