"""The pages in light and dark, on a desk and on a phone: contrast, names, targets, reflow; and the
documentation of the API.
"""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path

import pytest

from tests.console.accessibility import nameless, overflow, small_targets, weak_contrasts
from tests.console.conftest import MODELS, PHONE, WIDE
from tests.console.using import ask, picture_of_seven, predict_seven, sees

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("SCREENSHOTS")
"""Where pictures for the README are written; `make test-console` sets it."""
LOOKS = pytest.mark.parametrize("scheme", ["light", "dark"])
SIZES = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])


@LOOKS
@SIZES
def test_the_console_can_be_read_and_used_by_everybody(open_page, digits, scheme, size):
    page = open_page(digits, size=size, scheme=scheme)
    sees(page, "version 1 answers")
    predict_seven(page)

    assert weak_contrasts(page) == []
    assert nameless(page) == []
    assert small_targets(page) == []
    assert overflow(page) <= 0
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(20, 25, 27)") is (scheme == "dark")
    page.get_by_label("image", exact=True).fill("[1")
    page.get_by_role("button", name="Predict").click()
    sees(page, "This is not JSON")
    assert weak_contrasts(page) == []


@LOOKS
@SIZES
def test_the_documentation_can_be_read_by_everybody(open_page, digits, scheme, size):
    page = open_page(digits, "/docs", size=size, scheme=scheme)
    sees(page, "digits on Longshore")
    for summary in page.locator("summary").all()[:12]:
        summary.click()

    assert weak_contrasts(page) == []
    assert nameless(page) == []
    assert overflow(page) <= 0


def test_the_documentation_has_every_path_and_leads_to_its_schemas(open_page, digits):
    page = open_page(digits, "/docs")
    sees(page, "digits on Longshore")
    connection = http.client.HTTPConnection("127.0.0.1", digits.port, timeout=10)
    connection.request("GET", "/openapi.json")
    document = json.loads(connection.getresponse().read())
    connection.close()

    text = page.locator("#paths").inner_text()
    assert all(path in text for path in document["paths"])
    page.locator("summary", has_text="/v2/models/digits/infer").first.focus()
    page.keyboard.press("Enter")
    sees(page, '{"inputs":[{"name":"image","shape":[1,1,8,8]')
    page.get_by_role("link", name="InferenceRequest").first.click()
    schema = page.locator("#schema-InferenceRequest pre")
    schema.wait_for()
    schemas = document["components"]["schemas"]
    assert json.loads(schema.inner_text()) == schemas["InferenceRequest"]


def test_pages_lead_to_each_other(open_page, digits):
    page = open_page(digits)
    page.get_by_role("link", name="API documentation").click()
    sees(page, "digits on Longshore")
    page.get_by_role("link", name="Console").click()
    sees(page, "version 1 answers")


@pytest.mark.skipif(not PICTURES, reason="pictures are made by `make test-console`")
@pytest.mark.parametrize(
    ("name", "size", "scheme"), [("console", WIDE, "light"), ("console-phone", PHONE, "dark")]
)
def test_pictures_for_the_readme(open_page, digits, tmp_path, name, size, scheme):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow (extra image)")
    page = open_page(digits, size=size, scheme=scheme)
    sees(page, "version 1 answers")
    page.get_by_label("Image:").set_input_files(picture_of_seven(tmp_path))
    page.get_by_role("img", name="Image for image").wait_for()
    page.get_by_role("button", name="Predict").click()
    sees(page, "Largest: 7, answered in")
    body = (MODELS / "digits" / "request.json").read_bytes()
    for number in range(8):
        ask(digits, body, 200 + 60 * number)
        page.wait_for_timeout(1500)
    file = Path(str(PICTURES)) / f"{name}.webp"
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file.with_suffix(".png"))
    image.open(file.with_suffix(".png")).save(file, quality=80, method=6)
    file.with_suffix(".png").unlink()
    assert file.stat().st_size < 100_000
