"""The CPU image as a pod runs it: another user, a read-only root, nothing but its own files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from longshore import __version__
from tests.cluster import image as cluster_image
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.images import Image
from tests.images.running_image import running

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "models/digits"
MOST_BYTES_ABOVE_BASE = 230_000_000
COMPILERS = ("gcc", "cc", "g++", "clang", "ld", "as", "make")


def _described(name: str) -> dict:
    return json.loads(commands.run("buildah", "inspect", "--type", "image", name))


def _size(name: str) -> int:
    listed = json.loads(commands.run("buildah", "images", "--json", name))[0]
    number, unit = listed["size"].split()
    return int(float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])


def _digit(answer: bytes) -> int:
    logits = json.loads(answer)["outputs"][0]["data"]
    return logits.index(max(logits))


def test_it_serves_on_a_read_only_root_and_leaves_on_sigterm(mounted_image: Image, tmp_path: Path):
    with running(mounted_image, DIGITS, tmp_path) as container:
        container.wait_until_ready()
        answer = container.request(
            "/v2/models/digits/infer", (DIGITS / "request.json").read_bytes()
        )
        assert _digit(answer) == 7
        assert container.shows("sh", "-c", "grep -q longshore /proc/1/cmdline")
        assert container.shows("sh", "-c", 'test "$(id -u):$(id -g)" = 10001:10001')
        assert not container.shows("touch", "/opt/longshore/file")

        assert container.stop() == 0


def test_it_needs_no_writable_file_at_all(mounted_image: Image, tmp_path: Path):
    with running(mounted_image, DIGITS, tmp_path, mounts=()) as container:
        container.wait_until_ready()
        assert not container.shows("touch", "/tmp/file")

        assert container.stop() == 0


def test_text_models_find_the_locale_that_they_name(mounted_image: Image, tmp_path: Path):
    """As scikit-learn's text pipelines are exported: StringNormalizer with en_US.UTF-8."""
    node = helper.make_node(
        "StringNormalizer", ["text"], ["lower"], case_change_action="LOWER", locale="en_US.UTF-8"
    )
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.STRING, [shape])
        for name, shape in (("text", "n"), ("lower", "n"))
    ]
    graph = helper.make_graph([node], "text", tensors[:1], tensors[1:])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "lower/1").mkdir(parents=True)
    onnx.save(proto, tmp_path / "lower/1/model.onnx")
    words = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["HÄFEN", "Quay"]}

    with running(mounted_image, tmp_path / "lower", tmp_path) as container:
        container.wait_until_ready()
        body = json.dumps({"inputs": [words]}).encode()
        answer = json.loads(container.request("/v2/models/lower/infer", body))

    assert answer["outputs"][0]["data"] == ["häfen", "quay"]


def test_it_is_small_says_what_it_is_and_holds_no_compiler(built_image: str, mounted_image: Image):
    config = _described(built_image)["OCIv1"]["config"]
    base = config["Labels"]["org.opencontainers.image.base.name"]
    found = [name for name in COMPILERS if list(Path(mounted_image.root).glob(f"usr/*bin/{name}"))]
    above = _size(built_image) - _size(base)
    print(f"{built_image}: {above / 1e6:.0f} MB above {base}")

    assert above <= MOST_BYTES_ABOVE_BASE
    assert found == []
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["longshore"]
    assert all(
        config["Labels"][f"org.opencontainers.image.{key}"] for key in ("version", "revision")
    )


def test_a_change_of_the_code_leaves_the_layers_of_the_dependencies(
    built_image: str, tmp_path: Path
):
    tree = tmp_path / "tree"
    for name in (
        "server",
        "chart",
        "Makefile",
        "Dockerfile.cpu",
        ".dockerignore",
        "pyproject.toml",
    ):
        _copy(ROOT / name, tree / name)
    for name in ("constraints.txt", "README.md", "LICENSE"):
        _copy(ROOT / name, tree / name)
    code = tree / "server/longshore/__init__.py"
    code.write_text(code.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    changed_name = "localhost/longshore-cpu:image-tests-changed"

    cluster_image.build(changed_name, tree=tree)

    before = _described(built_image)["OCIv1"]["rootfs"]["diff_ids"]
    after = _described(changed_name)["OCIv1"]["rootfs"]["diff_ids"]
    first_changed = next(
        i for i, pair in enumerate(zip(before, after, strict=True)) if len({*pair}) > 1
    )
    print(f"layers kept: {first_changed} of {len(before)}")
    # The base's layer, the locale and the dependencies stay; the package's own layer is new.
    assert first_changed == 3
    commands.run("buildah", "rmi", changed_name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def test_its_labels_say_what_it_was_made_of(built_image: str):
    labels = _described(built_image)["OCIv1"]["config"]["Labels"]
    found = {key.removeprefix("org.opencontainers.image."): text for key, text in labels.items()}
    commit = commands.run("git", "-C", str(ROOT), "show", "--no-patch", "--format=%H %cI", "HEAD")

    assert f"{found['revision']} {found['created']}" == commit
    assert found["version"] == __version__
    assert found["licenses"] == "Apache-2.0"
    assert {"source", "title", "description", "base.name"} <= found.keys()
