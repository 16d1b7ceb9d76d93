"""What `models/model.json` of a `.pt2` archive may say, judged before torch reads it.

torch evaluates parts of this document: sizes go through `sympy.sympify`, which is Python's `eval`;
names become the source code of a generated module; the context of a tree spec may name a module to
import (torch/_export/serde/serialize.py, torch/fx/graph.py, torch/utils/_pytree.py). So each kind
of text is held against what torch itself writes there.
"""

from __future__ import annotations

import ast
import json
import re
from math import inf, prod
from typing import Any

from longshore.repository.bounded_json import load_json

_FREE = frozenset({"metadata", "as_string", "as_strings", "guards_code"})
"""Data for torch, or for people. Guards are not generated without sample inputs, which the archive
that torch is given does not have.
"""
_NAME = re.compile(r"[\w.:/@+\- ]*")
_TARGET = re.compile(r"[\w.]*")
_SYMBOL = re.compile(r"[A-Za-z]\w*")
_NUMBER = re.compile(r"[-+\d.eE]+")
_MOST_CHARACTERS = 10_000
_FUNCTIONS = frozenset({
    "Abs", "Add", "And", "CeilDiv", "CeilToInt", "CleanDiv", "Eq", "Equality", "Float",
    "FloatPow", "FloatTrueDiv", "FloorDiv", "FloorToInt", "Ge", "GreaterThan", "Gt", "Identity",
    "IntTrueDiv", "Integer", "IsNonOverlappingAndDenseIndicator", "LShift", "Le", "LessThan",
    "Lt", "Max", "Min", "Mod", "ModularIndexing", "Mul", "Ne", "Not", "Or", "Piecewise", "Pow",
    "PowByNatural", "PythonMod", "RShift", "Rational", "RoundDecimal", "RoundToInt",
    "StrictGreaterThan", "StrictLessThan", "Symbol", "ToFloat", "TruncToFloat", "TruncToInt",
    "Unequality", "Where", "ceiling", "floor",
})  # fmt: skip
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow", "LShift"})
_MOST_EXPONENT = 256
"""Of the constants in an exponent together; sizes of tensors are raised to 2, or shifted by 3."""
_SYNTAX = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.keyword,
    ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_CONTAINERS = frozenset(
    {
        "builtins.tuple",
        "builtins.list",
        "builtins.dict",
        "collections.OrderedDict",
        "collections.deque",
        "torch.fx.immutable_collections.immutable_list",
        "torch.fx.immutable_collections.immutable_dict",
        "torch.Size",
    }
)


def check_program(content: bytes) -> None:
    """Raises:
    ValueError: not JSON, or a text in it that torch would evaluate and that it does not write.
    """
    document = load_json(content)
    try:
        _check(document, "")
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
        raise ValueError(f"models/model.json: not as torch writes it: {error!r}") from error


def _check(value: Any, key: str) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _check_text(name, "key")
            if name not in _FREE:
                _check(part, name)
    elif isinstance(value, list):
        for part in value:
            _check(part, key)
    elif isinstance(value, str):
        _check_text(value, key)


def _check_text(text: str, key: str) -> None:
    if key == "expr_str":
        _check_expression(text)
    elif key in ("in_spec", "out_spec"):
        _check_tree(_tree(text), "input" if key == "in_spec" else "output", "")
    elif not (_TARGET if key == "target" else _NAME).fullmatch(text):
        raise ValueError(f"models/model.json: {key} {text[:80]!r} is not one that torch writes")


def _check_expression(text: str) -> None:
    refusal = f"models/model.json: size {text[:80]!r} is not an expression that torch writes"
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(refusal)
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(refusal) from error
    nodes = list(ast.walk(tree))
    texts = {id(node.args[0]) for node in nodes if isinstance(node, ast.Call) and _has_text(node)}
    for node in nodes:
        if not _is_allowed(node, texts) or _is_endless(node):
            raise ValueError(refusal)


def _has_text(call: ast.Call) -> bool:
    """`Symbol('s0', ...)` or `Float('0.5', ...)`: the only calls that take text."""
    if not (isinstance(call.func, ast.Name) and call.args):
        return False
    text = call.args[0]
    form = {"Symbol": _SYMBOL, "Float": _NUMBER}.get(call.func.id)
    if form is None or not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return False
    return form.fullmatch(text.value) is not None


def _is_allowed(node: ast.AST, texts: set[int]) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
    if isinstance(node, ast.Name):
        return _SYMBOL.fullmatch(node.id) is not None
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool | int | float) or id(node) in texts
    return isinstance(node, _SYNTAX)


def _is_endless(node: ast.AST) -> bool:
    """A power of a power, or a large one: few characters, a number without end."""
    if not _is_power(node):
        return False
    inside = [part for child in ast.iter_child_nodes(node) for part in ast.walk(child)]
    return any(map(_is_power, inside)) or _largest_exponent(node) > _MOST_EXPONENT


def _is_power(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _POWERS
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift)


def _largest_exponent(power: ast.AST) -> float:
    """No sum, difference or product of the constants in the exponent is larger."""
    operands = (
        [power.right] if isinstance(power, ast.BinOp) else [*power.args[1:], *power.keywords]  # type: ignore[attr-defined]
    )
    constants = (
        part.value for operand in operands for part in ast.walk(operand)
        if isinstance(part, ast.Constant)
    )  # fmt: skip
    return prod(max(2.0, _magnitude(constant)) for constant in constants)


def _magnitude(constant: object) -> float:
    """Of a number, or of the text of one (`Float('0.5')`); names of symbols have none."""
    try:
        return abs(float(constant))  # type: ignore[arg-type]
    except ValueError:
        return 0.0
    except OverflowError:
        return inf


def _tree(text: str) -> Any:
    protocol, tree = json.loads(text)
    if protocol != 1 or not isinstance(tree, dict):
        raise ValueError(f"models/model.json: tree spec of protocol {protocol!r}, allowed: 1")
    return tree


def _check_tree(tree: dict[str, Any], kind: str, path: str) -> None:
    """Containers that torch knows by itself: others need the code that defines them."""
    name, context = tree["type"], tree["context"]
    if name is None:
        return
    if name not in _CONTAINERS:
        part = f"{kind} '{path}'" if path else f"the {kind}"
        raise ValueError(
            f"{part} is a {name!r}, which only its own code can read; use dictionaries, lists or "
            "tuples in the model, and export it again"
        )
    keys = json.loads(context) if context else None
    if not _is_plain(keys, kind):
        raise ValueError(f"models/model.json: tree spec with {str(context)[:80]!r}")
    for index, child in enumerate(tree["children_spec"]):
        key = keys[index] if isinstance(keys, list) else index
        _check_tree(child, kind, f"{path}.{key}" if path else str(key))


def _is_plain(keys: Any, kind: str) -> bool:
    """The keys of a dictionary, the bound of a deque, or nothing; those of inputs become names."""
    scalars = keys if isinstance(keys, list) else [keys]
    return all(
        key is None
        or isinstance(key, bool | int | float)
        or (isinstance(key, str) and (kind == "output" or _NAME.fullmatch(key) is not None))
        for key in scalars
    )
