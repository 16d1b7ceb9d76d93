"""Single changes of a module that a test should notice: of a comparison, of a constant; where
arithmetic is what a module is for, of an operator and of a rounding too.

The operators are relational operator replacement, constant replacement and arithmetic operator
replacement (Offutt et al., "An experimental determination of sufficient mutant operators", ACM
TOSEM 5(2), 1996).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

NEIGHBOUR: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
"""What each comparison becomes: an ordering moves its bound by one, the others are negated."""
OTHER: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
"""What each operator becomes: a floor is left out, the others do the opposite."""
OTHER_FUNCTION = {
    "minimum": "maximum",
    "maximum": "minimum",
    "min": "max",
    "max": "min",
    "ceil": "floor",
    "trunc": "ceil",
}
"""Of numpy: bounds and roundings."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed module."""

    line: int
    change: str
    """`before -> after`, of the expression that was changed."""
    source: str
    """The whole module with the change."""


def mutants(source: str, *, is_arithmetic: bool = False) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines; of its operators where asked for."""
    whole = source.encode()
    starts = [0]
    for line in whole.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    changes = _comparisons(source) + _constants(source)
    if is_arithmetic:
        changes += _operators(source)
    for node, text in sorted(changes, key=lambda c: (c[0].lineno, c[0].col_offset)):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = " ".join(whole[begin:end].decode().split())
        changed = whole[:begin] + text.encode() + whole[end:]
        yield Mutant(node.lineno, f"{before} -> {text}", changed.decode())


def _comparisons(source: str) -> list[tuple[ast.expr, str]]:
    found: list[tuple[ast.expr, str]] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        for index, operator in enumerate(node.ops):
            operators = list(node.ops)
            operators[index] = NEIGHBOUR[type(operator)]()
            changed = ast.Compare(node.left, operators, node.comparators)
            found.append((node, f"({ast.unparse(changed)})"))
    return found


def _operators(source: str) -> list[tuple[ast.expr, str]]:
    found: list[tuple[ast.expr, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp) and type(node.op) in OTHER and not _is_type(node.right):
            changed = ast.BinOp(node.left, OTHER[type(node.op)](), node.right)
            found.append((node, f"({ast.unparse(changed)})"))
        elif isinstance(node, ast.Attribute) and node.attr in OTHER_FUNCTION:
            other = ast.Attribute(node.value, OTHER_FUNCTION[node.attr])
            found.append((node, ast.unparse(other)))
    return found


def _is_type(node: ast.expr) -> bool:
    """Of `X | None`, the right side."""
    return isinstance(node, ast.Constant) and node.value is None


def _constants(source: str) -> list[tuple[ast.expr, str]]:
    """Numbers and truth values; texts are left alone, and so is what only describes types."""
    finder = _Constants()
    finder.visit(ast.parse(source))
    return finder.found


class _Constants(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[tuple[ast.expr, str]] = []

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self.found.append((node, str(not node.value)))
        elif isinstance(node.value, int):
            self.found.append((node, str(node.value + 1)))
        elif isinstance(node.value, float):
            self.found.append((node, str(node.value * 2 or 1.0)))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for child in node.body:  # without its decorators: `slots=True` is no behaviour
            self.visit(child)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        for child in node.body:
            self.visit(child)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 (ast's name)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
