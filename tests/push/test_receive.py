"""What the end in the pod refuses, without a pod."""

from __future__ import annotations

import errno
import json
import os
import threading

import pytest

from longshore_k8s.push.in_pod import receive as receiving
from longshore_k8s.push.in_pod.lines import Input, InputEnded, encode
from longshore_k8s.push.in_pod.receive import receive

SHA = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of b"hello"
MANIFEST = json.dumps({"version": 1, "files": {"model.onnx": {"sha256": SHA, "size": 5}}})
REQUEST = {
    "path": "m", "version": "1", "manifest": MANIFEST, "config": None,
    "replaces_config": False, "is_fresh": False,
}  # fmt: skip


def answers(mount, *said, silence_seconds=5.0):
    """What is told when these lines and bytes are said, and then nothing more."""
    reader, writer = os.pipe()
    content = b"".join(one if isinstance(one, bytes) else encode(one) for one in said)
    thread = threading.Thread(target=lambda: (os.write(writer, content), os.close(writer)))
    thread.start()
    told = []
    try:
        code = receive(Input(reader, silence_seconds=silence_seconds), told.append, mount)
    finally:
        thread.join()
        os.close(reader)
    return code, told


def test_a_version_is_published_once_all_of_it_came(tmp_path):
    code, told = answers(
        tmp_path, REQUEST, {"file": "model.onnx", "offset": 0}, b"hello", {"end": True}
    )

    assert (code, told[-1]) == (0, {"published": "1"})
    assert (tmp_path / "m/1/model.onnx").read_bytes() == b"hello"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": "../elsewhere"}, "leads out of the volume"),
        ({"version": "../1"}, "version"),
        ({"manifest": MANIFEST.replace("model.onnx", "../model.onnx")}, "leads out of the version"),
        ({"manifest": "{}"}, "must be an object"),
    ],
)
def test_a_request_that_leads_elsewhere_is_refused(tmp_path, change, reason):
    mount = tmp_path / "volume"
    mount.mkdir()

    code, told = answers(mount, {**REQUEST, **change})

    assert code == 1
    assert told[-1]["failed"] == "request"
    assert reason in told[-1]["reason"]
    assert list(mount.iterdir()) == list(tmp_path.iterdir())[1:] == []


@pytest.mark.parametrize(
    "line", [{"file": "other", "offset": 0}, {"file": "model.onnx", "offset": 3}]
)
def test_a_file_that_is_not_listed_or_begins_elsewhere_is_refused(tmp_path, line):
    code, told = answers(tmp_path, REQUEST, line, b"hello", {"end": True})

    assert code == 1
    assert told[-1]["failed"] in ("file", "request")
    assert not (tmp_path / "m/1").exists()


def test_what_does_not_fit_is_refused_before_it_is_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(receiving, "free_bytes", lambda root: 4)

    code, told = answers(tmp_path, REQUEST)

    assert (code, told[-1]) == (1, {"failed": "space", "needed": 5, "free": 4})
    assert list((tmp_path / "m").iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "space"),
        (errno.EDQUOT, "space"),
        (errno.EROFS, "readonly"),
        (errno.EACCES, "denied"),
        (errno.EIO, "filesystem"),
    ],
)
def test_what_a_volume_says_while_it_is_written_to_is_told_by_its_kind(
    tmp_path, monkeypatch, number, code
):
    def fail(*words):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    _, told = answers(tmp_path, REQUEST, {"file": "model.onnx", "offset": 0}, b"hello")

    assert told[-1]["failed"] == code
    assert os.strerror(number) in told[-1]["reason"]


@pytest.mark.parametrize("name", ["../1.json", "1.json", ".1-0123456789abcdef.json"])
def test_a_calibration_of_another_name_is_refused_and_nothing_is_published(tmp_path, name):
    file, calibration = {"file": "model.onnx", "offset": 0}, {"calibration": name, "text": "{}"}
    code, told = answers(tmp_path, REQUEST, file, b"hello", calibration, {"end": True})

    assert (code, told[-1]["failed"]) == (1, "request")
    assert not (tmp_path / "m/1").exists()


def test_a_directory_of_calibrations_that_leads_elsewhere_is_not_written_to(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "m").mkdir()
    (tmp_path / "m/calibration").symlink_to(elsewhere)
    file = {"file": "model.onnx", "offset": 0}
    calibration = {"calibration": "1-0123456789abcdef.json", "text": "{}"}

    code, told = answers(tmp_path, REQUEST, file, b"hello", calibration, {"end": True})

    assert (code, told[-1]["failed"]) == (1, "request")
    assert list(elsewhere.iterdir()) == []


def test_an_end_in_the_middle_leaves_what_came(tmp_path):
    code, told = answers(tmp_path, REQUEST, {"file": "model.onnx", "offset": 0}, b"hel")

    assert (code, told[-1]) == (1, {"there": {}})
    (staged,) = tmp_path.glob("m/.push-1-*/model.onnx")
    assert staged.read_bytes() == b"hel"


def test_another_end_that_says_nothing_is_taken_for_gone():
    reader, writer = os.pipe()
    with pytest.raises(InputEnded):
        Input(reader, silence_seconds=0.01).line()
    os.close(reader)
    os.close(writer)
