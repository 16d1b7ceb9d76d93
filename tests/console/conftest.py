"""A real Chromium, driven by Playwright, and what it reports while a test runs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.served_process import ServedProcess

MODELS = Path(__file__).parents[2] / "models"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WIDE, PHONE = (1280, 900), (360, 740)
WAIT_MILLISECONDS = 15_000
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Report:
    """What a page complained of. A refusal by the server is told by the browser too: the statuses
    that a test brings about are `expected`.
    """

    expected: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def unexpected(self) -> list[str]:
        def is_expected(text: str) -> bool:
            found = re.search(r"responded with a status of (\d+)", text)
            return found is not None and int(found[1]) in self.expected

        return [text for text in self.complaints if not is_expected(text)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Of a module: the loop of Playwright would be in the way of tests that have one."""
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright (extra dev)")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("needs Chromium, as by apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def serve() -> Iterator[Callable[..., ServedProcess]]:
    """Starts servers, which end after the pages that ask them."""
    started: list[ServedProcess] = []

    def start(model: Path, *, becomes_ready: bool = True, **options: object) -> ServedProcess:
        started.append(ServedProcess(model, **options))
        if becomes_ready:
            started[-1].wait_ready()
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def open_page(chromium: Any, report: Report, serve: object) -> Iterator[Callable[..., Any]]:
    """Opens the console of a server; in the end nothing may have been complained of."""
    opened: list[Any] = []

    def open_path(
        server: ServedProcess,
        path: str = "/",
        *,
        size: tuple[int, int] = WIDE,
        scheme: str = "light",
        **options: Any,
    ) -> Any:
        width, height = size
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **options
        )
        context.set_default_timeout(WAIT_MILLISECONDS)
        page = context.new_page()
        page.add_init_script(WATCH)
        page.on("console", lambda m: m.type == "error" and report.complaints.append(m.text))
        page.on("pageerror", lambda error: report.complaints.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.port}{path}")
        opened.append(page)
        return page

    yield open_path
    for page in opened:
        assert page.evaluate("window.violations") == []
        page.context.close()
    assert report.unexpected() == []


@pytest.fixture(scope="module")
def digits() -> Iterator[ServedProcess]:
    with ServedProcess(MODELS / "digits", calibration_budget_seconds=30) as server:
        yield server
