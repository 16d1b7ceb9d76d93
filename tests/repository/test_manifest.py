from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.errors import ModelLoadError
from longshore.repository.manifest import ListedFile, Manifest, parse_manifest

ENTRY = {"sha256": "a" * 64, "size": 3}


def document(**changes):
    return json.dumps({"version": 1, "files": {"model.onnx": ENTRY}, **changes}).encode()


def test_manifest_reads_back_what_it_wrote():
    manifest = Manifest({"a/b.bin": ListedFile("0" * 64, 0), "model.pt": ListedFile("f" * 64, 9)})
    assert parse_manifest(manifest.to_json().encode(), file="manifest.json") == manifest


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../other", "a/../../b", "a//b", "./a", "", ".", "a\\b", "a\0b", "a/"]
)
def test_entry_that_could_leave_the_directory_is_refused_by_name(name):
    with pytest.raises(ModelLoadError, match="leads out of the version directory") as raised:
        parse_manifest(document(files={name: ENTRY}), file="manifest.json")
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "must be an object"),
        (document(signature="x"), "and no more"),
        (document(version=2), '"version" must be 1'),
        (document(version=True), '"version" must be 1'),
        (document(files=[]), '"files" must be an object'),
        (document(files={}), "lists 0 files"),
        (document(files={"a": {"size": 1}}), 'a: must have "sha256" and "size"'),
        (document(files={"a": {**ENTRY, "sha256": "A" * 64}}), "lower-case hexadecimal"),
        (document(files={"a": {**ENTRY, "size": -1}}), "number of bytes"),
        (document(files={"a": {**ENTRY, "size": True}}), "number of bytes"),
        (document(files={"manifest.json": ENTRY}), "cannot list a manifest"),
        (b'{"version": 1, "version": 1, "files": {}}', "a key is given twice"),
    ],
)
def test_content_that_is_no_manifest_is_refused(content, message):
    with pytest.raises(ModelLoadError, match=r"^manifest\.json: ") as raised:
        parse_manifest(content, file="manifest.json")
    assert message in str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(
    st.binary(max_size=100)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(lambda version, files: document(version=version, files=files), JSON, JSON)
    | st.builds(
        lambda name, sha256, size: document(files={name: {"sha256": sha256, "size": size}}),
        st.text(max_size=8),
        st.just("a" * 64) | JSON,
        JSON,
    )
)
def test_any_bytes_are_a_manifest_or_refused(content):
    try:
        manifest = parse_manifest(content, file="manifest.json")
    except ModelLoadError as error:
        refusal = str(error)
        assert refusal.startswith("manifest.json: ")
    else:
        assert parse_manifest(manifest.to_json().encode(), file="again") == manifest


def test_a_manifest_of_more_values_than_files_can_have_is_refused_unparsed(monkeypatch):
    monkeypatch.setattr(json, "loads", lambda *args, **options: pytest.fail("parsed"))

    with pytest.raises(ModelLoadError, match=r"manifest\.json: not JSON: about 100000 values"):
        parse_manifest(b"[" + b"0," * 99_999 + b"0]", file="manifest.json")
