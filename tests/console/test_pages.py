"""The console and the API's documentation in a real Chromium, by what a person sees."""

from __future__ import annotations

import json
import re
import subprocess
import threading

import numpy as np
import pytest

from longshore.cli import main
from tests.attacks.served_process import identity_model
from tests.console.accessibility import nameless
from tests.console.conftest import MODELS
from tests.console.using import SEVEN, ask, picture_of_seven, predict_seven, sees, until
from tests.integration.conftest import EVERY_DATATYPE

pytestmark = pytest.mark.browser
QUICK = {"version_settle_seconds": 0}
HOSTILE = "<img src=x onerror=alert(1)>"


def test_a_person_predicts_through_the_form(open_page, digits):
    page = open_page(digits)

    sees(page, "version 1 answers")
    assert page.title() == "digits · Longshore"
    predict_seven(page)
    rows = page.locator("#answer tr")
    assert rows.count() == 11
    assert page.locator("#answer .largest").count() == 1


def test_what_is_served_is_told(open_page, digits):
    page = open_page(digits)

    sees(page, "FP32 [any, 1, 8, 8]")
    text = page.locator("#model").inner_text()
    for part in ("1, onnxruntime_onnx", "cpu", "logits FP32 [any, 10]", "requests share batches"):
        assert part in text
    assert "chose" in text  # the plan's own reasons


def test_it_is_used_by_keyboard_alone(open_page, digits):
    page = open_page(digits)
    sees(page, "version 1 answers")
    page.get_by_label("image", exact=True).wait_for()

    def focused() -> str:
        return page.evaluate("document.activeElement.id || document.activeElement.textContent")

    def tab_to(name: str) -> None:
        for _ in range(20):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            if focused() == name:
                return
        raise AssertionError(f"no Tab leads to {name}")

    tab_to("Skip to the form")
    page.keyboard.press("Enter")
    tab_to("input-0")
    page.keyboard.press("Control+A")
    page.keyboard.type(json.dumps(SEVEN))
    page.keyboard.press("Control+Enter")
    sees(page, "Largest: 7, answered in")
    tab_to("send")
    page.keyboard.press("Space")
    sees(page, "Largest: 7, answered in")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "form":
            break
    page.keyboard.press("ArrowRight")
    sees(page, "import urllib.request")
    tab_to("copy")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^(Copied|Selected: copy it)")).wait_for()


def test_an_image_is_resized_to_what_the_model_takes(open_page, digits, tmp_path):
    page = open_page(digits)

    page.get_by_label("Image:").set_input_files(picture_of_seven(tmp_path))
    page.get_by_role("img", name="Image for image").wait_for()
    assert page.evaluate("document.querySelector('canvas').width") == 8
    sent = json.loads(page.get_by_label("image", exact=True).input_value())
    assert len(sent) == 64
    assert np.corrcoef(sent, np.ravel(SEVEN))[0, 1] > 0.95
    page.get_by_role("button", name="Predict").click()
    sees(page, "Largest: 7, answered in")
    page.get_by_label("Pixels become").select_option("0 to 255")
    field = page.get_by_label("image", exact=True)
    until(page, lambda: max(json.loads(field.input_value())) > 200)


def test_a_file_that_is_no_image_is_told(open_page, digits, tmp_path):
    (tmp_path / "note.png").write_text("no image")
    page = open_page(digits)

    page.get_by_label("Image:").set_input_files(tmp_path / "note.png")

    sees(page, "note.png is not an image that this browser reads.")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1, 2", "This is not JSON"),
        ("[[1, 2], [3]]", "On axis 1 there is not a list of 2 everywhere."),
        ("[1, 2, 3]", "The shape [3] does not fit; the model takes [any, 1, 8, 8]."),
    ],
)
def test_a_mistake_is_told_at_its_field(open_page, digits, text, problem):
    page = open_page(digits)
    field = page.get_by_label("image", exact=True)

    field.fill(text)
    page.get_by_role("button", name="Predict").click()

    sees(page, problem)
    sees(page, "Not sent: a field has to be mended.")
    assert field.get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "input-0"
    described = field.get_attribute("aria-describedby").split()
    assert problem in page.locator(f"#{described[1]}").inner_text()
    predict_seven(page)
    assert field.get_attribute("aria-invalid") == "false"


def test_what_the_server_refuses_is_told(open_page, digits, report):
    report.expected = {400}
    page = open_page(digits)

    page.get_by_label("image", exact=True).fill(json.dumps([1e300] * 64))
    page.get_by_role("button", name="Predict").click()

    sees(page, "input 'image': element 0 of `data` is 1e+300; FP32 takes numbers from")


def test_each_datatype_has_a_field_and_an_example_that_works(open_page, serve, tmp_path):
    directory = tmp_path / "types" / "1"
    directory.mkdir(parents=True)
    (directory / "model.identity").write_text(EVERY_DATATYPE)
    server = serve(directory.parent, **QUICK)
    page = open_page(server)
    page.get_by_label("INPUT_INT64").fill("[[9007199254740993, -9223372036854775808]]")
    page.get_by_label("INPUT_STRING").fill('[["a", "é <b>"]]')
    page.get_by_role("button", name="Predict").click()

    sees(page, "Answered in")
    assert page.locator("#answer h3").count() == 13
    text = page.locator("#answer").inner_text()
    assert "9007199254740993" in text  # more than a double holds
    assert "-9223372036854775808" in text
    assert "é <b>" in text
    assert nameless(page) == []


@pytest.mark.parametrize(
    ("datatype", "dims", "typed", "sent"),
    [
        ("FP32", "[-1, 1]", "0.5", {"shape": [1, 1], "data": [0.5]}),
        ("INT64", "[-1, 1]", "9007199254740993", {"shape": [1, 1], "data": [9007199254740993]}),
        ("STRING", "[-1]", "one\ntwo", {"shape": [2], "data": ["one", "two"]}),
        ("STRING", "[-1, 1]", "one\ntwo", {"shape": [2, 1], "data": ["one", "two"]}),
        ("FP32", "[-1, 2, 2]", "[[1,2,3,4],[5,6,7,8]]",
         {"shape": [2, 2, 2], "data": [1, 2, 3, 4, 5, 6, 7, 8]}),
        ("STRING", "[-1, 2]", '["a]", "b["]', {"shape": [1, 2], "data": ["a]", "b["]}),
    ],
)  # fmt: skip
def test_what_is_typed_is_sent_in_the_models_shape(
    open_page, serve, tmp_path, datatype, dims, typed, sent
):
    model = identity_model(tmp_path)
    spec = f"input:\n  - {{name: INPUT0, data_type: TYPE_{datatype}, dims: {dims}}}\n"
    (model / "1" / "model.identity").write_text(spec)
    server = serve(model, **QUICK)
    page = open_page(server)
    page.get_by_label("INPUT0", exact=True).fill(typed)
    with page.expect_request("**/infer") as request:
        page.get_by_role("button", name="Predict").click()
    sees(page, "nswered in")

    (tensor,) = json.loads(request.value.post_data)["inputs"]
    assert {key: tensor[key] for key in sent} == sent


def test_a_number_that_is_none_is_not_sent(open_page, serve, tmp_path):
    model = identity_model(tmp_path)
    spec = "input:\n  - {name: INPUT0, data_type: TYPE_INT8, dims: [-1, 1]}\n"
    (model / "1" / "model.identity").write_text(spec)
    server = serve(model, **QUICK)
    page = open_page(server)
    page.get_by_label("INPUT0", exact=True).fill("1.5")
    page.get_by_role("button", name="Predict").click()
    sees(page, "1.5 is not a whole number.")


def test_a_large_input_is_filled_or_comes_from_a_file(open_page, serve, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow (extra image)")
    model = identity_model(tmp_path)
    spec = "input:\n  - {name: INPUT0, data_type: TYPE_UINT8, dims: [-1, 48, 64, 3]}\n"
    (model / "1" / "model.identity").write_text(spec)
    image.new("RGB", (640, 480), (10, 20, 30)).save(tmp_path / "plain.png")
    server = serve(model, **QUICK)
    page = open_page(server)
    with page.expect_request("**/infer") as request:
        page.get_by_role("button", name="Predict").click()
    sees(page, "Answered in")
    (tensor,) = json.loads(request.value.post_data)["inputs"]
    assert (tensor["shape"], len(tensor["data"])) == ([1, 48, 64, 3], 9216)
    page.get_by_label("Image:").set_input_files(tmp_path / "plain.png")
    page.get_by_role("img", name="Image for INPUT0").wait_for()
    with page.expect_request("**/infer") as request:
        page.get_by_role("button", name="Predict").click()
    (tensor,) = json.loads(request.value.post_data)["inputs"]
    assert tensor["shape"] == [1, 48, 64, 3]
    assert tensor["data"][:3] == tensor["data"][-3:] == [10, 20, 30]


def test_the_request_to_copy_is_that_of_the_form(open_page, digits, capsys):
    page = open_page(digits)
    code = page.locator("#code")
    sees(page, "curl -s http")

    for label, form in (("tritonclient", "tritonclient"), ("Python", "python"), ("curl", "curl")):
        page.get_by_label(label, exact=True).check()
        assert main(["example", f"http://127.0.0.1:{digits.port}", "--as", form]) == 0
        assert code.text_content() == capsys.readouterr().out
    predict_seven(page)
    until(page, lambda: "0.8125" in code.text_content())
    found = subprocess.run(
        ["sh", "-c", code.text_content()], capture_output=True, text=True, check=True
    )
    (output,) = json.loads(found.stdout)["outputs"]
    assert max(range(10), key=output["data"].__getitem__) == 7


def test_the_load_is_shown_while_it_comes(open_page, digits):
    page = open_page(digits)
    sees(page, "version 1 answers")
    body = (MODELS / "digits" / "request.json").read_bytes()
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            ask(digits, body, 20)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        page.locator("#load dd").first.filter(has_text=re.compile("[1-9]")).wait_for()
        page.locator("#load dd").nth(1).filter(has_text="ms").wait_for()
    finally:
        stop.set()
        thread.join()
    tiles = dict(zip(page.locator("#load dt").all_inner_texts(),
                     page.locator("#load dd").all_inner_texts(), strict=True))  # fmt: skip

    assert re.fullmatch(r"[\d.]+ ms", tiles["Latency, p50"])
    assert float(tiles["Rows in a batch"]) >= 1
    assert re.match(r"\d+ %", tiles["Utilization"])
    assert page.locator("#history polyline").get_attribute("points")


def test_a_version_that_is_refused_is_shown_with_its_reason(open_page, serve, tmp_path):
    model = identity_model(tmp_path)
    options = {"model_poll_seconds": 0.2, **QUICK}
    server = serve(model, **options)
    page = open_page(server)
    sees(page, "version 1 answers")
    page.get_by_label("INPUT0").fill("[9, 8, 7, 6]")
    (model / "2").mkdir()
    (model / "2" / "model.identity").write_text("colour: red\n")

    page.locator("#versions tr", has_text="FAILED").wait_for()
    row = page.locator("#versions tr", has_text="FAILED").inner_text()
    assert "2" in row
    assert "colour" in row
    sees(page, "version 1 answers")
    (model / "3").mkdir()
    (model / "3" / "model.identity").write_text((model / "1/model.identity").read_text())
    sees(page, "version 3 answers")
    page.locator("#model dd", has_text="3, identity").wait_for()
    assert page.get_by_label("INPUT0").input_value() == "[9, 8, 7, 6]"


def test_before_a_model_is_ready_the_reason_is_shown(open_page, serve, tmp_path):
    model = tmp_path / "broken"
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.onnx").write_bytes(b"no model")
    server = serve(model, becomes_ready=False, **QUICK)
    while not server.health().get("problems"):
        assert server.is_running

    page = open_page(server)

    sees(page, "not ready")
    assert "model.onnx" in page.locator("#versions").inner_text()


def test_a_token_is_asked_for_where_one_is_required(open_page, serve, tmp_path, report):
    report.expected = {401}
    (tmp_path / "tokens").write_text("secret\n")
    options = {"auth_token_file": tmp_path / "tokens", "console": "on", **QUICK}
    server = serve(identity_model(tmp_path), **options)
    page = open_page(server)
    field = page.get_by_label("This server asks for a bearer token")
    field.wait_for()
    assert page.evaluate("document.activeElement.id") == "token"
    field.fill("wrong")
    page.keyboard.press("Enter")
    until(page, lambda: field.input_value() == "" and field.is_visible())
    field.fill("secret")
    page.keyboard.press("Enter")
    sees(page, "version 1 answers")
    page.get_by_role("button", name="Predict").click()
    sees(page, "nswered in")
    assert "$TOKEN" in page.locator("#code").inner_text()
    assert "secret" not in page.content()


def test_names_and_texts_of_a_model_stay_text(open_page, serve, tmp_path):
    model = identity_model(tmp_path)
    spec = f"input:\n  - {{name: '{HOSTILE}', data_type: TYPE_STRING, dims: [-1]}}\n"
    (model / "1" / "model.identity").write_text(spec)
    server = serve(model, **QUICK)
    page = open_page(server)
    page.get_by_label(HOSTILE).fill(HOSTILE)
    page.get_by_role("button", name="Predict").click()
    sees(page, "nswered in")
    assert page.locator("img").count() == 0
    assert HOSTILE in page.locator("#answer").inner_text()
