"""What torch would evaluate in the JSON of a `.pt2` archive does not run, nor is it refused when
torch itself wrote it.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from longshore.backends.pytorch.program_document import check_program
from longshore.errors import ModelLoadError
from tests.backends.conftest import Place, load

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
Document = dict[str, Any]
Change = Callable[[Document, str], None]


class Doubles(torch.nn.Module):
    def forward(self, x: torch.Tensor, *, y: torch.Tensor) -> torch.Tensor:
        return (x + y).reshape(-1)


def archive(module: torch.nn.Module, *arguments: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(module, arguments, **options), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def original() -> bytes:
    rows = {"x": {0: torch.export.Dim("rows")}, "y": {0: torch.export.Dim("rows")}}
    kwargs = {"y": torch.ones(2, 3)}
    return archive(Doubles(), torch.ones(2, 3), kwargs=kwargs, dynamic_shapes=rows)


def document_of(content: bytes) -> Document:
    with zipfile.ZipFile(io.BytesIO(content)) as entries:
        name = next(name for name in entries.namelist() if name.endswith("models/model.json"))
        return json.loads(entries.read(name))


def changed(content: bytes, document: Document) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            is_program = name.endswith("models/model.json")
            new.writestr(name, json.dumps(document) if is_program else old.read(name))
    return target.getvalue()


def replace_text(document: Document, old: str, new: str) -> None:
    text = json.dumps(document).replace(json.dumps(old), json.dumps(new))
    document.clear()
    document.update(json.loads(text))


def in_sizes(document: Document, code: str) -> None:
    text, count = re.subn(
        r'"expr_str": "[^"]*"', lambda _: f'"expr_str": {json.dumps(code)}', json.dumps(document)
    )
    assert count
    document.update(json.loads(text))


def in_a_symbol(document: Document, code: str) -> None:
    escaped = code.replace("'", '"')
    in_sizes(document, f"Symbol('s77', positive=True) + Add('{escaped}', 1)")


def in_an_input(document: Document, code: str) -> None:
    replace_text(document, "x", f"x={code}")


def in_a_node(document: Document, code: str) -> None:
    replace_text(document, "reshape", f"reshape = {code};reshape")


def in_an_argument(document: Document, code: str) -> None:
    argument = document["graph_module"]["graph"]["nodes"][0]["inputs"][1]
    argument.update(name=f"other={code} or other", kind=2)


def in_a_target(document: Document, code: str) -> None:
    document["graph_module"]["graph"]["nodes"][0]["target"] = f"torch.ops.{code}"


def in_parameter_names(document: Document, code: str) -> None:
    document["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"] = [
        f"x={code}",
        "y",
    ]


def in_keyword_names(document: Document, code: str) -> None:
    signature = document["graph_module"]["module_call_graph"][0]["signature"]
    signature["forward_arg_names"] = None
    signature["in_spec"] = signature["in_spec"].replace(
        '\\"y\\"', json.dumps(json.dumps(f"y={code}"))[1:-1]
    )
    assert code.split("'")[0] in signature["in_spec"]


@pytest.mark.parametrize(
    "change",
    [in_sizes, in_a_symbol, in_an_input, in_a_node, in_an_argument, in_a_target,
     in_parameter_names, in_keyword_names],
)  # fmt: skip
def test_code_in_a_program_never_runs(
    place: Place, tmp_path: Path, original: bytes, change: Change
) -> None:
    marker = tmp_path / "ran"
    document = document_of(original)

    change(document, f"__import__('os').mkdir('{marker}')")

    with pytest.raises(ModelLoadError, match=r"model\.pt2: models/model\.json: "):
        load(place(changed(original, document), "model.pt2"))
    assert not marker.exists()


def test_guards_of_the_archive_are_not_run(place: Place, tmp_path: Path, original: bytes) -> None:
    marker = tmp_path / "ran"
    document = document_of(original)
    document["guards_code"] = [f"__import__('os').mkdir('{marker}') is None"]

    backend = load(place(changed(original, document), "model.pt2"))

    rows = np.ones((2, 3), np.float32)
    backend.execute({"x": rows, "y": rows}, backend.signature.output_names)
    assert not marker.exists()


def test_a_tree_spec_imports_nothing(place: Place, original: bytes) -> None:
    document = document_of(original)
    signature = document["graph_module"]["module_call_graph"][0]["signature"]
    context = {"__enum__": 1, "fqn": "antigravity:x", "name": "y"}
    tree = {"type": "builtins.dict", "context": json.dumps(context), "children_spec": []}
    signature["out_spec"] = json.dumps([1, tree])

    with pytest.raises(ModelLoadError, match=r"models/model\.json: tree spec with"):
        load(place(changed(original, document), "model.pt2"))
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "size",
    ["9**9**9", "Pow(Pow(9, 9), 9)", "exec(1)", "x.y", "[1]", "lambda: 1", "'text'", "Add(*x)",
     "Symbol('a b')", "__import__", "1 if x else 2", "x" * 20_000, "(" * 300 + ")" * 300, "1 +"],
)  # fmt: skip
def test_a_size_is_nothing_but_a_sum_of_symbols(size: str) -> None:
    with pytest.raises(ValueError, match="is not an expression that torch writes"):
        check_program(json.dumps({"expr_str": size}).encode())


class Sizes(torch.nn.Module):
    """As many kinds of expressions, operators and texts as fit into one program."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleDict({"down-1": torch.nn.Conv2d(3, 4, 3, stride=2)})
        self.register_buffer("scale", torch.ones(3))

    def forward(self, x: torch.Tensor, image: torch.Tensor) -> dict[str, Any]:
        image = torch.nn.functional.max_pool2d(self.layers["down-1"](image), 2)
        return {
            "it's (a) [name]": torch.cond(x.sum() > 0, lambda a: a + 1, lambda a: a * 2, (x,)),
            "image": torch.nn.functional.interpolate(image, scale_factor=2, mode="bilinear"),
            "found": torch.nonzero(x > 0),
            "range": torch.arange(x.shape[0] * 2 + 1),
            "sum": torch.einsum("ij,ij->j", x, x) * float(x.shape[0]) * self.scale,
            "floor": torch.div(x, 2, rounding_mode="floor"),
            "part": torch.cat([x, x]).reshape(-1, 3)[: x.shape[0] // 2 + 1],
        }


def test_what_torch_writes_is_taken(place: Place) -> None:
    auto = torch.export.Dim.AUTO
    shapes = {"x": {0: auto}, "image": {0: auto, 2: auto, 3: auto}}
    content = archive(Sizes(), torch.ones(4, 3), torch.ones(2, 3, 32, 32), dynamic_shapes=shapes)

    assert "FloorDiv(" in json.dumps(document_of(content))

    backend = load(place(content, "model.pt2"))

    inputs = {"x": np.ones((4, 3), np.float32), "image": np.ones((2, 3, 40, 36), np.float32)}
    outputs = backend.execute(inputs, backend.signature.output_names)
    assert outputs["it's (a) [name]"].tolist() == [[2.0] * 3] * 4
    assert outputs["image"].shape == (2, 4, 18, 16)


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


class Pairs(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, Pair]:
        return {"pair": Pair(x, x)}


def test_a_container_of_the_models_own_is_refused_by_name_with_the_remedy(place: Place) -> None:
    pytree._register_namedtuple(Pair, serialized_type_name="tests.Pair")
    try:
        content = archive(Pairs(), torch.ones(2))
    finally:
        pytree._deregister_pytree_node(Pair)

    message = "output 'pair' is a 'collections.namedtuple', which .* use dictionaries, lists or tup"
    with pytest.raises(ModelLoadError, match=message):
        load(place(content, "model.pt2"))


@pytest.mark.parametrize(
    "size",
    [
        "9**999999999",
        "Pow(Integer(9), Integer(999999999))",
        "PowByNatural(Integer(9), Integer(999999999))",
        "Pow(Float('9', precision=53), Float('1e300', precision=53))",
        "2**(99*99*99*99*99)",
        "2**(Symbol('s0', integer=True) - Symbol('s0', integer=True) + 9999999999)",
        "1 << 99999999999",
        "LShift(Integer(1), Integer(99999999999))",
        "LShift(1, LShift(1, 100))",
    ],
)
def test_a_size_without_end_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="is not an expression that torch writes"):
        check_program(json.dumps({"expr_str": size}).encode())


@pytest.mark.parametrize(
    "size",
    [
        "Pow(Symbol('s0', integer=True, positive=True), Integer(2))",
        "Symbol('s0')**2",
        "FloatPow(Float('2.0', precision=53), Float('0.5', precision=53))",
        "LShift(Symbol('s0'), Integer(3))",
        "PowByNatural(Symbol('s0'), Add(Symbol('s1'), Integer(-1)))",
    ],
)
def test_a_power_as_models_have_them_is_taken(size: str) -> None:
    check_program(json.dumps({"expr_str": size}).encode())


@pytest.mark.parametrize(
    "tree",
    ["[]", "[1]", "5", "null", "[1, {}]", '[1, {"type": "builtins.list", "context": null}]',
     '[1, {"type": [], "context": ""}]', "[" * 10_000,
     '[1, {"type": "builtins.list", "context": "[]", "children_spec": [{}]}]'],
)  # fmt: skip
def test_a_tree_spec_that_is_none_is_refused(tree: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_program(json.dumps({"in_spec": tree}).encode())
